"""When readings go on to another Pulso."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Final

from celery import shared_task

from clients.kernel.jobs import periodic
from clients.kernel.sweeps import each
from clients.kernel.tenancy import acting_for
from clients.kernel.turns import in_turns, rung_once
from meters.events import intervals_changed
from meters.services import forwarding
from meters.services.followers import tenants_waiting

SLICE_S: Final = 60.0


@intervals_changed.subscribe
@rung_once
@shared_task
def gather_forwarding(tenant_id: int) -> None:
    """Write down what must be sent on."""

    def gather() -> int:
        with acting_for(tenant_id):
            return forwarding.gather()

    in_turns(gather_forwarding, gather, tenant_id=tenant_id)


@periodic(every=timedelta(seconds=10))
@shared_task
def sweep_forwarding() -> None:
    """The same for every tenant, in case a nudge was lost."""
    each(tenants_waiting(forwarding.FOLLOWER), gather_forwarding)


@periodic(every=timedelta(seconds=10))
@shared_task
def forward() -> None:
    """Send what is due, of all tenants."""
    until = time.monotonic() + SLICE_S
    while forwarding.deliver() and time.monotonic() < until:
        pass
