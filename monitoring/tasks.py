from __future__ import annotations

from datetime import timedelta

from celery import shared_task

from clients.kernel.jobs import once_per_slot, periodic
from monitoring.services.retention import forget_expired, forget_job_slots

BEAT = timedelta(seconds=5)
HOURLY = timedelta(hours=1)


@periodic(every=BEAT)
@shared_task
@once_per_slot(BEAT)
def heartbeat() -> None:
    """Proves, by its job slot alone, that scheduler, broker, a worker and the database work."""


@periodic(every=HOURLY)
@shared_task
@once_per_slot(HOURLY)
def tidy() -> None:
    """Delete what has served: old job slots, expired files and remembered answers."""
    forget_job_slots()
    forget_expired()
