"""Metering points whose use is known, for the tests of this app."""

from __future__ import annotations

from itertools import count

from clients.kernel.money import split
from clients.kernel.periods import Period, day_of
from clients.models import Tenant
from meters.models import DayTotal, Installation, MeteringPoint, Rule
from meters.models.interval import WS_PER_WH
from meters.testing import make_meter, make_metering_point

HUNDRED = 100
_serial = count(1)


def make_point(*, tenant: Tenant, name: str = "") -> MeteringPoint:
    """A point with a meter that has always served it and has said nothing yet."""
    point = make_metering_point(tenant=tenant, name=name or f"Board {next(_serial)}")
    make_meter(tenant=tenant, metering_point=point)
    return point


def use_energy(point: MeteringPoint, period: Period, *, wh: int, percent: int = HUNDRED) -> None:
    """The point used `wh` over the period, of which `percent` was measured."""
    meter = Installation.objects.get(metering_point=point).meter
    zone = point.site.zone
    days = list(period.days(zone))
    DayTotal.objects.filter(meter=meter, day__in=days).delete()
    lengths = [int(day_of(day, zone).duration.total_seconds()) for day in days]
    shares = split(wh * WS_PER_WH, lengths)
    DayTotal.objects.bulk_create(
        DayTotal(
            meter=meter,
            day=day,
            energy_import_ws=share,
            rule=Rule.REGISTER,
            interval_count=length // 900,
            seconds_covered=length * percent // HUNDRED,
            seconds_estimated=0,
            seconds_expected=length,
        )
        for day, share, length in zip(days, shares, lengths, strict=True)
    )
