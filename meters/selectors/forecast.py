"""The next days of a meter, with how well the same rule would have done on its own past.

Two rules that a person can check: the same hour a week ago (naive), and the median of the same hour
in the last four weeks (profile). Both look back seven days at least, so what is tested for one day
holds for each of the next seven.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from statistics import fmean, median, quantiles
from typing import Final

from django.utils.translation import gettext as _

from meters.errors import NotEnoughData
from meters.models import Meter, MeterKind
from meters.selectors.baseline import Day, days_of
from meters.selectors.places import place_of

WEEK: Final = timedelta(days=7)
WEEKS: Final = 4
TESTED_DAYS: Final = 28
FEWEST_TESTED: Final = 14
FEWEST_HOURS: Final = 20  # of a day, to compare it
LONGEST: Final = 7
WINS: Final = 0.99  # of the naive error: less is no difference that anybody sees
Past = Mapping[date, Day]
Rule = Callable[[Past, date, int], float | None]


@dataclass(frozen=True, slots=True)
class BackTest:
    """Mean absolute errors of day totals over the tested days, each forecast from its own past."""

    days: int
    mae: float
    naive_mae: float
    skill: float  # 1 is perfect, 0 as good as naive; the one that is used is never below 0
    inside_band: float  # the share of tested days whose total lay in the band


@dataclass(frozen=True, slots=True)
class ForecastDay:
    """A day to come: hours (None where the past says nothing), total, and its band."""

    day: date
    hours: list[float | None]
    amount: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class Forecast:
    """`rule` is `profile`, or `naive` where the profile did not win. Wh, or litres for water."""

    unit: str
    rule: str
    band_percent: int
    days: list[ForecastDay]
    back_test: BackTest


def naive(past: Past, day: date, hour: int) -> float | None:
    """The same hour a week before."""
    known = past.get(day - WEEK)
    return known.hours.get(hour) if known else None


def profile(past: Past, day: date, hour: int) -> float | None:
    """The median of the same hour in the four weeks before."""
    before = [past.get(day - WEEK * n) for n in range(1, WEEKS + 1)]
    known = [row.hours[hour] for row in before if row and hour in row.hours]
    return median(known) if known else None


RULES: Final[dict[str, Rule]] = {"profile": profile, "naive": naive}


def forecast(meter: Meter, *, now: datetime, days: int = LONGEST) -> Forecast:
    """The next `days` (at most seven) from today on; refused under 14 days to test on."""
    zone = place_of(meter).zone
    today = now.astimezone(zone).date()
    first = today - timedelta(days=TESTED_DAYS) - WEEK * WEEKS
    past = {day.day: day for day in days_of(meter, zone, first, today)}
    tested = [today - timedelta(days=n) for n in range(1, TESTED_DAYS + 1)]
    errors = {name: _errors(past, tested, rule) for name, rule in RULES.items()}
    common = sorted(errors["naive"].keys() & errors["profile"].keys())
    if len(common) < FEWEST_TESTED:
        raise NotEnoughData(
            _("A forecast is tested on this meter's past: %(n)d days can be tested, 14 are needed.")
            % {"n": len(common)}
        )
    mae = {name: fmean(abs(errors[name][day]) for day in common) for name in RULES}
    chosen = winner(mae["profile"], mae["naive"])
    low, high = _band([errors[chosen][day] for day in common])
    inside = fmean(low <= errors[chosen][day] <= high for day in common)
    skill = 1 - mae[chosen] / mae["naive"] if mae["naive"] else 0.0
    coming = [
        _coming(past, today + timedelta(days=n), RULES[chosen], low, high)
        for n in range(min(days, LONGEST))
    ]
    return Forecast(
        "L" if meter.kind == MeterKind.WATER else "Wh",
        chosen,
        80,
        coming,
        BackTest(len(common), mae[chosen], mae["naive"], skill, inside),
    )


def winner(profile_mae: float, naive_mae: float) -> str:
    """The profile, where it is better by what anybody can see."""
    return "profile" if profile_mae < WINS * naive_mae else "naive"


def _errors(past: Past, days: Sequence[date], rule: Rule) -> dict[date, float]:
    """What was minus what would have been said, over the hours of each day that have both."""
    found = {}
    for day in days:
        if day not in past:
            continue
        said = {hour: rule(past, day, hour) for hour in past[day].hours}
        pairs = [(past[day].hours[h], value) for h, value in said.items() if value is not None]
        if len(pairs) >= FEWEST_HOURS:
            found[day] = sum(was - value for was, value in pairs)
    return found


def _band(errors: Sequence[float]) -> tuple[float, float]:
    """Between these eight of ten errors lay."""
    tenths = quantiles(errors, n=10, method="inclusive")
    return tenths[0], tenths[-1]


def _coming(past: Past, day: date, rule: Rule, low: float, high: float) -> ForecastDay:
    hours = [rule(past, day, hour) for hour in range(24)]
    known = [value for value in hours if value is not None]
    if len(known) < FEWEST_HOURS:
        return ForecastDay(day, hours, None, None, None)
    amount = sum(known) * 24 / len(known)
    return ForecastDay(day, hours, amount, max(amount + low, 0), max(amount + high, 0))
