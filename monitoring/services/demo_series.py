"""The real measurements that the demonstration posts, moved to recent days.

A series keeps its local clock times and weekdays: it is moved by a whole number of weeks and read
in the site's time zone. An hour that the source's clock skipped stays a gap. Where it is moved to
depends on the tenant's first day alone, so that every later run posts the same readings again.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from django.apps import apps

from clients.kernel.periods import Period, day_start

WEEK: Final = timedelta(days=7)
HOUSEHOLD_FIRST_DAY: Final = date(2007, 2, 1)
HOUSEHOLD_DAYS: Final = 2
HOUSEHOLD_ROWS: Final = 2880
WATER_LAST_DAY: Final = date(2022, 5, 16)
SOLAR_LAST_DAY: Final = date(2016, 10, 13)
MINUTE_S: Final = 60
S_PER_HOUR: Final = 3600

INTEGRAL_RULE: Final = (
    "each minute's mean power counts for its 60 seconds; the sum is exact and rounded half up "
    "to the Wh once"
)


@dataclass(frozen=True, slots=True)
class Series:
    """A file's readings as the lane wants them, and how far they were moved."""

    meter: str
    rows: list[dict[str, Any]]
    weeks: int
    source: str

    @property
    def first(self) -> datetime:
        found: datetime = self.rows[0]["measured_at"]
        return found

    @property
    def last(self) -> datetime:
        found: datetime = self.rows[-1]["measured_at"]
        return found


def household(meter: str, zone: ZoneInfo, began: date) -> Series:
    """Two days of a house, minute by minute, in the last whole month before `began`."""
    weeks = household_weeks(began)
    rows = [
        {
            "measured_at": moved(line["measured_at"], weeks, zone),
            "power_w": float(line["power_w"]),
            "reactive_power_var": float(line["reactive_power_var"]),
            "voltage_l1_v": float(line["voltage_v"]),
            "current_l1_a": float(line["current_a"]),
            "extra": {
                name: float(line[name]) for name in ("submeter1_wh", "submeter2_wh", "submeter3_wh")
            },
        }
        for line in lines_of("household_power_1min.csv")
    ]
    return Series(meter, rows, weeks, "UCI Household Power, 1–2 Feb 2007, CC BY 4.0")


def water_main(meter: str, zone: ZoneInfo, began: date) -> Series:
    """Eight weeks of a water main, hour by hour, up to the days before `began`."""
    weeks = (began - timedelta(days=1) - WATER_LAST_DAY) // WEEK
    rows = [
        {
            "measured_at": moved(line["measured_at"], weeks, zone),
            "flow_l_per_s": float(line["flow_l_per_s"]),
        }
        for line in lines_of("water_main_flow_1h.csv")
    ]
    return Series(meter, rows, weeks, "Tecnojest s.r.l. through river, Mar–May 2022, BSD-3-Clause")


def solar(meter: str, zone: ZoneInfo, began: date) -> Series:
    """Fifteen weeks of a photovoltaic system, every 15 minutes, up to the days before `began`."""
    weeks = (began - timedelta(days=1) - SOLAR_LAST_DAY) // WEEK
    rows = [
        {
            "measured_at": moved(line["measured_on"], weeks, zone),
            "power_w": float(line["ac_power"]),
        }
        for line in lines_of("pv_ac_power_15min.csv")
        if line["ac_power"]
    ]
    return Series(meter, rows, weeks, "NREL through pvanalytics, Jul–Oct 2016, MIT")


def household_weeks(began: date) -> int:
    """How many weeks bring the two days into the month before `began`, as late as possible."""
    last_of_month = began.replace(day=1) - timedelta(days=1)
    latest_first_day = last_of_month - timedelta(days=HOUSEHOLD_DAYS - 1)
    return (latest_first_day - HOUSEHOLD_FIRST_DAY) // WEEK


def household_period(zone: ZoneInfo, began: date) -> Period:
    """The two local days that the household's readings cover."""
    first = HOUSEHOLD_FIRST_DAY + household_weeks(began) * WEEK
    last = first + timedelta(days=HOUSEHOLD_DAYS)
    return Period(day_start(first, zone), day_start(last, zone))


def household_integral_wh() -> int:
    """The energy in the household's file, by INTEGRAL_RULE and by nothing of the product's."""
    joules = sum(
        Fraction(line["power_w"]) * MINUTE_S for line in lines_of("household_power_1min.csv")
    )
    return int(joules / S_PER_HOUR + Fraction(1, 2))


def moved(text: str, weeks: int, zone: ZoneInfo) -> datetime:
    """The same clock time on the same weekday, `weeks` later, in `zone`."""
    there = datetime.fromisoformat(text).replace(tzinfo=None)
    return (there + weeks * WEEK).replace(tzinfo=zone)


def lines_of(name: str) -> Iterator[dict[str, str]]:
    with (folder() / name).open(newline="", encoding="utf-8") as file:
        yield from csv.DictReader(file)


def folder() -> Path:
    """Where the measurements and their attribution are kept."""
    return Path(apps.get_app_config("meters").path) / "data"
