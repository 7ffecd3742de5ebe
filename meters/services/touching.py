"""Have quarter-hours computed again although no reading came: a decision or a setting changed."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db import connection

from clients.kernel.tenancy import current_tenant_id
from meters.events import readings_stored

A_MOMENT = timedelta(microseconds=1)


def touch(stretches: Iterable[tuple[int, datetime, datetime]]) -> None:
    """Each is a meter with the start (in) and end (out) of what must be computed again.

    In the caller's transaction; the work is done after it, by whoever does it for new readings.
    """
    stretches = list(stretches)
    if not stretches:
        return
    meter_ids, starts, ends = (list(column) for column in zip(*stretches, strict=True))
    with connection.cursor() as cursor:
        cursor.execute("SELECT meters_touch(%s, %s, %s)", [meter_ids, starts, ends])
    readings_stored.announce(tenant_id=current_tenant_id())


def touch_instants(meter_id: int, instants: Iterable[datetime]) -> None:
    """The quarter-hours of these readings."""
    touch((meter_id, instant, instant + A_MOMENT) for instant in instants)
