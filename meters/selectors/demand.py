"""Demand: the mean power of quarter-hours, as a distributor counts it, by posto."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from django.utils.translation import gettext as _

from clients.kernel.periods import Period
from meters.errors import NotEnoughData
from meters.models import Meter
from meters.models.interval import WS_PER_WH
from meters.selectors.places import place_of
from meters.selectors.postos import OFF_PEAK, Timetable, timetable_of
from meters.selectors.quarters import Quarter, known_of, quarters_of, require_energy


@dataclass(frozen=True, slots=True)
class PostoDemand:
    """The quarter-hours of one posto."""

    posto: str
    max_w: float
    max_at: datetime
    mean_w: float
    quarters: int
    energy_wh: float


@dataclass(frozen=True, slots=True)
class HourMean:
    """The mean power of one hour of the local day."""

    hour: int
    mean_w: float
    quarters: int


@dataclass(frozen=True, slots=True)
class Demand:
    """`postos` is empty when nobody entered the hours of the distributor that supplies the site."""

    max_w: float
    max_at: datetime
    mean_w: float
    min_w: float
    quarters: int
    left_out: int  # estimated, caught up, edited or incomplete
    known: float
    zone: str
    distributor: str
    postos: list[PostoDemand]
    hours: list[HourMean]
    sources: list[str]
    is_confirmed: bool
    to_confirm: list[date]


def demand(meter: Meter, period: Period, *, now: datetime, distributor: str = "") -> Demand:
    """Highest and mean demand, altogether and by posto, in the site's time.

    Only whole quarter-hours from close readings count: what arrived in one piece after an outage
    was not taken in one quarter-hour.
    """
    require_energy(meter)
    place = place_of(meter)
    found = quarters_of(meter, period)
    counted = [quarter for quarter in found if quarter.is_measured]
    if not counted:
        raise NotEnoughData(_("There is no measured quarter-hour in this period."))
    first = period.start.astimezone(place.zone).date()
    after = period.end.astimezone(place.zone).date() + timedelta(days=1)
    timetable = timetable_of(distributor or place.distributor, first, after)
    locals_ = [(quarter, quarter.local(place.zone)) for quarter in counted]
    top = max(counted, key=lambda quarter: (quarter.amount, -quarter.at))
    return Demand(
        max_w=top.mean,
        max_at=datetime.fromtimestamp(top.at, UTC),
        mean_w=_mean(counted),
        min_w=min(quarter.mean for quarter in counted),
        quarters=len(counted),
        left_out=len(found) - len(counted),
        known=known_of(counted, period, now).share,
        zone=place.zone.key,
        distributor=timetable.distributor if timetable else distributor or place.distributor,
        postos=_by_posto(locals_, timetable) if timetable else [],
        hours=_by_hour(locals_),
        sources=timetable.sources if timetable else [],
        is_confirmed=timetable.is_confirmed if timetable else False,
        to_confirm=timetable.to_confirm({local.date() for _quarter, local in locals_})
        if timetable
        else [],
    )


def _mean(quarters: Sequence[Quarter]) -> float:
    return sum(quarter.mean for quarter in quarters) / len(quarters)


def _by_posto(
    locals_: Sequence[tuple[Quarter, datetime]], timetable: Timetable
) -> list[PostoDemand]:
    parts: dict[str, list[Quarter]] = defaultdict(list)
    for quarter, local in locals_:
        parts[timetable.posto(local)].append(quarter)
    order = ["peak", "intermediate", "reserved", OFF_PEAK]
    return [_of_posto(posto, parts[posto]) for posto in order if parts.get(posto)]


def _of_posto(posto: str, quarters: Sequence[Quarter]) -> PostoDemand:
    top = max(quarters, key=lambda quarter: (quarter.amount, -quarter.at))
    return PostoDemand(
        posto,
        top.mean,
        datetime.fromtimestamp(top.at, UTC),
        _mean(quarters),
        len(quarters),
        sum(quarter.amount for quarter in quarters) / WS_PER_WH,
    )


def _by_hour(locals_: Sequence[tuple[Quarter, datetime]]) -> list[HourMean]:
    parts: dict[int, list[Quarter]] = defaultdict(list)
    for quarter, local in locals_:
        parts[local.hour].append(quarter)
    return [HourMean(hour, _mean(parts[hour]), len(parts[hour])) for hour in sorted(parts)]
