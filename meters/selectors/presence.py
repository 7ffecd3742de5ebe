"""Whether meters speak, and what they counted lately: for lists and for what needs a person."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any, Final

from django.db.models import BigIntegerField, OuterRef, QuerySet, Subquery, Sum

from clients.kernel import show
from meters.models import DayTotal, Installation, Meter, MeterKind, Reading
from meters.models.interval import ML_PER_L, WS_PER_WH

SILENT_AFTER: Final = timedelta(hours=2)


def last_seen() -> Subquery:
    """The instant of a meter's newest reading."""
    newest = Reading.objects.filter(meter_id=OuterRef("pk")).order_by("-measured_at")
    return Subquery(newest.values("measured_at")[:1])


def with_presence(meters: QuerySet[Meter]) -> QuerySet[Any]:
    """The same meters with `seen_at`."""
    return meters.annotate(seen_at=last_seen())


def with_use(meters: QuerySet[Any], first: date, after: date) -> QuerySet[Any]:
    """The same meters with what they counted in these days, and how much of it was measured."""
    days = DayTotal.objects.filter(meter_id=OuterRef("pk"), day__gte=first, day__lt=after)

    def total(name: str) -> Subquery:
        summed = days.order_by().values("meter_id").annotate(total=Sum(name)).values("total")
        return Subquery(summed, output_field=BigIntegerField())

    counted: QuerySet[Any] = meters.annotate(
        use_ws=total("energy_import_ws"),
        made_ws=total("energy_export_ws"),
        use_ml=total("volume_ml"),
        known_s=total("seconds_covered") - total("seconds_estimated"),
        expected_s=total("seconds_expected"),
    )
    return counted


def use_of(meter: Any) -> str:
    """What a meter of `with_use` counted, in its own unit; "" when nothing is known."""
    if meter.kind == MeterKind.WATER:
        return "" if meter.use_ml is None else show.volume(meter.use_ml / ML_PER_L)
    counted = meter.made_ws if meter.kind == MeterKind.SOLAR else meter.use_ws
    return "" if counted is None else show.energy(counted / WS_PER_WH)


def situation(seen_at: datetime | None, now: datetime) -> str:
    """`online`, `silent` or `never`."""
    if seen_at is None:
        return "never"
    return "online" if now - seen_at <= SILENT_AFTER else "silent"


def installed() -> QuerySet[Meter]:
    """Active meters that serve a point: silence of others is no news."""
    serving = Installation.objects.filter(ends_at__isnull=True)
    return Meter.objects.filter(is_active=True, pk__in=serving.values("meter_id"))


def silent_meters(now: datetime) -> QuerySet[Any]:
    """Active, installed meters that spoke before and have been silent for two hours."""
    since = now - SILENT_AFTER
    return with_presence(installed()).filter(seen_at__lt=since).order_by("seen_at")
