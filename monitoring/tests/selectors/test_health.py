from __future__ import annotations

import pytest
from django.db import connection

from clients.kernel.tenancy import acting_for
from clients.models import Client, Tenant
from monitoring.selectors.health import Check, checks, due_ages, job_ages, status_of
from monitoring.tasks import heartbeat


def by_name() -> dict[str, Check]:
    return {check.name: check for check in checks()}


def test_a_running_house_is_ok(db: None) -> None:
    heartbeat()

    found = checks()

    assert {check.name: check.ok for check in found} == {
        "database": True,
        "migrations": True,
        "cache": True,
        "scheduler": True,
        "due_rows": True,
    }
    assert status_of(found) == "ok"


def test_a_scheduler_that_never_ran_is_degraded(db: None) -> None:
    found = checks()

    assert not by_name()["scheduler"].ok
    assert status_of(found) == "degraded"


def test_the_heartbeat_runs_once_per_slot(db: None) -> None:
    heartbeat()
    heartbeat()

    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM clients_jobslot")
        assert cursor.fetchone()[0] in (1, 2)  # two, when a slot ended in between
    assert job_ages()["monitoring.tasks.heartbeat"] < 5


def test_every_table_of_due_work_is_watched(db: None) -> None:
    from monitoring.selectors.invariants import leased_models

    leased = {model._meta.db_table for model in leased_models()}
    assert set(due_ages()) == {*leased, "meters_connection"}  # which is claimed by bus, not by row


def test_a_missing_migration_is_named(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    from monitoring.selectors import health

    on_disk = health.migrations_on_disk() | {("billing", "9999_from_the_future")}
    monkeypatch.setattr(health, "migrations_on_disk", lambda: on_disk)

    found = by_name()["migrations"]

    assert not found.ok
    assert "billing.9999_from_the_future" in found.sentence


@pytest.mark.commits
def test_checks_leave_the_open_transaction_alone(acacia: Tenant) -> None:
    with acting_for(acacia.pk):
        checks()
        with connection.cursor() as cursor:
            cursor.execute("SHOW statement_timeout")
            assert cursor.fetchone()[0] != "2s"
        assert Client.objects.count() == 0
