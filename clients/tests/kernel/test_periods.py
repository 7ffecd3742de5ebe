from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clients.kernel.periods import Period, day_of, month_of

SAO_PAULO = ZoneInfo("America/Sao_Paulo")
ZONES = st.sampled_from(
    [
        ZoneInfo(name)
        for name in ("America/Sao_Paulo", "America/Noronha", "America/Rio_Branco", "UTC")
    ]
)
DAYS = st.dates(date(2010, 1, 1), date(2060, 12, 31))


@given(DAYS, ZONES)
def test_months_tile_time_without_gap_or_overlap(day: date, zone: ZoneInfo) -> None:
    month = month_of(day, zone)
    following = month_of((day.replace(day=1) + timedelta(days=32)).replace(day=1), zone)
    assert month.end == following.start
    assert month.end not in month
    assert month.start in month


@given(DAYS, ZONES)
def test_the_days_of_a_month_cover_it_exactly(day: date, zone: ZoneInfo) -> None:
    month = month_of(day, zone)
    days = [day_of(one, zone) for one in month.days(zone)]
    assert (days[0].start, days[-1].end) == (month.start, month.end)
    assert all(one.end == other.start for one, other in pairwise(days))
    assert sum((one.duration for one in days), timedelta()) == month.duration


@pytest.mark.parametrize(
    ("day", "hours"), [(date(2018, 11, 4), 23), (date(2019, 2, 16), 25), (date(2024, 5, 1), 24)]
)
def test_a_day_on_which_clocks_change_is_shorter_or_longer(day: date, hours: int) -> None:
    assert day_of(day, SAO_PAULO).duration == timedelta(hours=hours)


def test_a_month_is_what_the_tenants_zone_says() -> None:
    month = month_of(date(2024, 2, 29), SAO_PAULO)
    assert month == Period(datetime(2024, 2, 1, 3, tzinfo=UTC), datetime(2024, 3, 1, 3, tzinfo=UTC))


def test_a_period_needs_aware_instants_in_order() -> None:
    naive, noon = datetime(2024, 1, 1), datetime(2024, 1, 1, 12, tzinfo=UTC)  # noqa: DTZ001
    for start, end in ((naive, noon), (noon, naive), (noon, noon)):
        with pytest.raises(ValueError, match="a period"):
            Period(start, end)
