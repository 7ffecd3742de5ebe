"""When things happen around meters that speak on their own."""

from __future__ import annotations

from datetime import timedelta

from celery import shared_task

from clients.kernel.jobs import periodic
from meters.events import history_wanted
from meters.services.history import fill, fill_due


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
