"""What really flowed, and what a register made of it: the truth that tests hold intervals against.

Nothing here knows how use is computed. A `Load` is what flowed, to a nine-hundredth of a Wh; a
`Register` shows it with its digits and last digit's step, and has troubles; a `History` is what it
said at some instants, with what a reader must find out. Seconds count from the history's start.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import accumulate, pairwise
from typing import Final

from hypothesis import strategies as st

from meters.models import EventKind

SLOT_S: Final = 900
HOUR_S: Final = 3_600
DAY_S: Final = 86_400
WATCHED_S: Final = 2 * DAY_S
APART_S: Final = 3 * DAY_S  # a trouble is over, and two days of watching as well, before the next
MOST_W: Final = 10_000
MOST_IN_SLOT: Final = MOST_W // 4
# More than can flow while a dip may still recover: a register that shows less than this again
# cannot have come back to it by counting.
PLENTY_WH: Final = 1_000_000
STEADY_WH: Final = 5_000_000  # use between two readings is less than two per cent of it

COARSEST_WH: Final = 1_000  # a pace is still seen within a day


@dataclass(frozen=True, slots=True)
class Load:
    """Wh that flowed in each quarter-hour, evenly within it."""

    slots: tuple[int, ...]
    sums: tuple[int, ...]

    @classmethod
    def of(cls, slots: Sequence[int]) -> Load:
        return cls(tuple(slots), (0, *accumulate(slots)))

    def between(self, starts: int, ends: int) -> int:
        """What flowed, in nine-hundredths of a Wh, so that it is whole at every second."""
        return self._until(ends) - self._until(starts)

    def _until(self, second: int) -> int:
        slot, rest = divmod(second, SLOT_S)
        return self.sums[slot] * SLOT_S + (self.slots[slot] * rest if rest else 0)


@dataclass(frozen=True, slots=True)
class Trouble:
    """What happens to the register at an instant; a dip or spike is over at `ends`."""

    kind: EventKind
    starts: int
    ends: int = 0
    amount: int = 0  # how deep, how high, or what is multiplied with
    is_divided: bool = False


@dataclass(frozen=True, slots=True)
class Register:
    """Counts from `start`; shows whole steps, and as many digits as it has."""

    start: int
    step: int = 1
    digits: int | None = None

    @property
    def modulus(self) -> int | None:
        return 10**self.digits * self.step if self.digits else None


@dataclass(frozen=True, slots=True)
class Explanation:
    """What a reader of the register must find: the readings around what happened."""

    kind: EventKind
    starts: int
    ends: int
    factor: Fraction = Fraction(1)


@dataclass(frozen=True, slots=True)
class History:
    load: Load
    register: Register
    seconds: tuple[int, ...]
    values: tuple[int, ...]
    explanations: tuple[Explanation, ...]
    # When it was reset, and the nine-hundredths that it had counted since it was read.
    forgets: tuple[tuple[int, int], ...]
    tolerance: int  # one of the last digit, of each count that was begun

    @property
    def used(self) -> Fraction:
        """Wh that the readings speak of, from the first to the last."""
        flowed = self.load.between(self.seconds[0], self.seconds[-1])
        return Fraction(flowed - sum(lost for _, lost in self.forgets), SLOT_S)

    def until(self, second: int) -> History:
        """What was said up to then. Nothing was forgotten at that very instant."""
        return self._part(lambda at: at <= second)

    def since(self, second: int) -> History:
        """What was said from then on."""
        return self._part(lambda at: at >= second)

    def _part(self, has: Callable[[int], bool]) -> History:
        said = [(at, v) for at, v in zip(self.seconds, self.values, strict=True) if has(at)]
        return replace(
            self,
            seconds=tuple(at for at, _ in said),
            values=tuple(value for _, value in said),
            explanations=tuple(e for e in self.explanations if has(e.starts) and has(e.ends)),
            forgets=tuple((at, lost) for at, lost in self.forgets if has(at)),
        )


def witness(
    load: Load,
    register: Register,
    seconds: Sequence[int],
    troubles: Sequence[Trouble],
    *,
    since: int = 0,
) -> History:
    """What the register said at these instants. Troubles that nobody could see do not happen."""
    return _Witness(load, register, seconds, since).live(troubles)


class _Witness:
    def __init__(self, load: Load, register: Register, seconds: Sequence[int], since: int) -> None:
        self.load, self.register, self.seconds = load, register, sorted(seconds)
        self.counted_from: list[tuple[int, int]] = [(since, register.start * SLOT_S)]
        self.units: list[tuple[int, Fraction]] = [(since, Fraction(1))]
        self.wrong: dict[int, int] = {}
        self.explanations: list[Explanation] = []
        self.forgets: list[tuple[int, int]] = []
        self.tolerance = register.step

    def live(self, troubles: Sequence[Trouble]) -> History:
        for trouble in sorted(troubles, key=lambda trouble: trouble.starts):
            place = bisect_left(self.seconds, trouble.starts)
            if 0 < place < len(self.seconds) and not self._is_near_full(trouble):
                self._happen(trouble, place)
        self._find_rollovers()
        values = tuple(self.wrong.get(second, self.shown(second)) for second in self.seconds)
        return History(
            self.load,
            self.register,
            tuple(self.seconds),
            values,
            tuple(sorted(self.explanations, key=lambda found: found.starts)),
            tuple(self.forgets),
            self.tolerance,
        )

    def count(self, second: int) -> int:
        since, first = next(c for c in reversed(self.counted_from) if c[0] <= second)
        return first + self.load.between(since, second)

    def unit(self, second: int) -> Fraction:
        return next(unit for since, unit in reversed(self.units) if since <= second)

    def shown(self, second: int) -> int:
        unit = self.unit(second)
        value = self.count(second) * unit.numerator // (unit.denominator * SLOT_S)
        value -= value % self.register.step
        return value % self.register.modulus if self.register.modulus else value

    def _happen(self, trouble: Trouble, place: int) -> None:
        before, after = self.seconds[place - 1], self.seconds[place]
        value = self.shown(before)
        if trouble.kind in {EventKind.DIP, EventKind.SPIKE}:
            self._go_wrong(trouble, place, value)
        elif trouble.kind == EventKind.RESET and self._is_far_from_both_ends(value):
            self.counted_from.append((trouble.starts, 0))
            self.forgets.append((trouble.starts, self.load.between(before, trouble.starts)))
            self.tolerance += self.register.step
            self.explanations.append(Explanation(EventKind.RESET, before, after))
        elif trouble.kind == EventKind.SCALE and value >= STEADY_WH:
            unit = Fraction(1, trouble.amount) if trouble.is_divided else Fraction(trouble.amount)
            self._change_unit(trouble.starts, unit, before, after)

    def _is_near_full(self, trouble: Trouble) -> bool:
        """Whether the register begins again so near that one could be taken for the other."""
        first = max(self.counted_from[-1][0], trouble.starts - WATCHED_S)
        last = min(self.seconds[-1], max(trouble.starts, trouble.ends) + WATCHED_S)
        return self._begins_again(first, last)

    def _begins_again(self, before: int, after: int) -> bool:
        full = (self.register.modulus or 0) * SLOT_S
        return bool(full) and self.count(before) // full < self.count(after) // full

    def _is_far_from_both_ends(self, value: int) -> bool:
        """Whether a fall to zero is neither a dip that recovered nor a register that was full."""
        full = self.register.modulus
        return value >= PLENTY_WH and (full is None or value + PLENTY_WH <= full)

    def _change_unit(self, at: int, unit: Fraction, before: int, after: int) -> None:
        became = self.unit(at) * unit
        if became >= Fraction(1, COARSEST_WH):
            self.units.append((at, became))
            self.tolerance += math.ceil(1 / became)
            self.explanations.append(Explanation(EventKind.SCALE, before, after, 1 / unit))

    def _go_wrong(self, trouble: Trouble, place: int, value: int) -> None:
        back = bisect_left(self.seconds, trouble.ends)
        during = self.seconds[place:back]
        low = max(0, value - trouble.amount * self.register.step)
        high = math.ceil(
            (PLENTY_WH + trouble.amount * self.register.step) * self.unit(trouble.starts)
        )
        if not during or back == len(self.seconds):
            return
        if trouble.kind == EventKind.DIP and low >= value:
            return
        for second in during:
            self.wrong[second] = low if trouble.kind == EventKind.DIP else value + high
        self.explanations.append(
            Explanation(trouble.kind, self.seconds[place - 1], self.seconds[back])
        )

    def _find_rollovers(self) -> None:
        """Between which readings the register began again, as its count alone says."""
        good = [second for second in self.seconds if second not in self.wrong]
        for before, after in pairwise(good):
            if any(before < since <= after for since, _ in self.counted_from):
                continue
            if self._begins_again(before, after):
                self.explanations.append(Explanation(EventKind.ROLLOVER, before, after))


@st.composite
def loads(draw: st.DrawFn, days: int, *, is_steady: bool) -> Load:
    """Never more than can be delivered; a steady one never pauses."""
    lowest, highest = (MOST_IN_SLOT // 4, MOST_IN_SLOT // 2) if is_steady else (0, MOST_IN_SLOT)
    hours = draw(
        st.lists(
            st.sampled_from([lowest, (lowest + highest) // 2, highest])
            | st.integers(lowest, highest),
            min_size=24,
            max_size=24,
        )
    )
    return Load.of([hours[(slot // 4 + slot // 96) % 24] for slot in range(days * 96)])


@st.composite
def instants(draw: st.DrawFn, days: int) -> list[int]:
    """When the register is read: every so often, early or late by some, with silences."""
    every = draw(st.sampled_from([1_200, 1_800, 3_600]))
    off = draw(st.integers(0, every // 3))
    silences = draw(st.lists(st.tuples(st.integers(0, days * 24), st.integers(1, 10)), max_size=3))
    seconds = [at + (at * 7_919 % (off + 1)) for at in range(0, days * DAY_S - 2 * every, every)]
    return [
        second
        for second in seconds
        if not any(hour * HOUR_S <= second < (hour + long) * HOUR_S for hour, long in silences)
    ]


@st.composite
def troubles(draw: st.DrawFn, days: int, kinds: Sequence[EventKind]) -> list[Trouble]:
    """One every three days at most, so that none hides another."""
    found = []
    for day in range(1, days - 2, APART_S // DAY_S):
        kind = draw(st.sampled_from([None, *kinds]))
        starts = day * DAY_S + draw(st.integers(0, 20 * HOUR_S))
        if kind in {EventKind.DIP, EventKind.SPIKE}:
            ends = starts + draw(st.integers(60, 20 * HOUR_S))
            amount = draw(st.sampled_from([1, 2, 10**9]) | st.integers(1, PLENTY_WH))
            found.append(Trouble(kind, starts, ends, amount))
        elif kind == EventKind.SCALE:
            amount = draw(st.sampled_from([10, 100, 1_000]))
            found.append(Trouble(kind, starts, 0, amount, draw(st.booleans())))
        elif kind is not None:
            found.append(Trouble(kind, starts))
    return found


@st.composite
def histories(draw: st.DrawFn, days: int) -> History:
    """A register's life, with troubles that its readings show without any doubt."""
    if draw(st.booleans()):
        load = draw(loads(days, is_steady=True))
        kinds = [EventKind.DIP, EventKind.SPIKE, EventKind.SCALE]
        register = Register(start=draw(st.integers(10**9, 2 * 10**9)))
    else:
        load = draw(loads(days, is_steady=False))
        kinds = [EventKind.DIP, EventKind.SPIKE, EventKind.RESET]
        register = draw(registers(load))
    return witness(load, register, draw(instants(days)), draw(troubles(days, kinds)))


@st.composite
def registers(draw: st.DrawFn, load: Load) -> Register:
    """With some digits it is full, or all but full, within the history."""
    step = draw(st.sampled_from([1, 10, 100, 1_000]))
    digits = draw(st.sampled_from([None, 6, 7, 8]))
    start = draw(st.integers(0, 10**7))
    if digits is not None:
        modulus = 10**digits * step
        to_go = draw(st.integers(0, max(load.sums[-1], 1)) | st.integers(0, modulus - 1))
        start = modulus - 1 - to_go % modulus
    return Register(start, step, digits)
