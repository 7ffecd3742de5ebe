"""Readings that intervals leave out. They stay stored, and can count again."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from clients.kernel.tenancy import current_tenant_id
from meters.models import Disregarded, Meter
from meters.services.touching import touch_instants


def disregard_readings(
    meter: Meter, instants: Iterable[datetime], *, reason: str, rule: str = "", author: str = ""
) -> int:
    """Leave these readings out of everything computed; the number newly left out.

    Safe to call twice. Intervals and days follow with the next computation.
    """
    wanted = set(instants)
    known = Disregarded.objects.filter(meter=meter, measured_at__in=wanted)
    fresh = sorted(wanted - set(known.values_list("measured_at", flat=True)))
    Disregarded.objects.bulk_create(
        (
            Disregarded(
                tenant_id=current_tenant_id(),
                meter=meter,
                measured_at=instant,
                reason=reason,
                rule=rule,
                author=author,
            )
            for instant in fresh
        ),
        ignore_conflicts=True,
    )
    touch_instants(meter.pk, fresh)
    return len(fresh)


def regard_again(meter: Meter, instants: Iterable[datetime]) -> int:
    """Have readings count that were left out; the number that count again. Safe to call twice."""
    left_out = Disregarded.objects.filter(meter=meter, measured_at__in=set(instants))
    found = sorted(left_out.values_list("measured_at", flat=True))
    left_out.delete()
    touch_instants(meter.pk, found)
    return len(found)
