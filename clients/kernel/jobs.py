"""Periodic work. A row per job and slot lets two schedulers run side by side without harm."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.apps import apps
from django.db import connection, models


@dataclass(frozen=True, slots=True)
class PeriodicJob:
    """A task by its registered name, and how often it runs."""

    task: str
    every: timedelta


PERIODIC: dict[str, PeriodicJob] = {}


def periodic(*, every: timedelta) -> Callable[[Any], Any]:
    """Schedule the Celery task below; put it above @shared_task. `sync_schedule` makes the row."""

    def register(task: Any) -> Any:
        PERIODIC[task.name] = PeriodicJob(task.name, every)
        return task

    return register


def once_per_slot(every: timedelta) -> Callable[[Callable[[], Any]], Callable[[], Any]]:
    """Run the function only in the first call of each slot of `every` (database clock)."""

    def decorate(function: Callable[[], Any]) -> Callable[[], Any]:
        @functools.wraps(function)
        def run() -> Any:
            name = f"{function.__module__}.{function.__name__}"
            return function() if claim_slot(name, every) else None

        return run

    return decorate


def claim_slot(job: str, every: timedelta) -> bool:
    """Whether this call is the first for `job` in the current slot, by the database's clock."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO clients_jobslot (job, slot, started_at) "
            "SELECT %s, floor(extract(epoch FROM clock_timestamp()) / %s)::bigint, "
            "clock_timestamp() ON CONFLICT DO NOTHING",
            [job, int(every.total_seconds())],
        )
        return bool(cursor.rowcount)


def sync_schedule(using: str) -> None:
    """Make django-celery-beat's rows agree with the registered jobs. Safe to call twice.

    Rows of other tasks are left alone; the interval of ours is reset, `enabled` is kept. A job that
    no longer exists loses its row.
    """
    interval_model = apps.get_model("django_celery_beat", "IntervalSchedule")
    task_model = apps.get_model("django_celery_beat", "PeriodicTask")
    for job in PERIODIC.values():
        interval, _ = interval_model.objects.using(using).get_or_create(
            every=int(job.every.total_seconds()), period="seconds"
        )
        task_model.objects.using(using).update_or_create(
            name=job.task, defaults={"task": job.task, "interval": interval}
        )
    ours = [f"{config.label}.tasks." for config in apps.get_app_configs()]
    for row in task_model.objects.using(using).filter(name=models.F("task")):
        if row.task not in PERIODIC and row.task.startswith(tuple(ours)):
            row.delete()
