"""What a meter's page draws: instants within a day, hours, days and months, and their sums."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Final
from zoneinfo import ZoneInfo

from clients.kernel.charts import Columns, Mark
from clients.kernel.periods import Period, day_of
from meters.models import DayTotal, Interval, Meter, MeterKind, Quality, Reading, Rule
from meters.models.interval import INTERVAL_SECONDS
from meters.selectors.places import zone_of

WS_PER_WH: Final = 3600
ML_PER_L: Final = 1000
QUARTER: Final = timedelta(seconds=INTERVAL_SECONDS)
BASE_SHARE: Final = 20  # the base load is what is exceeded in 19 of 20 samples
FILLED: Final = frozenset({Quality.ESTIMATED, Quality.EDITED})


@dataclass(frozen=True, slots=True)
class Measure:
    """What a kind of meter shows: the column of samples, of intervals, and how they are written."""

    sample: str
    amount: str
    per_unit: int
    instant: str
    unit: str
    scale: float = 1


ENERGY: Final = Measure("power_w", "energy_import_ws", WS_PER_WH, "power", "energy")
SOLAR: Final = Measure("power_w", "energy_export_ws", WS_PER_WH, "power", "energy")
WATER: Final = Measure("flow_l_per_s", "volume_ml", ML_PER_L, "flow", "volume", 3600)


def measure_of(meter: Meter) -> Measure:
    """Solar meters give away what others take: their counted side is the export."""
    return {MeterKind.WATER: WATER, MeterKind.SOLAR: SOLAR}.get(MeterKind(meter.kind), ENERGY)


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: an hour, a day or a month. `amount` is None where nothing is known."""

    name: str
    amount: float | None
    known: float
    is_estimated: bool
    before: float | None = None
    estimated: float = 0  # of what is known
    edited: float = 0  # of what is known


@dataclass(frozen=True, slots=True)
class Summary:
    """The numbers under a chart. `same_hours` compares only the hours that are known here."""

    amount: float | None
    known: float
    peak: float | None
    peak_at: int | None
    base: float | None
    same_hours: float | None
    missing: list[Period]
    estimated: float = 0  # of what is known
    edited: float = 0  # of what is known


def newest_day(meter: Meter, zone: ZoneInfo) -> date | None:
    """The local day of the newest reading."""
    newest = Reading.objects.filter(meter_id=meter.pk).order_by("-measured_at")
    at = newest.values_list("measured_at", flat=True).first()
    return at.astimezone(zone).date() if at else None


def samples(meter: Meter, period: Period, column: str) -> list[tuple[int, float]]:
    """Instant (Unix seconds) and value of every reading of the period that has the column."""
    rows = Reading.objects.filter(
        meter_id=meter.pk,
        measured_at__gte=period.start,
        measured_at__lt=period.end,
        **{f"{column}__isnull": False},
    ).order_by("measured_at")
    return [(int(at.timestamp()), value) for at, value in rows.values_list("measured_at", column)]


def intervals(meter: Meter, period: Period) -> list[Interval]:
    found = Interval.objects.filter(
        meter_id=meter.pk, starts_at__gte=period.start, starts_at__lt=period.end
    )
    return list(found.order_by("starts_at"))


def day_columns(meter: Meter, day: date, zone: ZoneInfo, now: datetime) -> Columns:
    """The whole day's samples, those of the day before at the same time of day, gaps, estimates."""
    measure, period = measure_of(meter), day_of(day, zone)
    yesterday = day_of(day - timedelta(days=1), zone)
    today = samples(meter, period, measure.sample)
    before = samples(meter, yesterday, measure.sample)
    if not today:
        return Columns([], [])
    step = usual_step([at for at, _ in today], meter.sample_seconds)
    t, v = on_the_day(today, step, measure.scale, period)
    shift = int((period.start - yesterday.start).total_seconds())
    prev = aligned(t, before, shift, step, measure.scale) if before else None
    until = int(min(now, period.end).timestamp())
    filled = estimates(intervals(meter, period))
    return Columns(t, v, prev, [*beside(gaps(t, v, step, until), filled), *filled])


def beside(holes: Sequence[Mark], filled: Sequence[Mark]) -> list[Mark]:
    """The holes without what was filled: a stretch is one or the other."""
    left = list(holes)
    for mark in filled:
        left = [
            Mark(start, end, hole.kind, hole.label)
            for hole in left
            for start, end in (
                (hole.start, min(hole.end, mark.start)),
                (max(hole.start, mark.end), hole.end),
            )
            if start < end
        ]
    return left


def usual_step(instants: Sequence[int], fallback: int) -> int:
    """The median distance of neighbours, in seconds."""
    steps = sorted(b - a for a, b in pairwise(instants))
    return steps[len(steps) // 2] if steps else fallback


def on_the_day(
    rows: Sequence[tuple[int, float]], step: int, scale: float, period: Period
) -> tuple[list[int], list[float | None]]:
    """The samples, and a None for every step without one: a line must not cross a gap."""
    t: list[int] = []
    v: list[float | None] = []
    last = int(period.start.timestamp()) - step
    for at, value in [*rows, (int(period.end.timestamp()), None)]:
        if at - last > 2 * step:
            hole = range(last + step, at, step)
            t += hole
            v += [None] * len(hole)
        if value is not None:
            t.append(at)
            v.append(round(value * scale, 3))
        last = at
    return t, v


def aligned(
    t: Sequence[int], before: Sequence[tuple[int, float]], shift: int, step: int, scale: float
) -> list[float | None]:
    """For each instant, the sample of the period before that was valid then."""
    instants = [at + shift for at, _ in before]
    found: list[float | None] = []
    for at in t:
        place = bisect_left(instants, at + 1) - 1
        is_near = place >= 0 and at - instants[place] < 2 * step
        found.append(round(before[place][1] * scale, 3) if is_near else None)
    return found


def gaps(t: Sequence[int], v: Sequence[float | None], step: int, until: int) -> list[Mark]:
    """The stretches without a sample, as far as time has come."""
    marks: list[Mark] = []
    for at, value in zip(t, v, strict=True):
        if value is not None or at >= until:
            continue
        end = min(at + step, until)
        if marks and marks[-1].end == at:
            marks[-1] = Mark(marks[-1].start, end, "missing")
        else:
            marks.append(Mark(at, end, "missing"))
    return [mark for mark in marks if mark.end - mark.start > 2 * step]


def estimates(quarters: Sequence[Interval]) -> list[Mark]:
    """Neighbouring quarter-hours that were estimated, or typed by the same person, as one mark."""
    marks: list[Mark] = []
    for quarter in quarters:
        if quarter.quality not in FILLED:
            continue
        start = int(quarter.starts_at.timestamp())
        mark = Mark(start, start + INTERVAL_SECONDS, quarter.quality, quarter.author)
        if marks and (marks[-1].end, marks[-1].kind, marks[-1].label) == (start, *_kind(mark)):
            mark = Mark(marks.pop().start, mark.end, mark.kind, mark.label)
        marks.append(mark)
    return marks


def _kind(mark: Mark) -> tuple[str, str]:
    return mark.kind, mark.label


def hour_bars(meter: Meter, day: date, zone: ZoneInfo) -> list[Bar]:
    """One bar per hour of the local day: 23 or 25 where the clocks change."""
    measure, period = measure_of(meter), day_of(day, zone)
    quarters = intervals(meter, period)
    bars = []
    start = period.start
    while start < period.end:
        end = start + timedelta(hours=1)
        inside = [q for q in quarters if start <= q.starts_at < end]
        bars.append(bar_of(f"{start.astimezone(zone):%H}", inside, measure, 3600))
        start = end
    return bars


def bar_of(name: str, inside: Sequence[Interval], measure: Measure, seconds: int) -> Bar:
    amounts = [getattr(q, measure.amount) for q in inside]
    known = [amount for amount in amounts if amount is not None]
    return Bar(
        name,
        sum(known) / measure.per_unit if known else None,
        sum(q.seconds_covered for q in inside) / seconds,
        any(q.quality == Quality.ESTIMATED for q in inside),
        estimated=_seconds(inside, Quality.ESTIMATED) / seconds,
        edited=_seconds(inside, Quality.EDITED) / seconds,
    )


def _seconds(quarters: Sequence[Interval], quality: Quality) -> int:
    return sum(q.seconds_covered for q in quarters if q.quality == quality)


def day_totals(meter: Meter, first: date, after: date) -> dict[date, DayTotal]:
    found = DayTotal.objects.filter(meter_id=meter.pk, day__gte=first, day__lt=after)
    return {total.day: total for total in found}


def day_bars(meter: Meter, days: Sequence[date], names: Sequence[str], shift: int) -> list[Bar]:
    """One bar per day, each with the day `shift` days before."""
    measure = measure_of(meter)
    here = day_totals(meter, days[0], days[-1] + timedelta(days=1))
    typed = _typed_seconds(meter, here.values())
    back = timedelta(days=shift)
    before = day_totals(meter, days[0] - back, days[-1] + timedelta(days=1) - back)
    return [
        Bar(
            name,
            amount_of(here.get(day), measure),
            here[day].completeness if day in here else 0,
            day in here and here[day].seconds_estimated > 0,
            amount_of(before.get(day - back), measure),
            here[day].seconds_estimated / here[day].seconds_expected if day in here else 0,
            typed.get(day, 0) / here[day].seconds_expected if day in here else 0,
        )
        for day, name in zip(days, names, strict=True)
    ]


def _typed_seconds(meter: Meter, totals: Iterable[DayTotal]) -> dict[date, int]:
    """How much of each day somebody typed; asked only when somebody did."""
    days = [total.day for total in totals if total.rule == Rule.BY_HAND]
    if not days:
        return {}
    zone = zone_of(meter)
    found: dict[date, int] = defaultdict(int)
    whole = Period(day_of(min(days), zone).start, day_of(max(days), zone).end)
    for quarter in intervals(meter, whole):
        if quarter.quality == Quality.EDITED:
            found[quarter.starts_at.astimezone(zone).date()] += quarter.seconds_covered
    return found


def amount_of(total: DayTotal | None, measure: Measure) -> float | None:
    value = getattr(total, measure.amount) if total else None
    return None if value is None else value / measure.per_unit


def heat_rows(meter: Meter, days: Sequence[date], zone: ZoneInfo) -> list[list[float | None]]:
    """24 rows of one amount per day: when is it used?"""
    measure = measure_of(meter)
    rows: list[list[float | None]] = [[None] * len(days) for _ in range(24)]
    whole = Period(day_of(days[0], zone).start, day_of(days[-1], zone).end)
    for quarter in intervals(meter, whole):
        amount = getattr(quarter, measure.amount)
        if amount is None:
            continue
        local = quarter.starts_at.astimezone(zone)
        column = (local.date() - days[0]).days
        held = rows[local.hour][column] or 0
        rows[local.hour][column] = round(held + amount / measure.per_unit, 3)
    return rows


def summary_of_day(
    meter: Meter, day: date, zone: ZoneInfo, columns: Columns, now: datetime
) -> Summary:
    """Sums that say how much of the day they rest on."""
    measure, period = measure_of(meter), day_of(day, zone)
    quarters = intervals(meter, period)
    amounts = [getattr(q, measure.amount) for q in quarters]
    known = [amount for amount in amounts if amount is not None]
    seen = [(v, t) for t, v in zip(columns.t, columns.v, strict=True) if v is not None]
    peak = max(seen, default=None)
    elapsed = (min(max(now, period.start), period.end) - period.start).total_seconds()
    base = sorted(v for v, _ in seen)[len(seen) // BASE_SHARE] if seen else None
    return Summary(
        amount=sum(known) / measure.per_unit if known else None,
        known=sum(q.seconds_covered for q in quarters) / max(elapsed, 1),
        peak=peak[0] if peak else None,
        peak_at=peak[1] if peak else None,
        base=base,
        same_hours=_same_hours(meter, day, zone, quarters),
        missing=_missing(quarters, period),
        estimated=_seconds(quarters, Quality.ESTIMATED) / max(elapsed, 1),
        edited=_seconds(quarters, Quality.EDITED) / max(elapsed, 1),
    )


def _same_hours(
    meter: Meter, day: date, zone: ZoneInfo, quarters: Sequence[Interval]
) -> float | None:
    """How much more (0.1) or less (-0.1) than the day before, over quarter-hours known in both."""
    measure = measure_of(meter)
    yesterday = day_of(day - timedelta(days=1), zone)
    shift = day_of(day, zone).start - yesterday.start
    before = {q.starts_at + shift: getattr(q, measure.amount) for q in intervals(meter, yesterday)}
    pairs = [(getattr(q, measure.amount), before.get(q.starts_at)) for q in quarters]
    both = [(now, then) for now, then in pairs if now is not None and then is not None]
    then = sum(pair[1] for pair in both)
    return (sum(pair[0] for pair in both) - then) / then if then else None


def _missing(quarters: Sequence[Interval], period: Period) -> list[Period]:
    """Stretches of whole quarter-hours about which nothing is known, until the newest one."""
    known = {q.starts_at for q in quarters}
    if not known:
        return []
    holes: list[Period] = []
    at: datetime = period.start
    while at < max(known):
        if at not in known:
            if holes and holes[-1].end == at:
                holes[-1] = Period(holes[-1].start, at + QUARTER)
            else:
                holes.append(Period(at, at + QUARTER))
        at += QUARTER
    return holes
