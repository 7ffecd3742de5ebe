from __future__ import annotations

from datetime import timedelta
from functools import partial

from celery import shared_task
from django.utils import timezone

from clients.kernel.jobs import once_per_slot, periodic
from clients.kernel.sweeps import each
from meters.events import alarm_cleared, alarm_raised
from monitoring.services import alarm_notices
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


@alarm_raised.subscribe
@alarm_cleared.subscribe
@shared_task(queue="critical")
def tell_of_alarm(tenant_id: int, event_id: int) -> None:
    """One message about each turn of an alarm to those whom its rule tells."""
    alarm_notices.tell_team(tenant_id, event_id, now=timezone.now())


@periodic(every=timedelta(seconds=30))
@shared_task(queue="critical")
@once_per_slot(timedelta(seconds=30))
def sweep_alarm_notices() -> None:
    """The same for every tenant, in case a ring was lost; and the summaries that are due."""
    now = timezone.now()
    each(alarm_notices.tenants_to_tell(now), partial(alarm_notices.tell_all, now=now))
