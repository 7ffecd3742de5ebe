"""Have quarter-hours computed again although no reading came: a decision or a setting changed."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db import connection
from django.db.models import Max, Min

from clients.kernel.tenancy import current_tenant_id
from meters.events import readings_stored
from meters.models import Reading

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


def touch_from(meter_id: int, at: datetime) -> None:
    """Everything of the meter that was measured from `at` on."""
    touch_known(meter_id, at, None)


def touch_known(meter_id: int, starts_at: datetime, ends_at: datetime | None) -> None:
    """What was measured from `starts_at` on (until `ends_at`), and nothing where nothing was."""
    readings = Reading.objects.filter(meter_id=meter_id, measured_at__gte=starts_at)
    if ends_at is not None:
        readings = readings.filter(measured_at__lte=ends_at)
    found = readings.aggregate(first=Min("measured_at"), last=Max("measured_at"))
    if found["first"] is not None:
        touch([(meter_id, found["first"], found["last"] + A_MOMENT)])
