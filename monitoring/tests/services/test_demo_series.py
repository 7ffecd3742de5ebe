from __future__ import annotations

from datetime import date, timedelta
from zoneinfo import ZoneInfo

import pytest

from monitoring.services import demo_series as series

ZONE = ZoneInfo("America/Sao_Paulo")
BEGAN = date(2026, 11, 25)
DAYS = [date(2026, 1, 1) + timedelta(days=day) for day in range(0, 800, 13)]


def test_the_household_keeps_weekday_and_clock_time() -> None:
    made = series.household("CASA", ZONE, BEGAN)
    assert len(made.rows) == 2880
    assert f"{made.first:%a %Y-%m-%d %H:%M %z}" == "Thu 2026-10-29 00:00 -0300"
    assert f"{made.last:%a %Y-%m-%d %H:%M}" == "Fri 2026-10-30 23:59"
    assert made.rows[0]["power_w"] == 326.0


@pytest.mark.parametrize("began", DAYS)
def test_the_two_days_lie_in_the_month_before(began: date) -> None:
    period = series.household_period(ZONE, began)
    first, last = (each.astimezone(ZONE).date() for each in (period.start, period.end))
    month_before = began.replace(day=1) - timedelta(days=1)
    assert (first.isoweekday(), (last - first).days) == (4, 2)
    assert (first.year, first.month) == (month_before.year, month_before.month)
    assert last <= began.replace(day=1)


@pytest.mark.parametrize("began", DAYS[:10])
def test_no_reading_lies_in_the_future(began: date) -> None:
    for made in (series.water_main("A", ZONE, began), series.solar("S", ZONE, began)):
        assert timedelta(0) < began - made.last.date() <= timedelta(days=8)


def test_the_same_first_day_gives_the_same_readings() -> None:
    assert series.solar("S", ZONE, BEGAN) == series.solar("S", ZONE, BEGAN)


def test_the_hour_that_the_source_skipped_stays_a_gap() -> None:
    made = series.water_main("A", ZONE, BEGAN)
    summer_began = date(2022, 3, 27) + made.weeks * series.WEEK
    clocks = [row["measured_at"] for row in made.rows if row["measured_at"].date() == summer_began]
    assert [clock.hour for clock in clocks][:4] == [0, 1, 3, 4]


def test_the_integral_of_the_file_is_known() -> None:
    assert series.household_integral_wh() == 58_208  # 58,208.27 by awk, too
