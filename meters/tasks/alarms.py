"""When alarms are judged: as soon as intervals are computed, and on a timer for what is silent."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Final

from celery import shared_task
from django.utils import timezone

from clients.kernel.jobs import once_per_slot, periodic
from clients.kernel.sweeps import each
from clients.kernel.turns import in_turns, rung_once
from meters.events import intervals_changed
from meters.services.alarms import FOLLOWER, follow
from meters.services.followers import tenants_waiting
from meters.services.offline import tenants_to_watch, watch_silence

SILENCE: Final = timedelta(seconds=15)


@intervals_changed.subscribe
@rung_once
@shared_task
def judge(tenant_id: int) -> None:
    """Alarms of what the tenant's readings say."""
    in_turns(judge, lambda: follow(tenant_id, now=timezone.now()), tenant_id=tenant_id)


@periodic(every=timedelta(seconds=10))
@shared_task
def sweep_alarms() -> None:
    """The same for every tenant, in case a nudge was lost."""
    each(tenants_waiting(FOLLOWER), judge)


@periodic(every=SILENCE)
@shared_task
@once_per_slot(SILENCE)
def look_for_silence() -> None:
    """Silence rings no bell, so somebody must look."""
    each(tenants_to_watch(), partial(watch_silence, now=timezone.now()))
