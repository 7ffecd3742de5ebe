"""When things happen to meters."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Final

from celery import shared_task
from django.db import connection
from django.utils import timezone

from clients.kernel.jobs import periodic
from meters.events import readings_stored
from meters.services.intervals import recompute_touched
from meters.services.partitions import make_partitions

SLICE_S: Final = 60.0  # then somebody else's turn; the sweep comes back
TENANTS_AT_ONCE: Final = 1_000


@readings_stored.subscribe
@shared_task
def recompute(tenant_id: int) -> None:
    """Intervals and days of what the tenant's readings touched."""
    until = time.monotonic() + SLICE_S
    while recompute_touched(tenant_id) and time.monotonic() < until:
        pass


@periodic(every=timedelta(seconds=10))
@shared_task
def sweep_touched() -> None:
    """The same for every tenant, in case a nudge was lost."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT meters_touched_tenants(%s)", [TENANTS_AT_ONCE])
        tenants = [row[0] for row in cursor.fetchall()]
    for tenant_id in tenants:
        recompute(tenant_id)


@periodic(every=timedelta(hours=6))
@shared_task
def prepare_partitions() -> None:
    """Have next months' tables before the first reading of the month."""
    make_partitions(timezone.now())
