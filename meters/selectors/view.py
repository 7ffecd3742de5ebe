"""The period that a meter's page shows, and everything drawn for it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from clients.kernel import show, when
from clients.kernel.charts import Columns
from clients.kernel.periods import Period, day_start
from meters.models import Meter, MeteringPoint
from meters.selectors import series
from meters.selectors.series import Bar, Measure, Summary

WEEK: Final = 7
DECEMBER: Final = 12


@dataclass(frozen=True, slots=True)
class MeterPeriod:
    """A meter in a stretch of local days: what apps above add figures to."""

    meter: Meter
    point: MeteringPoint | None
    period: Period
    amount: float | None


@dataclass(frozen=True, slots=True)
class View:
    """`day`, `week`, `month` or `year`, and the day it is about."""

    name: str
    on: date

    @property
    def first(self) -> date:
        if self.name == "week":
            return self.on - timedelta(days=self.on.weekday())
        if self.name == "month":
            return self.on.replace(day=1)
        return self.on.replace(month=1, day=1) if self.name == "year" else self.on

    @property
    def after(self) -> date:
        """The first day that is not shown any more."""
        if self.name == "week":
            return self.first + timedelta(days=WEEK)
        if self.name == "month":
            return next_month(self.first)
        if self.name == "year":
            return self.first.replace(year=self.first.year + 1)
        return self.on + timedelta(days=1)

    @property
    def days(self) -> list[date]:
        return [self.first + timedelta(days=n) for n in range((self.after - self.first).days)]

    @property
    def before(self) -> View:
        return View(self.name, self.first - timedelta(days=1))

    @property
    def following(self) -> View:
        return View(self.name, self.after)

    def period(self, zone: ZoneInfo) -> Period:
        return Period(day_start(self.first, zone), day_start(self.after, zone))

    @property
    def label(self) -> str:
        last = self.after - timedelta(days=1)
        if self.name == "day":
            return when.weekday(self.on)
        if self.name == "week":
            return f"{when.day(self.first)} – {when.day(last)}"
        return when.month(self.on) if self.name == "month" else str(self.on.year)


def next_month(first: date) -> date:
    if first.month == DECEMBER:
        return first.replace(year=first.year + 1, month=1)
    return first.replace(month=first.month + 1)


@dataclass(frozen=True, slots=True)
class Drawing:
    """What a view needs: columns for a day, bars for the rest, a heat map for a month."""

    view: View
    measure: Measure
    columns: Columns | None
    bars: list[Bar]
    summary: Summary
    heat: list[list[float | None]] | None
    begun: int  # bars that have begun; the rest is the future, not a gap

    def as_json(self, zone: ZoneInfo) -> dict[str, Any]:
        return {
            "view": self.view.name,
            "zone": zone.key,
            "unit": self.measure.instant,
            "amount": self.measure.unit,
            "bars": [asdict(bar) for bar in self.bars],
            "begun": self.begun,
            "growing": self.begun - 1 if self.begun < len(self.bars) else None,
            "peak": {"x": self.summary.peak_at, "y": self.summary.peak}
            if self.summary.peak_at
            else None,
            "heat": {
                "rows": self.heat,
                "names": [bar.name for bar in self.bars],
                "begun": self.begun,
            }
            if self.heat
            else None,
            **({"columns": self.columns.as_json()} if self.columns else {}),
        }

    @property
    def rows(self) -> list[tuple[str, str, str, str, str]]:
        """The bars as a table: name, amount, how much was measured, estimated and typed."""
        write = amounts(self.measure)
        return [
            (
                bar.name,
                "" if bar.amount is None else write(bar.amount),
                show.part(min(bar.known, 1) - bar.estimated - bar.edited),
                show.percent(bar.estimated) if bar.estimated else "—",
                show.percent(bar.edited) if bar.edited else "—",
            )
            for bar in self.bars
        ]


def amounts(measure: Measure) -> Any:
    """How amounts of this measure are written, to the last digit that counts."""
    if measure.unit == "volume":
        return show.volume
    return lambda value: show.energy(value, exact=True)


def draw(meter: Meter, view: View, zone: ZoneInfo, now: datetime) -> Drawing:
    """Everything for one view of a meter."""
    measure = series.measure_of(meter)
    if view.name == "day":
        columns = series.day_columns(meter, view.on, zone, now)
        bars = series.hour_bars(meter, view.on, zone)
        summary = series.summary_of_day(meter, view.on, zone, columns, now)
        return Drawing(view, measure, columns, bars, summary, None, begun_by(view, bars, zone, now))
    if view.name == "year":
        bars = year_bars(meter, view)
    else:
        is_week = view.name == "week"
        names = [when.weekday(day) if is_week else when.day(day) for day in view.days]
        bars = series.day_bars(meter, view.days, names, WEEK if is_week else len(view.before.days))
    heat = series.heat_rows(meter, view.days, zone) if view.name in {"week", "month"} else None
    begun = begun_by(view, bars, zone, now)
    return Drawing(view, measure, None, bars, summed(bars[:begun]), heat, begun)


def begun_by(view: View, bars: list[Bar], zone: ZoneInfo, now: datetime) -> int:
    """How many of the bars have begun."""
    period = view.period(zone)
    passed = (min(now, period.end) - period.start) / period.duration
    return min(max(int(passed * len(bars)) + 1, 0), len(bars))


def year_bars(meter: Meter, view: View) -> list[Bar]:
    """One bar per month, from the days."""
    days = series.day_bars(meter, view.days, [str(day) for day in view.days], len(view.before.days))
    bars = []
    for month in range(1, DECEMBER + 1):
        inside = [bar for bar, day in zip(days, view.days, strict=True) if day.month == month]
        known = [bar.amount for bar in inside if bar.amount is not None]
        before = [bar.before for bar in inside if bar.before is not None]
        bars.append(
            Bar(
                when.month(view.first.replace(month=month)).split(show.NBSP)[0],
                sum(known) if known else None,
                sum(bar.known for bar in inside) / len(inside),
                any(bar.is_estimated for bar in inside),
                sum(before) if before else None,
                sum(bar.estimated for bar in inside) / len(inside),
                sum(bar.edited for bar in inside) / len(inside),
            )
        )
    return bars


def summed(bars: list[Bar]) -> Summary:
    """The sums of a view made of bars."""
    known = [bar.amount for bar in bars if bar.amount is not None]
    both = [bar for bar in bars if bar.amount is not None and bar.before is not None]
    then = sum(bar.before or 0 for bar in both)
    now = sum(bar.amount or 0 for bar in both)
    return Summary(
        amount=sum(known) if known else None,
        known=sum(min(bar.known, 1) for bar in bars) / len(bars) if bars else 0,
        peak=max(known, default=None),
        peak_at=None,
        base=None,
        same_hours=(now - then) / then if then else None,
        missing=[],
        estimated=sum(bar.estimated for bar in bars) / len(bars) if bars else 0,
        edited=sum(bar.edited for bar in bars) / len(bars) if bars else 0,
    )
