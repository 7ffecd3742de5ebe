from __future__ import annotations

import threading
import time
from datetime import timedelta
from typing import Any

import pytest
from django.apps import apps
from django.db import connections

from clients.kernel import jobs
from clients.kernel.jobs import PERIODIC, PeriodicJob, claim_slot, once_per_slot, sync_schedule
from clients.models import Tenant
from config.celery import app

HOUR, SECOND = timedelta(hours=1), timedelta(seconds=1)


def test_the_second_call_in_a_slot_does_nothing(db: None) -> None:
    ran = []

    @once_per_slot(timedelta(days=1000))
    def job() -> str:
        ran.append(1)
        return "done"

    assert [job(), job()] == ["done", None]
    assert ran == [1]


def test_each_job_has_a_turn_of_its_own(db: None) -> None:
    assert claim_slot("one", HOUR)
    assert claim_slot("other", HOUR)


def test_the_next_slot_is_a_new_turn(db: None) -> None:
    assert claim_slot("one", SECOND)
    time.sleep(1)
    assert claim_slot("one", SECOND)


@pytest.mark.commits
def test_two_schedulers_run_a_job_once(acacia: Tenant) -> None:
    won: list[bool] = []
    together = threading.Barrier(8)

    def scheduler() -> None:
        together.wait(10)
        won.append(claim_slot("tests.nightly", timedelta(days=1000)))
        connections.close_all()

    threads = [threading.Thread(target=scheduler) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(won) == [False] * 7 + [True]


@pytest.mark.commits
def test_the_schedule_agrees_with_the_jobs_and_keeps_what_was_switched_off(
    acacia: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "PERIODIC", {"tests.job": PeriodicJob("tests.job", HOUR)})
    rows: Any = apps.get_model("django_celery_beat", "PeriodicTask").objects
    sync_schedule("default")
    rows.filter(name="tests.job").update(enabled=False)
    sync_schedule("default")

    row = rows.get(name="tests.job")
    assert (row.task, row.interval.every, row.interval.period) == ("tests.job", 3600, "seconds")
    assert row.enabled is False


@pytest.mark.commits
def test_the_row_of_a_job_that_no_longer_exists_goes_and_others_stay(
    acacia: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows: Any = apps.get_model("django_celery_beat", "PeriodicTask").objects
    monkeypatch.setattr(
        jobs, "PERIODIC", {"clients.tasks.gone": PeriodicJob("clients.tasks.gone", HOUR)}
    )
    sync_schedule("default")
    every = rows.get(name="clients.tasks.gone").interval
    rows.create(name="By hand", task="clients.tasks.gone", interval=every)

    monkeypatch.setattr(jobs, "PERIODIC", {})
    sync_schedule("default")

    assert not rows.filter(name="clients.tasks.gone").exists()
    assert rows.filter(name="By hand").exists()


def test_every_periodic_job_is_a_task_that_exists(db: None) -> None:
    app.loader.import_default_modules()
    assert set(PERIODIC) - set(app.tasks) == set()
    assert len(PERIODIC) > 0
