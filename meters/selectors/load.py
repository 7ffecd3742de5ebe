"""How hard a meter's load works, when it is used, and more or less than before."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.utils.translation import gettext as _

from clients.kernel import show
from clients.kernel.periods import Period
from meters.errors import NotEnoughData
from meters.models import Meter, MeterKind
from meters.models.interval import ML_PER_L, WS_PER_WH
from meters.selectors.places import place_of
from meters.selectors.quarters import known_of, quarters_of, require_energy

POINTS: Final = 101  # 0 % to 100 % of the time
BASE: Final = 0.95  # the base load is exceeded in 95 % of the time
FEWEST: Final = 96  # quarter-hours: a day
HOURS_A_MONTH: Final = 730
YEAR: Final = timedelta(weeks=52)


@dataclass(frozen=True, slots=True)
class LoadDuration:
    """`watts[n]` is reached or exceeded in n % of the time."""

    watts: list[float]
    peak_w: float
    base_w: float
    base_wh_per_month: float
    mean_w: float
    load_factor: float | None
    quarters: int
    known: float


@dataclass(frozen=True, slots=True)
class HeatMap:
    """Mean power (or flow, in L/h) by weekday (0 is Monday) and local hour; None where unknown."""

    unit: str
    rows: list[list[float | None]]  # 24 rows of 7
    quarters: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """This period and the one before, over the quarter-hours that are known in both."""

    unit: str
    period: Period
    before: Period
    now: float
    then: float
    change: float | None
    hours: float
    hours_of_period: float
    sentence: str


def load_duration(meter: Meter, period: Period, *, now: datetime) -> LoadDuration:
    """Measured quarter-hours from the hardest to the easiest."""
    require_energy(meter)
    found = quarters_of(meter, period)
    measured = [quarter for quarter in found if quarter.is_measured]
    watts = sorted((quarter.mean for quarter in measured), reverse=True)
    if len(watts) < FEWEST:
        raise NotEnoughData(_("This needs at least a day of measured quarter-hours."))
    mean = sum(watts) / len(watts)
    curve = [_exceeded(watts, place / (POINTS - 1)) for place in range(POINTS)]
    base = _exceeded(watts, BASE)
    return LoadDuration(
        watts=curve,
        peak_w=watts[0],
        base_w=base,
        base_wh_per_month=base * HOURS_A_MONTH,
        mean_w=mean,
        load_factor=mean / watts[0] if watts[0] else None,
        quarters=len(watts),
        known=known_of(measured, period, now).share,
    )


def _exceeded(falling: list[float], share: float) -> float:
    """The power reached in this share of the time, on a straight line between neighbours."""
    place = share * (len(falling) - 1)
    low = int(place)
    high = min(low + 1, len(falling) - 1)
    return falling[low] + (falling[high] - falling[low]) * (place - low)


def heat_map(meter: Meter, period: Period) -> HeatMap:
    """When it is used: each cell is the mean of its quarter-hours, whatever made them known."""
    zone = place_of(meter).zone
    parts: dict[tuple[int, int], list[float]] = defaultdict(list)
    found = quarters_of(meter, period)
    is_water = meter.kind == MeterKind.WATER
    scale = 3_600 / ML_PER_L if is_water else 1
    for quarter in found:
        local = quarter.local(zone)
        parts[local.hour, local.weekday()].append(quarter.mean * scale)
    if not found:
        raise NotEnoughData(_("Nothing was measured in this period."))
    rows = [
        [
            sum(parts[hour, day]) / len(parts[hour, day]) if (hour, day) in parts else None
            for day in range(7)
        ]
        for hour in range(24)
    ]
    return HeatMap("L/h" if is_water else "W", rows, len(found))


def comparison(meter: Meter, period: Period, *, now: datetime, against: str = "") -> Comparison:
    """More or less than before, with a sentence. Hours known on one side only do not count.

    `against` is `previous` (the same length, just before) or `year` (52 weeks ago: the same
    weekdays, which matter more than the same dates).
    """
    end = min(period.end, max(now, period.start + timedelta(minutes=15)))
    period = Period(period.start, end)
    back = YEAR if against == "year" else period.duration
    before = Period(period.start - back, period.end - back)
    shift = int((period.start - before.start).total_seconds())
    here = {quarter.at: quarter.amount for quarter in quarters_of(meter, period)}
    there = {quarter.at + shift: quarter.amount for quarter in quarters_of(meter, before)}
    both = here.keys() & there.keys()
    if not both:
        raise NotEnoughData(_("There is no quarter-hour that is known in both periods."))
    is_water = meter.kind == MeterKind.WATER
    per = ML_PER_L if is_water else WS_PER_WH
    amount, then = sum(here[at] for at in both) / per, sum(there[at] for at in both) / per
    change = (amount - then) / then if then else None
    hours, whole = len(both) / 4, period.duration.total_seconds() / 3_600
    write = show.volume if is_water else show.energy
    sentence = _sentence(write(amount), write(then), change, hours, whole)
    return Comparison(
        "L" if is_water else "Wh", period, before, amount, then, change, hours, whole, sentence
    )


def _sentence(now: str, then: str, change: float | None, hours: float, whole: float) -> str:
    said = {"now": now, "then": then, "hours": show.number(hours), "whole": show.number(whole)}
    if change is None:
        return _("%(now)s against nothing before, in the %(hours)s h known in both.") % said
    said["change"] = show.percent(abs(change))
    if change >= 0:
        text = _(
            "%(change)s more than before: %(now)s against %(then)s, in the %(hours)s of "
            "%(whole)s h known in both."
        )
    else:
        text = _(
            "%(change)s less than before: %(now)s against %(then)s, in the %(hours)s of "
            "%(whole)s h known in both."
        )
    return text % said
