"""What is usual for a meter, by type of day and hour, and the days that were not usual."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from statistics import median
from typing import Final
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _

from clients.kernel import show
from clients.kernel.periods import Period, day_start
from meters.errors import NotEnoughData
from meters.models import Meter, MeterKind
from meters.models.interval import ML_PER_L, WS_PER_WH
from meters.selectors.places import place_of
from meters.selectors.postos import SATURDAY, SUNDAY, national_holidays
from meters.selectors.quarters import Quarter, quarters_of

AN_HOUR: Final = 4  # quarters
FEWEST_DAYS: Final = 14
FEWEST_OF_TYPE: Final = 3
COMPLETE: Final = 0.9  # of a day's time
TO_SIGMA: Final = 1.4826  # a median deviation of normal values, as a standard deviation
STRANGE: Final = 3.5  # deviations (Iglewicz and Hoaglin)
FLOOR: Final = 0.02  # of the median: a deviation of nothing would make every day strange


@dataclass(frozen=True, slots=True)
class UsualHour:
    """Median and spread of one hour of one type of day."""

    day_type: str
    hour: int
    median: float
    mad: float
    days: int


@dataclass(frozen=True, slots=True)
class StrangeDay:
    """A day far from what its type of day usually is."""

    day: date
    day_type: str
    amount: float
    usual: float
    score: float  # deviations above (or, negative, below) the usual
    sentence: str


@dataclass(frozen=True, slots=True)
class Baseline:
    """What `days` complete days say. Amounts are Wh, or litres for water."""

    unit: str
    first: date
    after: date
    days: int
    incomplete_days: int
    hours: list[UsualHour]
    anomalies: list[StrangeDay]


@dataclass(frozen=True, slots=True)
class Day:
    """A local day of a meter by hours; None where an hour is not wholly known."""

    day: date
    hours: dict[int, float]
    amount: float
    share: float


def day_type(day: date) -> str:
    """`working`, `saturday`, or `sunday`, which national holidays are like."""
    if day.weekday() == SUNDAY or day in national_holidays(day.year):
        return "sunday"
    return "saturday" if day.weekday() == SATURDAY else "working"


def days_of(meter: Meter, zone: ZoneInfo, first: date, after: date) -> list[Day]:
    """Each local day with data, by whole hours. The hour that clocks repeat is one hour's mean."""
    period = Period(day_start(first, zone), day_start(after, zone))
    per = ML_PER_L if meter.kind == MeterKind.WATER else WS_PER_WH
    parts: dict[date, list[tuple[int, Quarter]]] = defaultdict(list)
    for quarter in quarters_of(meter, period):
        local = quarter.local(zone)
        parts[local.date()].append((local.hour, quarter))
    return [_day(day, rows, zone, per) for day, rows in sorted(parts.items())]


def _day(day: date, rows: Sequence[tuple[int, Quarter]], zone: ZoneInfo, per: int) -> Day:
    by_hour: dict[int, list[int]] = defaultdict(list)
    for hour, quarter in rows:
        by_hour[hour].append(quarter.amount)
    length = (day_start(day + timedelta(days=1), zone) - day_start(day, zone)).total_seconds()
    return Day(
        day,
        {h: sum(v) / len(v) * AN_HOUR / per for h, v in by_hour.items() if len(v) >= AN_HOUR},
        sum(quarter.amount for _hour, quarter in rows) / per,
        sum(quarter.seconds for _hour, quarter in rows) / length,
    )


def baseline(meter: Meter, *, now: datetime, days: int = 90) -> Baseline:
    """What is usual over the last `days` whole days; refused under 14 complete ones."""
    zone = place_of(meter).zone
    after = now.astimezone(zone).date()
    first = after - timedelta(days=days)
    found = days_of(meter, zone, first, after)
    complete = [day for day in found if day.share >= COMPLETE]
    if len(complete) < FEWEST_DAYS:
        raise NotEnoughData(
            _("There are %(n)d complete days of the last %(days)d; 14 are needed.")
            % {"n": len(complete), "days": days}
        )
    by_type: dict[str, list[Day]] = defaultdict(list)
    for day in complete:
        by_type[day_type(day.day)].append(day)
    hours = [usual for kind, rows in sorted(by_type.items()) for usual in _hours(kind, rows)]
    is_water = meter.kind == MeterKind.WATER
    strange = [
        one
        for kind, rows in by_type.items()
        if len(rows) >= FEWEST_OF_TYPE
        for one in _strange(kind, rows, is_water=is_water)
    ]
    return Baseline(
        "L" if is_water else "Wh",
        first,
        after,
        len(complete),
        len(found) - len(complete),
        hours,
        sorted(strange, key=lambda one: one.day),
    )


def _hours(kind: str, rows: Sequence[Day]) -> Iterable[UsualHour]:
    for hour in range(24):
        values = [day.hours[hour] for day in rows if hour in day.hours]
        if values:
            middle = median(values)
            yield UsualHour(kind, hour, middle, _mad(values, middle), len(values))


def _mad(values: Sequence[float], middle: float) -> float:
    return median(abs(value - middle) for value in values)


def _strange(kind: str, rows: Sequence[Day], *, is_water: bool) -> Iterable[StrangeDay]:
    amounts = [day.amount / day.share for day in rows]  # a day of 95 % is not a quiet day
    middle = median(amounts)
    spread = max(TO_SIGMA * _mad(amounts, middle), FLOOR * abs(middle))
    if not spread:
        return
    for day, amount in zip(rows, amounts, strict=True):
        score = (amount - middle) / spread
        if abs(score) > STRANGE:
            yield StrangeDay(
                day.day, kind, day.amount, middle, score, _sentence(amount, middle, is_water)
            )


def _sentence(amount: float, usual: float, is_water: bool) -> str:
    write = show.volume if is_water else show.energy
    said = {"amount": write(amount), "usual": write(usual)}
    if amount > usual:
        return _("%(amount)s, where %(usual)s are usual: much more than on such a day.") % said
    return _("%(amount)s, where %(usual)s are usual: much less than on such a day.") % said
