"""Working day, Saturday, or Sunday and holiday: days that are used alike."""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Any, Final

SATURDAY: Final = 5


class DayType(StrEnum):
    WORKING = "working"
    SATURDAY = "saturday"
    SUNDAY = "sunday"  # and national holidays


@cache
def day_type(day: date, zone: str) -> DayType:
    """What kind of day it is where the time zone is."""
    if day.weekday() > SATURDAY or is_holiday(day, zone):
        return DayType.SUNDAY
    return DayType.SATURDAY if day.weekday() == SATURDAY else DayType.WORKING


def is_holiday(day: date, zone: str) -> bool:
    """Whether it is a national holiday of the zone's country; False where none is known."""
    country = _countries().get(zone)
    return country is not None and day in _holidays(country, day.year)


@cache
def _holidays(country: str, year: int) -> Any:  # a dict of its own; the library is large
    import holidays

    try:
        return holidays.country_holidays(country, years=year)
    except NotImplementedError:
        return {}


@cache
def _countries() -> dict[str, str]:
    """Which country each zone is in, from the time zone database."""
    table = files("tzdata").joinpath("zoneinfo", "zone.tab").read_text()
    rows = [line.split("\t") for line in table.splitlines() if not line.startswith("#")]
    return {row[2]: row[0] for row in rows if len(row) >= 3}  # noqa: PLR2004
