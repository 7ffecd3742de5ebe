"""When things happen to meters."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from celery import shared_task
from django.db import connection
from django.utils import timezone

from clients.kernel.jobs import periodic
from clients.kernel.sweeps import each
from clients.kernel.turns import in_turns, rung_once
from meters.events import readings_stored
from meters.services.intervals import recompute_touched
from meters.services.partitions import make_partitions

TENANTS_AT_ONCE: Final = 1_000


@readings_stored.subscribe
@rung_once
@shared_task
def recompute(tenant_id: int) -> None:
    """Intervals and days of what the tenant's readings touched."""
    in_turns(recompute, lambda: recompute_touched(tenant_id), tenant_id=tenant_id)


@periodic(every=timedelta(seconds=10))
@shared_task
def sweep_touched() -> None:
    """The same for every tenant, in case a nudge was lost."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT meters_touched_tenants(%s)", [TENANTS_AT_ONCE])
        tenants = [row[0] for row in cursor.fetchall()]
    each(tenants, recompute)


@periodic(every=timedelta(hours=6))
@shared_task
def prepare_partitions() -> None:
    """Have next months' tables before the first reading of the month."""
    make_partitions(timezone.now())
