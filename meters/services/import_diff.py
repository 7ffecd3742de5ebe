"""What a chunk of a file would change: row by row against what is stored, and day by day."""

from __future__ import annotations

import array
import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Final

from django.db import connection

from clients.kernel.periods import day_start
from clients.kernel.tenancy import current_tenant_id
from meters.models import DayTotal
from meters.models.interval import ML_PER_L, WS_PER_WH
from meters.models.quantities import QUANTITIES
from meters.services.copying import from_us
from meters.services.import_rows import Chunk, KnownMeter
from meters.services.samples import EPOCH, MICROSECOND

NEW, DUPLICATE, CONFLICT = "new", "duplicate", "conflict"
MOST_DAYS: Final = 62  # of each meter: two months say how it goes on
MOST_FALLS: Final = 5
LONGEST_GAP_US: Final = 40 * 86_400_000_000
_REAL: Final = frozenset(q.name for q in QUANTITIES if q.kind == "instant")
_ANY_STORED: Final = """
    SELECT EXISTS (SELECT FROM meters_reading
        WHERE meter_id = ANY (%s) AND measured_at >= %s AND measured_at <= %s AND tenant_id = %s)
"""
_STORED: Final = """
    SELECT w.place - 1, {columns}
    FROM unnest(%s::bigint[], %s::timestamptz[]) WITH ORDINALITY AS w (meter_id, at, place)
    JOIN meters_reading r ON r.meter_id = w.meter_id AND r.measured_at = w.at
    WHERE r.measured_at >= %s AND r.measured_at <= %s AND r.tenant_id = %s
"""


def compare(chunk: Chunk) -> list[str]:
    """`new`, `duplicate` or `conflict` for each reading of the chunk, in the tenant's scope.

    A row that agrees in all it says with what is stored is a duplicate, even when more is stored.
    Of two rows for one instant within the chunk the first counts.
    """
    outcomes = _against_stored(chunk)
    width = len(chunk.spoken)
    first: dict[tuple[int, int], int] = {}
    for item, (meter, at) in enumerate(zip(chunk.meters, chunk.instants_us, strict=True)):
        if outcomes[item] != NEW:
            continue
        earlier = first.setdefault((meter.id, at), item)
        if earlier != item:
            values = chunk.values
            same = (
                values[earlier * width : (earlier + 1) * width]
                == values[item * width : (item + 1) * width]
            )
            outcomes[item] = DUPLICATE if same else CONFLICT
    return outcomes


def _against_stored(chunk: Chunk) -> list[str]:
    outcomes = [NEW] * len(chunk)
    if not outcomes:
        return outcomes
    ids = [meter.id for meter in chunk.meters]
    low, high = from_us(min(chunk.instants_us)), from_us(max(chunk.instants_us))
    tenant_id = current_tenant_id()
    with connection.cursor() as cursor:
        cursor.execute(_ANY_STORED, [list(set(ids)), low, high, tenant_id])
        if not cursor.fetchone()[0]:
            return outcomes
        columns = ", ".join(f"r.{name}" for name in chunk.spoken)
        instants = [from_us(at) for at in chunk.instants_us]
        statement = _STORED.format(columns=columns)
        cursor.execute(statement, [ids, instants, low, high, tenant_id])
        stored = cursor.fetchall()
    width, real = len(chunk.spoken), [name in _REAL for name in chunk.spoken]
    has_extra = chunk.spoken[-1:] == ("extra",)
    for place, *kept in stored:
        if has_extra and kept[-1] is not None:
            kept[-1] = json.loads(kept[-1])
        said = chunk.values[place * width : (place + 1) * width]
        agrees = all(
            value is None or (_four_bytes(value) == _four_bytes(old) if is_real else value == old)
            for value, old, is_real in zip(said, kept, real, strict=True)
        )
        outcomes[place] = DUPLICATE if agrees else CONFLICT
    return outcomes


def _four_bytes(value: float | None) -> float | None:
    return None if value is None else array.array("f", [value])[0]


def without_duplicates(chunk: Chunk, outcomes: Sequence[str]) -> list[int]:
    """The places of the rows that are worth sending."""
    return [item for item, outcome in enumerate(outcomes) if outcome != DUPLICATE]


# Day by day -------------------------------------------------------------------------------------

Point = tuple[int, int]  # an instant in microseconds, and what the register shows


@dataclass(slots=True)
class _Day:
    first: Point
    last: Point
    rows: int = 0


@dataclass(frozen=True, slots=True)
class DayEffect:
    """A local day of a meter: what counts there now, and what would after the import."""

    meter: str
    day: date
    rows: int
    before: int | None
    after: int | None
    falls: bool = False  # the register ends the day below where it began it


@dataclass(frozen=True, slots=True)
class Fall:
    """A line at which a register shows less than before: a reset, an exchange, or a wrong line."""

    line: int
    meter: str
    before: int
    after: int


@dataclass(slots=True)
class Effects:
    """Collects the new rows of a register and says what they change, by interpolating it at the
    ends of each day as the intervals will."""

    register: str
    days: dict[tuple[int, date], _Day] = field(default_factory=dict)
    meters: dict[int, KnownMeter] = field(default_factory=dict)
    falls: list[Fall] = field(default_factory=list)
    last: dict[int, Point] = field(default_factory=dict)  # of each meter, as far as it was seen
    _known: dict[tuple[str, int], date] = field(default_factory=dict)

    def add(self, chunk: Chunk, outcomes: Sequence[str]) -> None:
        if self.register not in chunk.spoken:
            return
        slot, width = chunk.spoken.index(self.register), len(chunk.spoken)
        for item, outcome in enumerate(outcomes):
            value = chunk.values[item * width + slot]
            if outcome != NEW or value is None:
                continue
            meter, at = chunk.meters[item], chunk.instants_us[item]
            self.meters[meter.id] = meter
            key = (meter.id, self._day_of(meter, at))
            point = (at, value)
            self._follow(chunk.lines[item], meter, point)
            seen = self.days.get(key)
            if seen is None:
                self.days[key] = _Day(point, point, 1)
                continue
            seen.rows += 1
            if at < seen.first[0]:
                seen.first = point
            elif at > seen.last[0]:
                seen.last = point

    def _follow(self, line: int, meter: KnownMeter, point: Point) -> None:
        before = self.last.get(meter.id, point)
        if before[0] < point[0] and before[1] > point[1] and len(self.falls) < MOST_FALLS:
            self.falls.append(Fall(line, meter.serial, before[1], point[1]))
        if before[0] <= point[0]:
            self.last[meter.id] = point

    def _day_of(self, meter: KnownMeter, at: int) -> date:
        quarter = (meter.zone.key, at // 900_000_000)
        found = self._known.get(quarter)
        if found is None:
            found = self._known[quarter] = from_us(at).astimezone(meter.zone).date()
        return found

    def told(self, skipped: Collection[int] = ()) -> list[DayEffect]:
        """The first days of each meter, in order. In the tenant's scope."""
        by_meter: dict[int, list[date]] = defaultdict(list)
        for meter_id, day in sorted(self.days):
            if meter_id not in skipped:
                by_meter[meter_id].append(day)
        return [
            effect
            for meter_id, days in by_meter.items()
            for effect in self._of_meter(self.meters[meter_id], days[:MOST_DAYS])
        ]

    def _of_meter(self, meter: KnownMeter, days: Sequence[date]) -> Iterable[DayEffect]:
        before = self._before(meter, days)
        shown = [self.days[meter.id, day] for day in days]
        points = [point for day in shown for point in (day.first, day.last)]
        edges = sorted({edge for day in days for edge in (day, day + timedelta(days=1))})
        starts = {edge: (day_start(edge, meter.zone) - EPOCH) // MICROSECOND for edge in edges}
        stored = self._stored(meter, list(starts.values()))
        beyond = self._neighbours(meter, days)
        at_edge = {
            edge: _at(start, [*points, *stored[start], *beyond]) for edge, start in starts.items()
        }
        for day, seen in zip(days, shown, strict=True):
            opens, closes = at_edge[day], at_edge[day + timedelta(days=1)]
            low = opens if opens is not None else seen.first[1]
            high = closes if closes is not None else seen.last[1]
            after = round(high - low)
            yield DayEffect(
                meter.serial,
                day,
                seen.rows,
                before.get(day),
                after if after >= 0 else None,
                falls=after < 0,
            )

    def _neighbours(self, meter: KnownMeter, days: Sequence[date]) -> list[Point]:
        """The file's own points just outside the days that are shown."""
        after = [d for m, d in self.days if m == meter.id and d > days[-1]]
        return [self.days[meter.id, min(after)].first] if after else []

    def _before(self, meter: KnownMeter, days: Sequence[date]) -> dict[date, int]:
        column, unit = (
            ("volume_ml", ML_PER_L)
            if self.register == "volume_l"
            else (f"{self.register.removesuffix('_wh')}_ws", WS_PER_WH)
        )
        rows = DayTotal.objects.filter(meter_id=meter.id, day__in=days).values_list("day", column)
        return {day: round(value / unit) for day, value in rows if value is not None}

    def _stored(self, meter: KnownMeter, edges: Sequence[int]) -> dict[int, list[Point]]:
        """What is stored just before and after each edge: two looks into the index each."""
        with connection.cursor() as cursor:
            cursor.execute(
                f"""
                SELECT e.place - 1, p.measured_at, p.value
                FROM unnest(%(edges)s::timestamptz[]) WITH ORDINALITY AS e (at, place),
                LATERAL (
                    (SELECT measured_at, {self.register} AS value FROM meters_reading
                     WHERE meter_id = %(meter)s AND tenant_id = %(tenant)s AND measured_at < e.at
                       AND measured_at >= e.at - interval '40 days' AND {self.register} IS NOT NULL
                     ORDER BY measured_at DESC LIMIT 1)
                    UNION ALL
                    (SELECT measured_at, {self.register} FROM meters_reading
                     WHERE meter_id = %(meter)s AND tenant_id = %(tenant)s AND measured_at >= e.at
                       AND measured_at <= e.at + interval '40 days' AND {self.register} IS NOT NULL
                     ORDER BY measured_at LIMIT 1)
                ) p
                """,
                {
                    "edges": [from_us(edge) for edge in edges],
                    "meter": meter.id,
                    "tenant": current_tenant_id(),
                },
            )
            found: dict[int, list[Point]] = {edge: [] for edge in edges}
            for place, at, value in cursor.fetchall():
                found[edges[place]].append(((at - EPOCH) // MICROSECOND, value))
        return found


def _at(edge: int, points: Sequence[Point]) -> float | None:
    """The register at an instant, on the straight line between its neighbours."""
    before = max((point for point in points if point[0] <= edge), default=None)
    after = min((point for point in points if point[0] >= edge), default=None)
    if before is None or after is None or after[0] - before[0] > LONGEST_GAP_US:
        return None
    if after[0] == before[0]:
        return before[1]
    share = (edge - before[0]) / (after[0] - before[0])
    return before[1] + (after[1] - before[1]) * share


def count(outcomes: Iterable[str]) -> Mapping[str, int]:
    """How many of each."""
    found: dict[str, int] = defaultdict(int)
    for outcome in outcomes:
        found[outcome] += 1
    return found
