"""The slow way: a register's lines where the plain difference cannot answer.

For a touched stretch of a meter it reads two days more on both sides, explains what does not
follow (`services.detection`), and answers the straight lines between readings that hold, already
corrected, with the events found. It starts at a reading that held and goes on until what it finds
and what is stored agree: so parts computed in any order end as one computation of everything.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from typing import Any, Final

from django.db import connection

from clients.kernel.tenancy import current_tenant_id
from meters.models.interval import INTERVAL_SECONDS, ML_PER_L, WS_PER_WH
from meters.models.register_event import EventKind
from meters.services import interval_sql as sql
from meters.services.detection import (
    EXCURSIONS,
    HISTORY_S,
    LONGEST_GAP_S,
    ONE,
    WATCH_S,
    Explained,
    Found,
    Known,
    Limits,
    Step,
    explain,
)
from meters.services.meter_facts import Facts, Placement, instant, multiplier_at

WHATS: Final = {
    "energy_import_wh": sql.IMPORT,
    "energy_export_wh": sql.EXPORT,
    "volume_l": sql.VOLUME,
}
UNITS: Final = {
    "energy_import_wh": WS_PER_WH,
    "energy_export_wh": WS_PER_WH,
    "volume_l": ML_PER_L,
}
FOREVER: Final = float("inf")
A_MOMENT_S: Final = 1e-6  # readings are no nearer to each other


@dataclass(frozen=True, slots=True)
class Segment:
    """A register's line from `starts` to `ends` in watt-seconds or millilitres, times `mult`."""

    register: str
    starts: float
    ends: float
    start: int
    end: int
    mult: int
    level: int


@dataclass(frozen=True, slots=True)
class Gap:
    """More than two hours between two readings of a register that hold."""

    register: str
    starts: float
    ends: float
    segments: tuple[Segment, ...]


@dataclass(frozen=True, slots=True)
class Corrected:
    """Quarter-hours of a meter from `starts` to `ends`, and all that is needed to compute them."""

    facts: Facts
    starts: float
    ends: float
    segments: list[Segment]
    gaps: list[Gap]
    events: dict[str, tuple[list[Found], float]]  # by register: those that begin before the instant
    placements: list[Placement]
    rescaled_from: float | None = None  # from here on all values mean something else than before


@dataclass(slots=True)
class _Register:
    """One register of the stretch, while it is being worked on."""

    name: str
    limits: Limits
    virtual: list[tuple[float, int]]
    changes: list[float]
    known: list[Known]
    explained: Explained | None = None
    first: float = 0.0
    starts: float = 0.0
    ends: float = FOREVER
    agrees_at: float = FOREVER


def correct(
    facts: Facts, starts: float, ends: float, *, settled_before: float = -FOREVER
) -> Corrected:
    """Lines and events for everything that readings between the two instants can have changed,
    but nothing before what is settled for good."""
    placements = _placements(facts.meter_id)
    registers = [_register(facts, name, placements) for name in facts.registers if name in WHATS]
    boundaries = [edge for p in placements for edge in (p.starts, p.ends) if math.isfinite(edge)]
    work = _Work(facts, starts, ends, settled_before)
    for register in registers:
        work.find_start(register)
    first = min([_quarter(starts), *(register.starts for register in registers)])
    for register in registers:
        work.read_until_agreed(register, first)
    last = max([_next_quarter(ends), *(register.ends for register in registers)])
    for register in registers:
        work.read_to(register, first, last)
    made = Corrected(facts, max(first, settled_before), last, [], [], {}, placements)
    for register in registers:
        _add(made, register, boundaries)
    rescaled = [min(one.agrees_at, last) for one in registers if _rescales(one)]
    return replace(made, rescaled_from=min(rescaled, default=None))


def _quarter(seconds: float) -> float:
    return math.floor(seconds / INTERVAL_SECONDS) * float(INTERVAL_SECONDS)


def _next_quarter(seconds: float) -> float:
    return math.ceil(seconds / INTERVAL_SECONDS) * float(INTERVAL_SECONDS)


def _text(seconds: float) -> str:
    return "-infinity" if seconds == -math.inf else instant(seconds).isoformat()


class _Work:
    def __init__(self, facts: Facts, starts: float, ends: float, settled_before: float) -> None:
        self.facts, self.starts, self.ends = facts, starts, ends
        self.settled_before = settled_before

    def find_start(self, register: _Register) -> None:
        """The last reading that held before anything here could matter."""
        held = self._held_before(register, self.starts - WATCH_S)
        if held is None:
            held = self._first_after(register, float("-inf"))
        register.starts = _quarter(min(self.starts, self.starts if held is None else held))

    def read_until_agreed(self, register: _Register, first: float) -> None:
        """Go on until the readings tell the same as what is stored."""
        held = self._held_before(register, first - HISTORY_S)
        register.first = -math.inf if held is None else held
        until, grow = self.ends + HISTORY_S, HISTORY_S
        while True:
            explained, has_more = self._explain(register, until)
            agreed = self._agreed(register, explained, until)
            if agreed is not None:
                register.agrees_at, register.ends = agreed, _next_quarter(agreed)
                return
            if not has_more:
                last = explained.steps[-1].ends if explained.steps else self.ends
                register.agrees_at, register.ends = FOREVER, _next_quarter(max(last, self.ends))
                return
            until, grow = until + grow, grow * 2

    def read_to(self, register: _Register, first: float, last: float) -> None:
        """All steps that reach into the stretch."""
        register.explained, _ = self._explain(register, last)

    def _explain(self, register: _Register, until: float) -> tuple[Explained, bool]:
        reached = self._first_after(register, until)
        stop = (until if reached is None else reached) + WATCH_S
        times, values = self._points(register, register.first, stop)
        first = register.first
        if math.isinf(first) and times:  # readings before them may be gone, what they told is not
            first = min(times[0], self.settled_before)
        known = [event for event in register.known if event.ends > first]
        scale = ONE
        for event in register.known:
            if event.kind == EventKind.SCALE and event.ends <= first:
                scale *= event.factor
        explained = explain(
            times,
            values,
            register.limits,
            known=known,
            boundaries=register.changes,
            scale=scale,
            given_until=self.starts - WATCH_S,
        )
        return explained, reached is not None

    def _agreed(self, register: _Register, explained: Explained, until: float) -> float | None:
        """The first reading from `until` on at which stored and found events agree for a day."""
        stored = {
            (event.kind, event.starts, event.ends)
            for event in register.known
            if not event.is_decided
        }
        found = {
            (event.kind, event.starts, event.ends)
            for event in explained.events
            if not event.is_decided
        }
        for step in explained.steps:
            at = step.ends
            if at < until:
                continue
            if any(e[0] in EXCURSIONS and e[1] < at < e[2] for e in stored):
                continue
            differs = any(event[2] > at - HISTORY_S and event[1] < at for event in stored ^ found)
            return None if differs else at
        return None

    # Readings

    def _points(
        self, register: _Register, first: float, last: float
    ) -> tuple[list[float], list[int]]:
        with connection.cursor() as cursor:
            cursor.execute(
                sql.POINTS.format(register=register.name),
                {
                    "tenant": current_tenant_id(),
                    "meter": self.facts.meter_id,
                    "first": _text(first),
                    "last": _text(last),
                },
            )
            rows = cursor.fetchall()
        virtual = [point for point in register.virtual if first <= point[0] <= last]
        if virtual:
            taken = {at for at, _ in virtual}
            rows = sorted(
                [*virtual, *(row for row in rows if row[0] not in taken)], key=lambda row: row[0]
            )
        return [row[0] for row in rows], [row[1] for row in rows]

    def _first_after(self, register: _Register, at: float) -> float | None:
        """The instant of the first reading from `at` on."""
        found = self._ask(sql.FIRST_POINT_AFTER, register, at)
        virtual = [point[0] for point in register.virtual if point[0] >= at]
        return min([*virtual, *([] if found is None else [found])], default=None)

    def _held_before(self, register: _Register, at: float) -> float | None:
        """The instant of the last reading up to `at` that no stored event leaves out, and that is
        not within a decided one: what was decided is explained from its beginning."""
        found = self._ask(sql.HELD_POINT_BEFORE, register, at)
        virtual = [
            point[0]
            for point in register.virtual
            if point[0] <= at
            and not any(
                event.starts < point[0] < event.ends
                for event in register.known
                if event.kind in EXCURSIONS or event.is_decided
            )
        ]
        return max([*virtual, *([] if found is None else [found])], default=None)

    def _ask(self, statement: str, register: _Register, at: float) -> float | None:
        with connection.cursor() as cursor:
            cursor.execute(
                statement.format(register=register.name),
                {
                    "tenant": current_tenant_id(),
                    "meter": self.facts.meter_id,
                    "register": register.name,
                    "at": _text(at),
                },
            )
            row = cursor.fetchone()
        return None if row is None else row[0]


def _placements(meter_id: int) -> list[Placement]:
    with connection.cursor() as cursor:
        cursor.execute(sql.PLACEMENTS, {"tenant": current_tenant_id(), "meter": meter_id})
        return [
            Placement(starts, FOREVER if ends is None else ends, *rest)
            for starts, ends, *rest in cursor.fetchall()
        ]


def _register(facts: Facts, name: str, placements: Sequence[Placement]) -> _Register:
    first: dict[float, int | None] = {}
    last: dict[float, int | None] = {}
    for p in placements:
        first[p.starts] = p.start_register if name == facts.main_register else None
        if math.isfinite(p.ends):
            last[p.ends] = p.end_register if name == facts.main_register else None
    virtual = {  # a start at the instant of an end stands
        at: value for read in (last, first) for at, value in read.items() if value is not None
    }
    with connection.cursor() as cursor:
        cursor.execute(
            sql.KNOWN_EVENTS,
            {"tenant": current_tenant_id(), "meter": facts.meter_id, "register": name},
        )
        known = [
            Known(
                EventKind(kind),
                starts,
                ends,
                offset,
                ONE if factor is None else Fraction(factor),
                is_decided,
            )
            for kind, starts, ends, offset, factor, is_decided in cursor.fetchall()
        ]
    changes = _changes(first, last)
    return _Register(name, facts.limits(name), sorted(virtual.items()), changes, known)


def _changes(first: Mapping[float, int | None], last: Mapping[float, int | None]) -> list[float]:
    """When the register may have been changed where nobody saw it, by an installation's end.

    One that was read off was changed after that, or before; one that was read off on both sides
    of the instant and shows the same was not.
    """
    changes = []
    for at in first.keys() | last.keys():
        start, end = first.get(at), last.get(at)
        if start is None:
            changes.append(at if end is None else at + A_MOMENT_S)
        elif start != end:
            changes.append(at - A_MOMENT_S)
    return sorted(changes)


def _rescales(register: _Register) -> bool:
    """Whether readings after the stretch mean something else than they did."""
    if register.explained is None or math.isinf(register.agrees_at):
        return False
    was = [e for e in register.known if e.kind == EventKind.SCALE and e.ends > register.first]
    became = [e for e in register.explained.events if e.kind == EventKind.SCALE]
    until = register.agrees_at
    return math.prod((e.factor for e in was if e.ends <= until), start=ONE) != math.prod(
        (e.factor for e in became if e.ends <= until), start=ONE
    )


def _add(made: Corrected, register: _Register, boundaries: Sequence[float]) -> None:
    """The register's segments, gaps and events to what is made."""
    if register.explained is None:
        return
    until = min(register.agrees_at, made.ends)
    begin_here = [e for e in register.explained.events if made.starts <= e.starts < until]
    made.events[register.name] = (begin_here, until)
    for step in register.explained.steps:
        if step.used is None or step.ends <= made.starts or step.starts >= made.ends:
            continue
        if not 0 < step.ends - step.starts <= LONGEST_GAP_S:
            continue
        pieces = tuple(_pieces(register.name, step, made.placements, boundaries))
        if step.ends - step.starts > sql.SHAPED_SECONDS:
            made.gaps.append(Gap(register.name, step.starts, step.ends, pieces))
        made.segments.extend(pieces)


def _pieces(
    register: str, step: Step, placements: Sequence[Placement], boundaries: Sequence[float]
) -> Iterator[Segment]:
    """The step in one piece, or cut where the meter began or ceased to serve a point."""
    used = step.used or 0
    level = sql.LINEAR if step.ends - step.starts > sql.CLOSE_SECONDS else 0
    multiplier = _steady_multiplier(step, placements, boundaries)
    if multiplier is not None and isinstance(used, int) and isinstance(step.starts_from, int):
        unit = UNITS[register]
        start = step.starts_from * unit
        yield Segment(
            register, step.starts, step.ends, start, start + used * unit, multiplier, level
        )
        return
    for starts, ends in _cut(step, boundaries):
        if _is_outside(starts, ends, placements, boundaries):
            continue
        whole = Fraction(step.ends) - Fraction(step.starts)
        low = step.starts_from + used * (Fraction(starts) - Fraction(step.starts)) / whole
        high = step.starts_from + used * (Fraction(ends) - Fraction(step.starts)) / whole
        factor = Fraction(multiplier_at(placements, starts))
        mult = int(factor) if factor.denominator == 1 else 1
        rate = UNITS[register] * factor / mult
        yield Segment(register, starts, ends, round(low * rate), round(high * rate), mult, level)


def _steady_multiplier(
    step: Step, placements: Sequence[Placement], boundaries: Sequence[float]
) -> int | None:
    """The whole multiplier of all of the step; None when it must be looked at in pieces."""
    if any(_quarter(edge) < step.ends and _next_quarter(edge) > step.starts for edge in boundaries):
        return None
    multiplier = multiplier_at(placements, step.starts)
    return int(multiplier) if multiplier == int(multiplier) else None


def _cut(step: Step, boundaries: Sequence[float]) -> list[tuple[float, float]]:
    edges = {step.starts, step.ends}
    for boundary in boundaries:
        # A boundary within a quarter-hour may leave a part of it to another meter.
        for edge in (boundary, _quarter(boundary), _next_quarter(boundary)):
            if step.starts < edge < step.ends:
                edges.add(edge)
    ordered = sorted(edges)
    return list(pairwise(ordered))


def _is_outside(
    starts: float, ends: float, placements: Sequence[Placement], boundaries: Sequence[float]
) -> bool:
    """Whether the piece is in a quarter-hour that an installation shares, and not in one itself."""
    shared = any(
        _quarter(boundary) <= starts and ends <= _next_quarter(boundary) for boundary in boundaries
    )
    served = any(p.starts <= starts and ends <= p.ends for p in placements)
    return shared and not served


def interval_rows(corrected: Sequence[Corrected]) -> dict[str, Any]:
    """The parameters of `COMPUTE_GIVEN` for these stretches."""
    segments = [
        (place, segment) for place, made in enumerate(corrected, 1) for segment in made.segments
    ]
    spans = {
        (made.facts.meter_id, p.starts, p.ends, p.multiplier)
        for made in corrected
        for p in made.placements
        if p.multiplier != 1
    }
    return {
        "seg_islands": _array(place for place, _ in segments),
        "seg_whats": _array(WHATS[s.register] for _, s in segments),
        "seg_from": _array(s.starts for _, s in segments),
        "seg_until": _array(s.ends for _, s in segments),
        "seg_a": _array(s.start for _, s in segments),
        "seg_b": _array(s.end for _, s in segments),
        "seg_mults": _array(s.mult for _, s in segments),
        "seg_levels": _array(s.level for _, s in segments),
        "mult_meters": [span[0] for span in spans],
        "mult_from": [span[1] for span in spans],
        "mult_until": [span[2] for span in spans],
        "mults": [span[3] for span in spans],
    }


def _array(numbers: Iterable[float]) -> str:
    """PostgreSQL's own way to write an array: many times cheaper than a list to be adapted."""
    return "{" + ",".join(map(repr, numbers)) + "}"
