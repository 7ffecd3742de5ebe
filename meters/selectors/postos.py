"""Working days and peak hours: which posto an instant belongs to, and who says so."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cache
from typing import Final

from meters.models import Holiday, PeakHours, Posto

OFF_PEAK: Final = "off_peak"
SUNDAY: Final = 6
SATURDAY: Final = 5
# REN ANEEL 1000/2021, art. 2, as ANEEL's own page lists it: eleven days, two of which no law makes
# a holiday (Carnival Tuesday and Corpus Christi), and not 20 November, which is one since 2024.
BLACK_AWARENESS: Final = (11, 20)
CARNIVAL_TUESDAY: Final = timedelta(days=-45)  # from Good Friday
CORPUS_CHRISTI: Final = timedelta(days=62)
GOOD_FRIDAY: Final = "Good Friday"


@cache
def national_holidays(year: int) -> frozenset[date]:
    """Those that a law makes holidays in all of Brazil."""
    return frozenset(_calendar(year))


@cache
def _calendar(year: int) -> dict[date, str]:
    import holidays

    found = holidays.country_holidays("BR", years=year, language="en_US")
    return {day: str(name) for day, name in found.items()}


@cache
def days_without_peak(year: int) -> frozenset[date]:
    """The days of a year on which the regulator knows no peak hours, besides weekends."""
    calendar = _calendar(year)
    friday = next(day for day, name in calendar.items() if name == GOOD_FRIDAY)
    usual = {day for day in calendar if (day.month, day.day) != BLACK_AWARENESS}
    return frozenset(usual | {friday + CARNIVAL_TUESDAY, friday + CORPUS_CHRISTI})


def is_disputed(day: date) -> bool:
    """A holiday of which sources disagree whether it has peak hours."""
    return (day.month, day.day) == BLACK_AWARENESS and day in national_holidays(day.year)


@dataclass(frozen=True, slots=True)
class Timetable:
    """A distributor's hours and the tenant's days, as they stand."""

    distributor: str
    hours: Sequence[PeakHours]
    days: dict[date, bool] = field(default_factory=dict)  # day → without peak hours

    def has_peak_hours(self, day: date) -> bool:
        """Whether it is a working day for the distributor."""
        if day.weekday() in {SATURDAY, SUNDAY}:
            return False
        if day in self.days:
            return not self.days[day]
        return day not in days_without_peak(day.year)

    def posto(self, local: datetime) -> str:
        """`peak`, `intermediate`, `reserved` or `off_peak` at a local time."""
        day, time = local.date(), local.time()
        if not self.has_peak_hours(day):
            return OFF_PEAK
        found = {
            row.posto
            for row in self.hours
            if row.from_time <= time < row.until_time
            and row.starts_on <= day
            and (row.ends_on is None or day < row.ends_on)
        }
        return next((posto.value for posto in Posto if posto.value in found), OFF_PEAK)

    def to_confirm(self, days: Iterable[date]) -> list[date]:
        """Disputed days of these that nobody has decided about."""
        return [
            day
            for day in days
            if is_disputed(day) and day not in self.days and day.weekday() < SATURDAY
        ]

    @property
    def is_confirmed(self) -> bool:
        return all(row.is_confirmed for row in self.hours)

    @property
    def sources(self) -> list[str]:
        return list(dict.fromkeys(row.source for row in self.hours))


def timetable_of(distributor: str, first: date, after: date) -> Timetable | None:
    """What is in force between two days; None when there are no hours for the distributor.

    There is no usual timetable to fall back to: hours differ by distributor, and so do their edges.
    """
    if not distributor:
        return None
    hours = list(PeakHours.objects.filter(distributor__iexact=distributor, starts_on__lt=after))
    in_force = [row for row in hours if row.ends_on is None or row.ends_on > first]
    if not in_force:
        return None
    days = Holiday.objects.filter(day__gte=first, day__lt=after).values_list("day", "is_off_peak")
    return Timetable(distributor, in_force, dict(days))
