"""Whether an alarm rings: a state machine over the samples of one rule and meter, in their order.

It knows no database and no clock. All that it remembers is in `Memory`, so that any splitting of
the same samples into batches gives the same transitions, and a restart changes nothing.

1. A sample is *bad* when it meets the condition within the rule's hours.
2. Bad samples in a row, none further from the next than `patience`, for at least `holds`: raised,
   at the instant of the sample that completed it. A longer gap says nothing about what was in
   between, so the count starts again after it. A good sample ends the count.
3. While raised, a sample beyond the margin (`hysteresis` back from the limit) ends it; so does the
   first sample outside the rule's hours. A gap does not.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Final, TypeVar
from zoneinfo import ZoneInfo

from meters.models.alarm_event import ClearReason, Phase
from meters.models.alarm_rule import Operator

COMPARE: Final[dict[str, Callable[[float, float], bool]]] = {
    Operator.ABOVE: operator.gt,
    Operator.AT_LEAST: operator.ge,
    Operator.BELOW: operator.lt,
    Operator.AT_MOST: operator.le,
    Operator.EQUAL: operator.eq,
    Operator.OTHER: operator.ne,
}
UPWARDS: Final = (Operator.ABOVE, Operator.AT_LEAST)
DOWNWARDS: Final = (Operator.BELOW, Operator.AT_MOST)
MIDNIGHT: Final = time()
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Hours:
    """When a rule is awake, in the site's zone. No weekday is every day; equal ends the whole day.

    A stretch over midnight belongs to the day on which it began.
    """

    zone: ZoneInfo
    weekdays: frozenset[int] = frozenset()
    start: time = MIDNIGHT
    end: time = MIDNIGHT

    def cover(self, at: datetime) -> bool:
        local = at.astimezone(self.zone)
        clock, day = local.time(), local.weekday()
        if self.start < self.end:
            is_inside = self.start <= clock < self.end
        elif self.start > self.end:
            is_inside = clock >= self.start or clock < self.end
            day = (day - (clock < self.end)) % 7
        else:
            is_inside = True
        return is_inside and (not self.weekdays or day in self.weekdays)


@dataclass(frozen=True, slots=True)
class Condition:
    """What a rule asks of a meter's samples."""

    operator: str
    threshold: float
    holds: timedelta = timedelta(0)
    hysteresis: float = 0.0
    patience: timedelta = timedelta(minutes=15)
    hours: Hours | None = None

    @property
    def is_bad(self) -> Callable[[float, float], bool]:
        return COMPARE[self.operator]

    @property
    def way_back(self) -> float:
        """The limit that the value must leave behind for the alarm to end."""
        if self.operator in UPWARDS:
            return self.threshold - self.hysteresis
        return self.threshold + (self.hysteresis if self.operator in DOWNWARDS else 0)

    def worse(self, one: float, other: float) -> float:
        """The one of two values that is further on the bad side."""
        if self.operator in UPWARDS:
            return max(one, other)
        if self.operator in DOWNWARDS:
            return min(one, other)
        return max(one, other, key=lambda value: abs(value - self.threshold))


@dataclass(slots=True)
class Memory:
    """All that is carried from one sample to the next."""

    phase: str = Phase.NORMAL
    since: datetime | None = None
    last_at: datetime | None = None
    last_value: float | None = None
    extreme: float | None = None


@dataclass(frozen=True, slots=True)
class Raised:
    """The condition held for long enough at `at`; it began at `since`."""

    at: datetime
    since: datetime
    value: float
    extreme: float


@dataclass(frozen=True, slots=True)
class Cleared:
    """The alarm ended at `at`; `extreme` is the worst value of its whole time."""

    at: datetime
    value: float
    extreme: float
    reason: str = ClearReason.VALUE


Transition = Raised | Cleared


def run(
    condition: Condition, memory: Memory, times: Sequence[datetime], values: Sequence[float]
) -> list[Transition]:
    """Take in samples that follow the last one, and tell what happened. Changes `memory`."""
    if not times:
        return []
    if _is_quiet(condition, memory, values):
        memory.last_at, memory.last_value = times[-1], values[-1]
        return []
    found: list[Transition] = []
    bad, limit, back = condition.is_bad, condition.threshold, condition.way_back
    for at, value in zip(times, values, strict=True):
        is_awake = condition.hours is None or condition.hours.cover(at)
        if memory.phase == Phase.RAISED:
            if is_awake and bad(value, back):
                memory.extreme = condition.worse(_known(memory.extreme, value), value)
            else:
                reason = ClearReason.VALUE if is_awake else ClearReason.SCHEDULE
                found.append(Cleared(at, value, _known(memory.extreme, value), reason))
                memory.phase, memory.since, memory.extreme = Phase.NORMAL, None, None
        elif is_awake and bad(value, limit):
            _count(condition, memory, at, value)
            if at - _known(memory.since, at) >= condition.holds:
                memory.phase = Phase.RAISED
                found.append(
                    Raised(at, _known(memory.since, at), value, _known(memory.extreme, value))
                )
        elif memory.phase != Phase.NORMAL:
            memory.phase, memory.since, memory.extreme = Phase.NORMAL, None, None
        memory.last_at, memory.last_value = at, value
    return found


def _count(condition: Condition, memory: Memory, at: datetime, value: float) -> None:
    """A bad sample begins a count, or goes on with the one that is open."""
    is_near = memory.last_at is not None and at - memory.last_at <= condition.patience
    if memory.phase == Phase.NORMAL or not is_near:
        memory.phase, memory.since, memory.extreme = Phase.PENDING, at, value
    else:
        memory.extreme = condition.worse(_known(memory.extreme, value), value)


def _known(value: T | None, otherwise: T) -> T:
    return otherwise if value is None else value


def _is_quiet(condition: Condition, memory: Memory, values: Sequence[float]) -> bool:
    """Whether nothing can happen, told from the extremes alone: most batches of most rules."""
    if memory.phase == Phase.NORMAL:
        if condition.operator in UPWARDS:
            return not condition.is_bad(max(values), condition.threshold)
        if condition.operator in DOWNWARDS:
            return not condition.is_bad(min(values), condition.threshold)
        return False
    if memory.phase == Phase.RAISED and condition.hours is None:
        if condition.operator in UPWARDS and condition.is_bad(min(values), condition.way_back):
            memory.extreme = condition.worse(_known(memory.extreme, values[0]), max(values))
            return True
        if condition.operator in DOWNWARDS and condition.is_bad(max(values), condition.way_back):
            memory.extreme = condition.worse(_known(memory.extreme, values[0]), min(values))
            return True
    return False
