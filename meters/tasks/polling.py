"""When devices are asked without the poller's own process, or in its stead."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from celery import shared_task

from clients.kernel.jobs import periodic
from meters.events import polling_asked
from meters.services.polling import poll_due

OVERDUE: Final = timedelta(seconds=15)  # whoever is punctual does not need us


@polling_asked.subscribe
@shared_task
def poll_now() -> None:
    """Ask whatever is due. Two at once share the work; nobody is asked twice."""
    poll_due()


@periodic(every=timedelta(seconds=30))
@shared_task
def sweep_polling() -> None:
    """Ask what is overdue: no poller runs, or it has more to do than it can."""
    poll_due(overdue=OVERDUE)
