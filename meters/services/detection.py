"""Why a register did not simply count up: from its ordered readings to events.

A pure function. Read from left to right; `g` is the last reading that holds. The next one follows
from it when it is not lower and not further than could be delivered since the value last changed.
When it does not follow:

* *Excursion.* If a reading of the next 48 hours follows from `g` again, everything in between is
  left out: a dip (the register fell and came back at one stroke) or a spike (it came back down).
* Otherwise the change stays. A fall near the end of the register's digits is a rollover; one to a
  value that can have been counted from zero is a reset; a jump by 10, 100 or 1,000 with a pace
  that changed alike is another unit. Between two installations it is the exchange. What is none of
  these is a drop or a jump: nothing is known about it until a person decides. Nor is it about a
  fall near the end that is possible as a rollover, but more than `from_zero` gives: it may as well
  be a reset.

What a person decided is applied instead. The answer for an instant depends on the readings of the
48 hours after and the 24 hours before it, and on what held before: so a part can be computed again
on its own, from any reading that held.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Final

from meters.models.register_event import EventKind

WATCH_S: Final = 48 * 3600  # a dip must recover within it
LONGEST_GAP_S: Final = 40 * 86_400  # across a longer one nothing is known; a register read once a
# month still makes a bill
HISTORY_S: Final = 24 * 3600  # how far back the last change of the value and the pace are looked up
EXCURSIONS: Final = frozenset({EventKind.DIP, EventKind.SPIKE})
UNKNOWN: Final = frozenset({EventKind.DROP, EventKind.JUMP, EventKind.EXCHANGE})
SCALES: Final = (10, 100, 1000)
ONE: Final = Fraction(1)
Number = int | Fraction  # whole as long as the unit of the register never changed


@dataclass(frozen=True, slots=True)
class Limits:
    """What the register can do: rates in its unit per second, `step` is one of its last digit."""

    rate: float
    from_zero: float
    step: int = 1
    modulus: int | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """An event that is stored, with instants in Unix seconds."""

    kind: EventKind
    starts: float
    ends: float
    offset: int | None = None
    factor: Fraction = ONE
    is_decided: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """An event as the readings show it; used is `after * factor + offset - before`."""

    kind: EventKind
    starts: float
    ends: float
    before: int
    after: int
    between: int | None = None
    left_out: int = 0
    offset: int | None = 0
    factor: Fraction = ONE
    is_decided: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """From one reading that holds to the next, in units of the register times its scale.

    `used` from `starts_from`: the line on which the register lies between them. None: not known.
    """

    starts: float
    ends: float
    starts_from: Number
    used: Number | None


@dataclass(slots=True)
class Explained:
    steps: list[Step] = field(default_factory=list)
    events: list[Found] = field(default_factory=list)


def explain(
    times: Sequence[float],
    values: Sequence[int],
    limits: Limits,
    *,
    known: Sequence[Known] = (),
    boundaries: Sequence[float] = (),
    scale: Fraction = ONE,
    given_until: float = float("-inf"),
) -> Explained:
    """Steps between the readings that hold, and the events that explain what does not follow.

    `known` are stored events: decided ones are applied, detected ones are taken as they are where
    the reading after them is before `given_until` and searched anew later. `boundaries` are the
    instants at which installations begin or end. The first reading must hold.
    """
    return _Reader(times, values, limits, known, boundaries, scale, given_until).read()


def _plain_number(value: Number) -> Number:
    return int(value) if value == int(value) else value


class _Reader:
    def __init__(
        self,
        times: Sequence[float],
        values: Sequence[int],
        limits: Limits,
        known: Sequence[Known],
        boundaries: Sequence[float],
        scale: Fraction,
        given_until: float,
    ) -> None:
        left_out: set[int] = set()
        for event in known:
            if event.is_decided and event.kind in EXCURSIONS:
                first = bisect_left(times, event.starts)
                last = bisect_left(times, event.ends)
                left_out.update(
                    place for place in range(first, last) if times[place] > event.starts
                )
        kept = [place for place in range(len(times)) if place not in left_out]
        self.t = [times[place] for place in kept]
        self.v = [values[place] for place in kept]
        self.limits, self.given_until = limits, given_until
        self.scale: Number = _plain_number(scale)
        self.pins = [k for k in known if k.is_decided and k.kind not in EXCURSIONS]
        self.stored = {k.starts: k for k in known if not k.is_decided}
        self.boundaries = sorted(boundaries)
        self.changed_at = self.t[0] if self.t else 0.0
        self.found = Explained()
        self.good: list[int] = [0]  # since the last change of what the values mean

    def read(self) -> Explained:
        here, last = 0, len(self.t) - 1
        while here < last:
            here = self._next(here)
        return self.found

    def _next(self, g: int) -> int:
        r = g + 1
        if self.t[r] - self.t[g] > LONGEST_GAP_S:
            return self._anew(g, r)
        follows = self._follows(g, r)
        pin = self._pin(g, r, is_break=not follows)
        if pin is not None:
            return self._stays(g, self._decided(pin, g, r))
        if self.t[r] < self.given_until:
            return self._given(g)
        if follows:
            return self._plain(g, r)
        back = self._return(g)
        if back is not None:
            return self._excursion(g, back)
        return self._stays(g, self._explanation(g, r))

    def _anew(self, g: int, r: int) -> int:
        self.found.steps.append(Step(self.t[g], self.t[r], self.v[g] * self.scale, None))
        self.changed_at, self.good = self.t[r], [r]
        return r

    # What follows from what

    def _window(self, g: int, r: int) -> float:
        return self.t[r] - max(self.changed_at, self.t[g] - HISTORY_S)

    def _follows(self, g: int, r: int) -> bool:
        rise = self.v[r] - self.v[g]
        if rise < 0:
            return False
        return bool(rise * self.scale <= self.limits.rate * self._window(g, r) + self.limits.step)

    def _return(self, g: int) -> int | None:
        """The first reading that follows from `g` again, if what is before was an excursion."""
        first, before = g + 1, self.v[g]
        until = min(
            [
                self.t[first] + WATCH_S,
                *(pin.starts for pin in self.pins if pin.starts >= self.t[first]),
            ]
        )
        lowest, stroke = self.v[first], 0
        for place in range(first + 1, len(self.t)):
            if self.t[place] > until:
                return None
            stroke = max(stroke, self.v[place] - self.v[place - 1])
            if self._follows(g, place):
                if self.v[first] > before:
                    if self.v[place] < self.v[first]:
                        return place
                else:
                    return place if stroke * 2 >= before - lowest else None
            lowest = min(lowest, self.v[place])
        return None

    # Steps

    def _plain(self, g: int, r: int) -> int:
        self.found.steps.append(
            Step(self.t[g], self.t[r], self.v[g] * self.scale, (self.v[r] - self.v[g]) * self.scale)
            if self.v[r] >= self.v[g]
            else Step(self.t[g], self.t[r], self.v[g] * self.scale, None)
        )
        if self.v[r] != self.v[g]:
            self.changed_at = self.t[r]
        self.good.append(r)
        return r

    def _excursion(self, g: int, back: int, kind: EventKind | None = None) -> int:
        between = self.v[g + 1 : back]
        kind = kind or (EventKind.DIP if between[0] < self.v[g] else EventKind.SPIKE)
        self.found.events.append(
            Found(
                kind=kind,
                starts=self.t[g],
                ends=self.t[back],
                before=self.v[g],
                after=self.v[back],
                between=(min if kind == EventKind.DIP else max)(between) if between else None,
                left_out=len(between),
            )
        )
        return self._plain(g, back)

    def _stays(self, g: int, event: Found) -> int:
        r = g + 1
        self.found.events.append(event)
        new_scale = _plain_number(self.scale * event.factor)
        start = self.v[g] * self.scale
        used: Number | None = None
        if event.offset is not None:
            used = self.v[r] * new_scale + event.offset * self.scale - start
            if event.kind == EventKind.SCALE:
                used = max(used, 0)  # digits that the larger unit does not show
            if used < 0:
                used = None
        self.found.steps.append(Step(self.t[g], self.t[r], start, used))
        self.scale, self.changed_at, self.good = new_scale, self.t[r], [r]
        return r

    # Explanations

    def _pin(self, g: int, r: int, *, is_break: bool) -> Known | None:
        for pin in self.pins:
            ends_here = self.t[g] < pin.ends <= self.t[r]
            if ends_here or (is_break and self.t[g] < pin.ends and self.t[r] > pin.starts):
                self.pins.remove(pin)
                return pin
        return None

    def _decided(self, pin: Known, g: int, r: int) -> Found:
        offset = pin.offset
        if pin.kind == EventKind.RESET:
            offset = self.v[g]
        found = self._event(pin.kind, g, r, offset=offset, factor=pin.factor)
        return replace(found, is_decided=pin.is_decided)

    def _given(self, g: int) -> int:
        event = self.stored.get(self.t[g])
        if event is None:
            return self._plain(g, g + 1)
        if event.kind in EXCURSIONS:
            back = bisect_left(self.t, event.ends)
            return self._excursion(g, min(max(back, g + 1), len(self.t) - 1), event.kind)
        found = self._decided(event, g, g + 1)
        return self._stays(g, found)

    def _explanation(self, g: int, r: int) -> Found:
        if any(self.t[g] <= boundary <= self.t[r] for boundary in self.boundaries):
            return self._event(EventKind.EXCHANGE, g, r, offset=None)
        window, limits = self._window(g, r), self.limits
        before, after = self.v[g], self.v[r]
        is_full = self._may_be_full(g, r, limits.rate)
        if is_full and self._may_be_full(g, r, limits.from_zero):
            return self._event(EventKind.ROLLOVER, g, r, offset=limits.modulus)
        factor = self._new_unit(g, r)
        if factor is not None:
            return self._event(EventKind.SCALE, g, r, factor=factor)
        if after > before:
            return self._event(EventKind.JUMP, g, r, offset=None)
        can_be_counted = after * self.scale <= limits.from_zero * window + limits.step
        if can_be_counted and after * 2 <= before and not is_full:
            return self._event(EventKind.RESET, g, r, offset=before)
        return self._event(EventKind.DROP, g, r, offset=None)

    def _may_be_full(self, g: int, r: int, rate: float) -> bool:
        """Whether the register can have reached its end and begun again at this rate."""
        before, after, modulus = self.v[g], self.v[r], self.limits.modulus
        if modulus is None or not after < before < modulus:
            return False
        used = after + modulus - before
        is_deliverable = used * self.scale <= rate * self._window(g, r) + self.limits.step
        return bool(used * 4 <= modulus and is_deliverable)

    def _event(
        self,
        kind: EventKind,
        g: int,
        r: int,
        *,
        offset: int | None = 0,
        factor: Fraction = ONE,
    ) -> Found:
        return Found(
            kind=kind,
            starts=self.t[g],
            ends=self.t[r],
            before=self.v[g],
            after=self.v[r],
            offset=offset,
            factor=factor,
        )

    def _new_unit(self, g: int, r: int) -> Fraction | None:
        """What to multiply with when value and pace changed by the same 10, 100 or 1,000."""
        before, after = self.v[g], self.v[r]
        if min(before, after) < 100 * self.limits.step:
            return None
        for times in SCALES:
            low, high = (before, after) if after > before else (after, before)
            if abs(high - low * times) * 50 <= high:
                ratio = self._pace_ratio(g, r)
                expected = times if after > before else 1 / times
                if ratio is not None and expected / 3 <= ratio <= expected * 3:
                    return Fraction(1, times) if after > before else Fraction(times)
        return None

    def _pace_ratio(self, g: int, r: int) -> float | None:
        """How much faster the register counts from `r` on than it did up to `g`."""
        early = g
        for place in reversed(self.good):
            if self.t[place] < self.t[g] - HISTORY_S:
                break
            early = place
        late = r
        while (
            late + 1 < len(self.t)
            and self.v[late + 1] >= self.v[late]
            and self.t[late + 1] <= self.t[r] + WATCH_S
        ):
            late += 1
        was, became = self.v[g] - self.v[early], self.v[late] - self.v[r]
        if was <= 0 or became <= 0:
            return None
        return (became / (self.t[late] - self.t[r])) / (was / (self.t[g] - self.t[early]))
