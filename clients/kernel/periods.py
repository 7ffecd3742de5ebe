"""Half-open stretches of time, and what a month or a day is in a time zone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo


@dataclass(frozen=True, slots=True)
class Period:
    """From `start` (in) to `end` (out), both aware. Months tile without gap or overlap."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        if self.start.tzinfo is None or self.end.tzinfo is None:
            raise ValueError("a period needs aware instants")
        if self.start >= self.end:
            raise ValueError("a period must end after it starts")

    def __contains__(self, instant: datetime) -> bool:
        return self.start <= instant < self.end

    @property
    def duration(self) -> timedelta:
        return self.end.astimezone(UTC) - self.start.astimezone(UTC)

    def days(self, zone: ZoneInfo) -> Iterator[date]:
        """Each local day that the period touches, in order."""
        day = self.start.astimezone(zone).date()
        while day_start(day, zone) < self.end:
            yield day
            day += timedelta(days=1)


def day_start(day: date, zone: ZoneInfo) -> datetime:
    """The first instant (UTC) of a local day. A midnight that clocks skip is the skip itself."""
    return datetime.combine(day, time(), zone).astimezone(UTC)


def day_of(day: date, zone: ZoneInfo) -> Period:
    """A local day: 24 hours, or 23 or 25 where the clocks change."""
    return Period(day_start(day, zone), day_start(day + timedelta(days=1), zone))


def month_of(day: date, zone: ZoneInfo) -> Period:
    """The local calendar month that holds `day`."""
    first = day.replace(day=1)
    following = (first + timedelta(days=32)).replace(day=1)
    return Period(day_start(first, zone), day_start(following, zone))
