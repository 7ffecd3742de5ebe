"""When things happen around meters that speak on their own."""

from __future__ import annotations

from datetime import timedelta

from celery import shared_task
from django.utils import timezone

from clients.kernel.jobs import once_per_slot, periodic
from meters.events import history_wanted
from meters.services.history import fill, fill_due
from meters.services.uplinks import forget_uplinks


@history_wanted.subscribe
@shared_task
def fill_gap(tenant_id: int, gap_id: int) -> None:
    """Ask a device about the stretch in which we did not hear it."""
    fill(tenant_id, gap_id)


@periodic(every=timedelta(seconds=30))
@shared_task
def sweep_gaps() -> None:
    """The same for every gap that is due, in case a nudge was lost."""
    fill_due()


@periodic(every=timedelta(hours=6))
@shared_task
@once_per_slot(timedelta(hours=6))
def forget_old_uplinks() -> None:
    """What an uplink is known by is of no use after two days."""
    forget_uplinks(timezone.now())
