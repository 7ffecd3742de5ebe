"""Which local days a stretch of time lies in, for a meter that may have moved between time zones.

A day belongs to the place that the meter served last on it. Days follow one another without a hole
and without sharing anything: the first day of a new zone begins where the last one of the old zone
ended, and is therefore longer or shorter than others.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from clients.kernel.periods import day_start

A_DAY = timedelta(days=1)
A_MOMENT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Stay:
    """A zone, and the first local day that counts in it; None: since ever."""

    zone: str
    first: date | None


@dataclass(frozen=True, slots=True)
class Days:
    """Local days from `first` to `last`. The first one begins at midnight in `opens`, all others,
    and the end of the last one, at midnight in `zone`."""

    first: date
    last: date
    zone: str
    opens: str


def stays(zone: str, placed: Iterable[tuple[datetime, str]]) -> tuple[Stay, ...]:
    """The zones of a meter, from its installations' starts and zones; without any, `zone`."""
    found: list[Stay] = []
    for at, name in sorted(placed):
        first = at.astimezone(ZoneInfo(name)).date()
        if not found:
            found.append(Stay(name, None))
        elif found[-1].zone != name:
            while found[-1].first is not None and found[-1].first >= first:
                found.pop()
            if found[-1].zone != name:
                found.append(Stay(name, first))
    return tuple(found) or (Stay(zone, None),)


def zone_at(zones: Sequence[Stay], instant: datetime) -> str:
    """The zone whose day the instant belongs to."""
    return zones[_place(zones, instant)].zone


def local_days(zones: Sequence[Stay], starts_at: datetime, ends_at: datetime) -> list[Days]:
    """The days from `starts_at` (in) to `ends_at` (out), those of each zone together."""
    last_moment = ends_at - A_MOMENT
    found = []
    for place in range(_place(zones, starts_at), _place(zones, last_moment) + 1):
        stay = zones[place]
        local = ZoneInfo(stay.zone)
        first, last = starts_at.astimezone(local).date(), last_moment.astimezone(local).date()
        if stay.first is not None:
            first, last = max(first, stay.first), max(last, stay.first)
        if place + 1 < len(zones) and (following := zones[place + 1].first):
            first, last = min(first, following - A_DAY), min(last, following - A_DAY)
        opens = zones[place - 1].zone if first == stay.first else stay.zone
        found.append(Days(first, last, stay.zone, opens))
    return found


def _place(zones: Sequence[Stay], instant: datetime) -> int:
    """Which of the zones counts: the last one that has begun, by midnight in the one before it."""
    for place in range(len(zones) - 1, 0, -1):
        first = zones[place].first
        if first and instant >= day_start(first, ZoneInfo(zones[place - 1].zone)):
            return place
    return 0
