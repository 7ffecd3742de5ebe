"""On which days a metering point was not measured: what an invoice that waits is waiting for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from django.db.models import Q

from clients.kernel.periods import Period, day_of
from meters.models import DayTotal, Installation, MeteringPoint

ENOUGH: Final = 0.95  # of a day, for it not to be named


@dataclass(frozen=True, slots=True)
class Lacking:
    """Runs of whole days without data, and of days with some. `is_installed`: a meter was there."""

    point: MeteringPoint
    missing: Sequence[tuple[date, date]]
    partly: Sequence[tuple[date, date]]
    is_installed: bool = True


def lacking_days(metering_point_ids: Sequence[int], period: Period) -> list[Lacking]:
    """Each of the points with days that lack data in the period, in the zone of its site."""
    points = MeteringPoint.objects.filter(pk__in=metering_point_ids).select_related("site__client")
    found = [_of_point(point, period) for point in points]
    return [each for each in found if each.missing or each.partly]


def _of_point(point: MeteringPoint, period: Period) -> Lacking:
    days = list(period.days(point.site.zone))
    meters = Installation.objects.filter(
        Q(ends_at__isnull=True) | Q(ends_at__gt=period.start),
        metering_point=point,
        starts_at__lt=period.end,
    ).values("meter_id")
    known: dict[date, int] = defaultdict(int)
    rows = DayTotal.objects.filter(meter__in=meters, day__gte=days[0], day__lte=days[-1])
    for day, seconds in rows.values_list("day", "seconds_covered"):
        known[day] += seconds
    partly = [
        day
        for day in days
        if 0 < known[day] < ENOUGH * day_of(day, point.site.zone).duration.total_seconds()
    ]
    missing = [day for day in days if not known[day]]
    return Lacking(point, _runs(missing), _runs(partly), is_installed=meters.exists())


def _runs(days: Iterable[date]) -> list[tuple[date, date]]:
    """The first and last day of each run of days."""
    found: list[tuple[date, date]] = []
    for day in days:
        if found and found[-1][1] + timedelta(days=1) == day:
            found[-1] = (found[-1][0], day)
        else:
            found.append((day, day))
    return found
