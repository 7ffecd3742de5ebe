"""Validation follows new readings at its own pace: alarms are for what cannot wait."""

from __future__ import annotations

from datetime import timedelta

from celery import shared_task
from django.db import connection
from django.utils import timezone

from clients.kernel.jobs import periodic
from clients.kernel.sweeps import each
from clients.kernel.tenancy import acting_for
from clients.kernel.turns import in_turns, rung_once
from meters.services.followers import tenants_waiting
from meters.services.validation.running import (
    FOLLOWER,
    follow_changes,
    silent_meters,
    validate_silence,
)


@rung_once
@shared_task
def validate(tenant_id: int) -> None:
    """Judge what changed for the tenant."""
    in_turns(validate, lambda: follow_changes(tenant_id, now=timezone.now()), tenant_id=tenant_id)


@periodic(every=timedelta(minutes=2))
@shared_task
def sweep_validation() -> None:
    """The same for every tenant with changes. Two minutes of readings are judged in one go."""
    each(tenants_waiting(FOLLOWER), validate)


@periodic(every=timedelta(hours=1))
@shared_task
def look_for_silence() -> None:
    """Meters that say nothing change nothing, so nobody would look at them."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT meters_tenants_with_meters()")
        tenants = [row[0] for row in cursor.fetchall()]
    each(tenants, _validate_silent)


def _validate_silent(tenant_id: int) -> None:
    with acting_for(tenant_id):
        for meter in silent_meters(timezone.now()):
            validate_silence(meter, now=timezone.now())
