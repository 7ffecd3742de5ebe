"""Quantities over any period as columns of at most 2,000 points, with what is missing marked."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Any, Final
from zoneinfo import ZoneInfo

from django.db import connection
from django.utils.translation import gettext as _

from clients.kernel.charts import MOST_POINTS, Mark
from clients.kernel.errors import DomainError
from clients.kernel.periods import Period, day_start
from clients.kernel.tenancy import current_tenant_id
from meters.models import Meter
from meters.models.interval import INTERVAL_SECONDS, ML_PER_L, WS_PER_WH
from meters.models.quantities import INSTANTS, QUANTITIES
from meters.selectors.places import place_of

SUMS: Final = {
    "energy_import": ("energy_import_ws", WS_PER_WH, "Wh"),
    "energy_export": ("energy_export_ws", WS_PER_WH, "Wh"),
    "volume": ("volume_ml", ML_PER_L, "L"),
}
UNITS: Final = {quantity.name: quantity.unit for quantity in QUANTITIES} | {
    name: unit for name, (_column, _per, unit) in SUMS.items()
}
STEPS: Final = {"1min": 60, "5min": 300, "15min": INTERVAL_SECONDS, "1h": 3_600, "1d": 86_400}
RESOLUTIONS: Final = ("raw", *STEPS, "1mo")
MOST_ASKED: Final = 4_000  # points, when somebody names the resolution: a month of quarter-hours
A_MONTH_S: Final = 28 * 86_400
FOLLOW_INTERVALS: Final = frozenset({*SUMS, "power_w", "flow_l_per_s"})
REGARDED: Final = (
    "NOT EXISTS (SELECT FROM meters_disregarded d "
    "WHERE d.meter_id = r.meter_id AND d.measured_at = r.measured_at)"
)


class TooManyPoints(DomainError):
    """The period does not fit into a chart at this resolution."""

    code = "too_many_points"
    http_status = 422


@dataclass(frozen=True, slots=True)
class Line:
    """One quantity. `v` is None where nothing is known; `low` and `high` are within each step."""

    quantity: str
    unit: str
    v: list[float | None]
    low: list[float | None] | None
    high: list[float | None] | None
    prev: list[float | None] | None


@dataclass(frozen=True, slots=True)
class Series:
    """Columns for a chart, on one axis of instants (Unix seconds), and what they rest on."""

    resolution: str
    step_s: int | None
    zone: str
    period: Period
    t: list[int]
    lines: list[Line]
    marks: list[Mark]
    known: float
    estimated: float


@dataclass(frozen=True, slots=True)
class _Asked:
    meter: Meter
    zone: ZoneInfo
    period: Period
    resolution: str
    with_disregarded: bool = False

    @property
    def regarded(self) -> str:
        """What a person or a rule set aside is no measurement, unless it is asked for."""
        return "true" if self.with_disregarded else REGARDED

    @property
    def parameters(self) -> dict[str, Any]:
        return {
            "tenant": current_tenant_id(),
            "meter": self.meter.pk,
            "start": self.period.start,
            "end": self.period.end,
            "step": STEPS.get(self.resolution, 0),
            "zone": self.zone.key,
        }


Rows = dict[int, Sequence[Any]]  # instant → per quantity mean or sum, lowest, highest


def series(
    meter: Meter,
    quantities: Sequence[str],
    period: Period,
    *,
    now: datetime,
    resolution: str = "",
    compare: bool = False,
    with_disregarded: bool = False,
) -> Series:
    """The quantities over the period, in the finest step that 2,000 points allow.

    Energy and volume are sums of intervals; anything else is what was read, or the mean of it with
    the lowest and highest value of each step, so that no peak is lost. The period grows to whole
    steps. `compare` adds the values of the period before, under the same local times. Disregarded
    readings are left out, unless `with_disregarded`.
    """
    zone = place_of(meter).zone
    sums = [name for name in quantities if name in SUMS]
    read = [name for name in quantities if name not in SUMS]
    asked = _Asked(meter, zone, period, resolution, with_disregarded)
    if not sums and resolution in {"", "raw"}:
        raw = _raw(asked, read)
        if len(raw) <= MOST_POINTS:
            return _as_read(asked, read, raw, now, compare)
    asked = _on_whole_steps(asked, has_sums=bool(sums))
    t = list(_grid(asked))
    now_rows = _rows(asked, sums, read)
    before = _before(asked) if compare else None
    then_rows = _rows(before, sums, read) if before else {}
    then_t = list(_grid(before)) if before else []
    lines = [_line(name, t, now_rows[name], asked.resolution) for name in quantities]
    if before:
        lines = [_with_previous(line, then_t, then_rows[line.quantity]) for line in lines]
    marks, known, estimated = _what_is_known(asked, quantities, t, lines, now)
    step = STEPS.get(asked.resolution)
    return Series(asked.resolution, step, zone.key, asked.period, t, lines, marks, known, estimated)


def _on_whole_steps(asked: _Asked, *, has_sums: bool) -> _Asked:
    """The same question with a resolution, and a period of whole steps."""
    seconds = asked.period.duration.total_seconds()
    name = asked.resolution
    if not name:
        steps = [(n, s) for n, s in STEPS.items() if not has_sums or s >= INTERVAL_SECONDS]
        name = next((n for n, s in steps if seconds <= s * MOST_POINTS), "1mo")
    most = seconds / STEPS.get(name, A_MONTH_S)
    is_too_fine = name == "raw" or (has_sums and STEPS.get(name, A_MONTH_S) < INTERVAL_SECONDS)
    if is_too_fine or most > MOST_ASKED:
        raise TooManyPoints(_("Ask for a shorter period or a coarser resolution."))
    first, last = (_floor(at, asked.zone, name) for at in (asked.period.start, asked.period.end))
    if last < asked.period.end:
        last = _next(last, asked.zone, name)
    return replace(asked, period=Period(first, last), resolution=name)


def _floor(at: datetime, zone: ZoneInfo, resolution: str) -> datetime:
    if resolution in {"1d", "1mo"}:
        day = at.astimezone(zone).date()
        return day_start(day if resolution == "1d" else day.replace(day=1), zone)
    step = STEPS[resolution]
    return datetime.fromtimestamp(int(at.timestamp()) // step * step, at.tzinfo)


def _next(at: datetime, zone: ZoneInfo, resolution: str) -> datetime:
    day = at.astimezone(zone).date()
    if resolution == "1d":
        return day_start(day + timedelta(days=1), zone)
    if resolution == "1mo":
        return day_start((day.replace(day=1) + timedelta(days=32)).replace(day=1), zone)
    return at + timedelta(seconds=STEPS[resolution])


def _grid(asked: _Asked) -> Iterator[int]:
    """When each step begins: local days and months, whatever the clocks do."""
    if asked.resolution not in {"1d", "1mo"}:
        first, last = (int(at.timestamp()) for at in (asked.period.start, asked.period.end))
        yield from range(first, last, STEPS[asked.resolution])
        return
    at = asked.period.start
    while at < asked.period.end:
        yield int(at.timestamp())
        at = _next(at, asked.zone, asked.resolution)


def _before(asked: _Asked) -> _Asked:
    """The stretch of the same local length that ends where this one begins."""
    start, end = (at.astimezone(asked.zone) for at in (asked.period.start, asked.period.end))
    if asked.resolution == "1mo":
        months = (end.year - start.year) * 12 + end.month - start.month
        number = start.year * 12 + start.month - 1 - months
        first = day_start(date(number // 12, number % 12 + 1, 1), asked.zone)
    else:
        first = start - (end.replace(tzinfo=None) - start.replace(tzinfo=None))
    return replace(asked, period=Period(first, start))


def _with_previous(line: Line, then_t: Sequence[int], then: Rows) -> Line:
    """By place, not by instant: the first day of this month lies above the first of that one."""
    values = [_value(then.get(at), 0) for at in then_t[: len(line.v)]]
    values += [None] * (len(line.v) - len(values))
    return Line(line.quantity, line.unit, line.v, line.low, line.high, values)


def _line(name: str, t: Sequence[int], rows: Rows, resolution: str) -> Line:
    found = [rows.get(at) for at in t]
    columns = [[_value(row, place) for row in found] for place in range(3)]
    has_bounds = not (name in SUMS and resolution == "15min")
    low, high = (columns[1], columns[2]) if has_bounds else (None, None)
    return Line(name, UNITS[name], columns[0], low, high, None)


def _value(row: Sequence[Any] | None, place: int) -> float | None:
    return None if row is None or row[place] is None else float(row[place])


def _rows(asked: _Asked, sums: Sequence[str], read: Sequence[str]) -> dict[str, Rows]:
    """Each quantity's rows: one query for what is summed and one for what is averaged."""
    found: dict[str, Rows] = {}
    if sums:
        found |= _by_name(sums, _summed(asked, sums), [SUMS[name][1] for name in sums])
    if read:
        found |= _by_name(read, _averaged(asked, read), [1] * len(read))
    return found


def _by_name(
    names: Sequence[str], rows: Iterable[Sequence[Any]], units: Sequence[int]
) -> dict[str, Rows]:
    found: dict[str, Rows] = {name: {} for name in names}
    for at, *values in rows:
        for place, name in enumerate(names):
            three = values[3 * place : 3 * place + 3]
            if three[0] is not None:
                per = units[place]
                found[name][at] = three if per == 1 else [value / per for value in three]
    return found


def _bucket(asked: _Asked, column: str) -> str:
    if asked.resolution in {"1d", "1mo"}:
        unit = "day" if asked.resolution == "1d" else "month"
        return (
            f"date_part('epoch', date_trunc('{unit}', {column} AT TIME ZONE %(zone)s) "
            "AT TIME ZONE %(zone)s)::bigint"
        )
    return f"(floor(date_part('epoch', {column}) / %(step)s) * %(step)s)::bigint"


def _summed(asked: _Asked, names: Sequence[str]) -> list[Any]:
    listed = ", ".join(
        f"sum({c})::bigint, min({c}), max({c})" for c in (SUMS[name][0] for name in names)
    )
    if asked.resolution in {"1d", "1mo"}:
        unit = "day" if asked.resolution == "1d" else "month"
        return _query(
            f"SELECT date_part('epoch', date_trunc('{unit}', day::timestamp) "
            f"AT TIME ZONE %(zone)s)::bigint AS t, {listed} FROM meters_daytotal "
            "WHERE tenant_id = %(tenant)s AND meter_id = %(meter)s "
            "AND day >= (%(start)s AT TIME ZONE %(zone)s)::date "
            "AND day < (%(end)s AT TIME ZONE %(zone)s)::date GROUP BY t ORDER BY t",
            asked,
        )
    where = (
        "FROM meters_interval WHERE tenant_id = %(tenant)s AND meter_id = %(meter)s "
        "AND starts_at >= %(start)s AND starts_at < %(end)s"
    )
    if asked.resolution == "15min":  # as they are: nothing to sum
        same = ", ".join(f"{c}, {c}, {c}" for c in (SUMS[name][0] for name in names))
        at = "date_part('epoch', starts_at)::bigint"
        return _query(f"SELECT {at}, {same} {where} ORDER BY starts_at", asked)
    at = _bucket(asked, "starts_at")
    return _query(f"SELECT {at} AS t, {listed} {where} GROUP BY t ORDER BY t", asked)


def _sql_type(name: str) -> str:
    """What a quantity is given out as. An instantaneous value has no more digits than it is kept
    with: as eight bytes, 235.2 would become 235.1999969482422."""
    return "float4" if name in INSTANTS else "float8"


def _averaged(asked: _Asked, names: Sequence[str]) -> list[Any]:
    listed = ", ".join(
        f"{fold}({name})::{_sql_type(name)}" for name in names for fold in ("avg", "min", "max")
    )
    return _query(
        f"SELECT {_bucket(asked, 'measured_at')} AS t, {listed} FROM meters_reading r "
        "WHERE tenant_id = %(tenant)s AND meter_id = %(meter)s "
        f"AND measured_at >= %(start)s AND measured_at < %(end)s AND {asked.regarded} "
        "GROUP BY t ORDER BY t",
        asked,
    )


def _raw(asked: _Asked, names: Sequence[str]) -> list[Any]:
    any_of = " OR ".join(f"{name} IS NOT NULL" for name in names)
    listed = ", ".join(f"{name}::{_sql_type(name)}" for name in names)
    return _query(
        f"SELECT date_part('epoch', measured_at)::bigint, {listed} "
        "FROM meters_reading r WHERE tenant_id = %(tenant)s AND meter_id = %(meter)s "
        f"AND measured_at >= %(start)s AND measured_at < %(end)s AND ({any_of}) "
        f"AND {asked.regarded} ORDER BY measured_at LIMIT {MOST_POINTS + 1}",
        asked,
    )


def _as_read(
    asked: _Asked, names: Sequence[str], raw: list[Any], now: datetime, compare: bool
) -> Series:
    """Every reading as it is, with a None in every hole: a line must not cross it."""
    usual = _usual([row[0] for row in raw])
    rows: list[Sequence[Any]] = []
    for row in raw:
        if rows and usual and row[0] - rows[-1][0] > 2 * usual:
            rows.append((rows[-1][0] + usual, *[None] * len(names)))
        rows.append(row)
    t = [row[0] for row in rows]
    before = _before(asked)
    then = _raw(before, names)[:MOST_POINTS] if compare else []
    shift = int((asked.period.start - before.period.start).total_seconds())
    lines = [
        Line(
            name,
            UNITS[name],
            [row[place] for row in rows],
            None,
            None,
            _aligned(t, then, place, shift, usual) if compare else None,
        )
        for place, name in enumerate(names, 1)
    ]
    marks, known, estimated = _what_is_known(asked, names, t, lines, now)
    return Series("raw", usual, asked.zone.key, asked.period, t, lines, marks, known, estimated)


def _aligned(
    t: Sequence[int], then: Sequence[Any], place: int, shift: int, usual: int
) -> list[float | None]:
    """For each instant, what was read at the same time of the period before."""
    instants = [row[0] + shift for row in then]
    found: list[float | None] = []
    for at in t:
        near = bisect_left(instants, at + 1) - 1
        is_near = near >= 0 and at - instants[near] < 2 * max(usual, 1)
        found.append(then[near][place] if is_near else None)
    return found


def _usual(t: Sequence[int]) -> int:
    steps = sorted(b - a for a, b in pairwise(t))
    return steps[len(steps) // 2] if steps else 0


def _what_is_known(
    asked: _Asked,
    quantities: Sequence[str],
    t: Sequence[int],
    lines: Sequence[Line],
    now: datetime,
) -> tuple[list[Mark], float, float]:
    """Marks, and the shares of the time passed that are known and estimated."""
    start = int(asked.period.start.timestamp())
    until = int(min(now, asked.period.end).timestamp())
    passed = max(until - start, 1)
    if not FOLLOW_INTERVALS.isdisjoint(quantities) and (runs := _runs(asked)):
        marks = [Mark(r[2], r[3], r[0], r[1]) for r in runs if r[0] != "measured"]
        holes = _holes([(r[2], r[3]) for r in runs], start, until)
        known = sum(r[4] for r in runs)
        estimated = sum(r[4] for r in runs if r[0] != "measured")
        return [*holes, *marks], min(known / passed, 1), min(estimated / passed, 1)
    usual = STEPS.get(asked.resolution) or max(_usual(t), 1)
    spoken = [at for place, at in enumerate(t) if any(line.v[place] is not None for line in lines)]
    spans = [(at, at + usual) for at in spoken]
    holes = [hole for hole in _holes(spans, start, until) if hole.end - hole.start > usual]
    missing = sum(hole.end - hole.start for hole in holes)
    return holes, max(until - start - missing, 0) / passed if until > start else 0, 0


def _holes(spans: Sequence[tuple[int, int]], start: int, until: int) -> list[Mark]:
    """What no span covers."""
    holes: list[Mark] = []
    at = start
    for begins, ends in sorted(spans):
        if begins > at and begins <= until:
            holes.append(Mark(at, begins, "missing"))
        at = max(at, ends)
    return [*holes, Mark(at, until, "missing")] if at < until else holes


def _runs(asked: _Asked) -> list[Any]:
    """Neighbouring intervals (days, in a long period) of one kind: kind, author, from, to, time."""
    if asked.resolution in {"1d", "1mo"}:
        rows = _query(
            "SELECT seconds_estimated > 0, date_part('epoch', day::timestamp "
            "AT TIME ZONE %(zone)s)::bigint, date_part('epoch', (day + 1)::timestamp "
            "AT TIME ZONE %(zone)s)::bigint, seconds_covered FROM meters_daytotal "
            "WHERE tenant_id = %(tenant)s AND meter_id = %(meter)s "
            "AND day >= (%(start)s AT TIME ZONE %(zone)s)::date "
            "AND day < (%(end)s AT TIME ZONE %(zone)s)::date ORDER BY day",
            asked,
        )
        kinds = {True: "estimated", False: "measured"}
        return [(kinds[is_estimated], "", *rest) for is_estimated, *rest in rows]
    return _query(
        """
        SELECT kind, author, min(at), max(at) + 900, sum(seconds_covered)::bigint
        FROM (
            SELECT kind, author, at, seconds_covered,
                at - 900 * row_number() OVER (PARTITION BY kind, author ORDER BY at) AS island
            FROM (
                SELECT CASE WHEN quality IN ('estimated', 'edited') THEN quality
                    ELSE 'measured' END AS kind, author,
                    date_part('epoch', starts_at)::bigint AS at, seconds_covered
                FROM meters_interval WHERE tenant_id = %(tenant)s AND meter_id = %(meter)s
                    AND starts_at >= %(start)s AND starts_at < %(end)s AND quality <> 'missing'
            ) quarter
        ) numbered GROUP BY kind, author, island ORDER BY min(at)
        """,
        asked,
    )


def _query(sql: str, asked: _Asked) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(sql, asked.parameters)
        rows: list[Any] = cursor.fetchall()
        return rows
