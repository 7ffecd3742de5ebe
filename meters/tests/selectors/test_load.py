from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from statistics import median
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from clients.kernel.periods import Period, day_of, day_start
from clients.models import Tenant
from meters.errors import NotEnoughData
from meters.models import Quality
from meters.selectors.baseline import baseline, day_type
from meters.selectors.forecast import forecast, winner
from meters.selectors.load import comparison, heat_map, load_duration
from meters.testing import keep_intervals, make_meter, make_metering_point

SAO_PAULO = ZoneInfo("America/Sao_Paulo")
TODAY = date(2026, 8, 3)  # a Monday
NOW = day_start(TODAY, SAO_PAULO) + timedelta(hours=10)
RANDOM = np.random.default_rng(11)


def days(count: int, before: int = 0) -> datetime:
    return day_start(TODAY - timedelta(days=count + before), SAO_PAULO)


def test_load_duration_is_the_sorted_load(acacia: Tenant) -> None:
    meter = make_meter(tenant=acacia, metering_point=make_metering_point(tenant=acacia))
    watts = RANDOM.permutation(np.arange(1.0, 193.0))
    keep_intervals(meter, days(2), list(watts))
    period = Period(days(2), days(0))

    found = load_duration(meter, period, now=NOW)

    assert found.watts == pytest.approx(np.percentile(watts, np.arange(100, -1, -1)))
    assert (found.peak_w, found.base_w) == (192.0, pytest.approx(np.percentile(watts, 5)))
    assert found.load_factor == pytest.approx(96.5 / 192)
    assert (found.quarters, found.known) == (192, 1.0)
    with pytest.raises(NotEnoughData):
        load_duration(meter, Period(days(1), days(0) - timedelta(hours=1)), now=NOW)


def test_heat_map_is_local_and_leaves_the_unknown_empty(acacia: Tenant) -> None:
    meter = make_meter(tenant=acacia, metering_point=make_metering_point(tenant=acacia))
    monday = day_of(TODAY - timedelta(days=7), SAO_PAULO)
    keep_intervals(meter, monday.start, [100.0, 100.0, 300.0, 300.0] + [50.0] * 4)

    found = heat_map(meter, Period(monday.start, monday.end))

    assert found.rows[0] == [200.0, *[None] * 6]
    assert found.rows[1][0] == 50.0
    assert found.rows[2] == [None] * 7


def test_comparison_counts_only_hours_known_in_both(acacia: Tenant) -> None:
    meter = make_meter(tenant=acacia, metering_point=make_metering_point(tenant=acacia))
    keep_intervals(meter, days(2), [400.0] * 48 + [None] * 48)
    keep_intervals(meter, days(1), [600.0] * 96)
    period = Period(days(1), days(0))

    found = comparison(meter, period, now=NOW)

    assert (found.now, found.then, found.hours, found.hours_of_period) == (7_200, 4_800, 12, 24)
    assert found.change == 0.5
    assert found.sentence.replace("\u00a0", " ") == (
        "50% more than before: 7.2 kWh against 4.8 kWh, in the 12 of 24 h known in both."
    )
    with pytest.raises(NotEnoughData):
        comparison(meter, period, now=NOW, against="year")


def test_holidays_are_like_sundays() -> None:
    assert [day_type(date(2026, 9, day)) for day in (4, 5, 6, 7)] == [
        "working",
        "saturday",
        "sunday",
        "sunday",
    ]


def test_baseline_finds_the_strange_day_and_no_other(acacia: Tenant) -> None:
    meter = make_meter(tenant=acacia, metering_point=make_metering_point(tenant=acacia))
    usual = RANDOM.normal(1_000, 20, 60 * 96)
    strange = 60 - 12  # a Wednesday
    usual[strange * 96 : (strange + 1) * 96] *= 1.6
    watts: list[float | None] = [float(v) for v in usual]
    watts[20 * 96 : 20 * 96 + 40] = [None] * 40  # an incomplete day says nothing
    keep_intervals(meter, days(60), watts)

    found = baseline(meter, now=NOW, days=60)

    (day,) = found.anomalies
    assert day.day == TODAY - timedelta(days=12)
    assert (day.day_type, day.score > 3.5) == ("working", True)
    assert day.usual == pytest.approx(24_000, rel=0.01)
    assert (found.days, found.incomplete_days, found.unit) == (59, 1, "Wh")
    row = next(r for r in found.hours if (r.day_type, r.hour) == ("working", 8))
    values = [
        float(usual[d * 96 + 32 : d * 96 + 36].mean())
        for d in range(60)
        if day_type(TODAY - timedelta(days=60 - d)) == "working" and d != 20
    ]
    assert row.median == pytest.approx(median(values), abs=0.01)
    assert row.mad == pytest.approx(median(abs(v - median(values)) for v in values), abs=0.01)


def test_forecast_wins_over_naive_or_gives_way(acacia: Tenant) -> None:
    point = make_metering_point(tenant=acacia)
    steady = make_meter(tenant=acacia, metering_point=point)
    growing = make_meter(tenant=acacia, metering_point=make_metering_point(tenant=acacia))
    noisy = RANDOM.normal(1_000, 150, 8 * 7)
    keep_intervals(steady, days(56), [float(noisy[n // 96]) for n in range(56 * 96)])
    keep_intervals(growing, days(56), [1_000.0 + 100 * (n // (7 * 96)) for n in range(56 * 96)])

    calm, rising = forecast(steady, now=NOW), forecast(growing, now=NOW, days=3)

    assert (calm.rule, rising.rule) == ("profile", "naive")
    assert calm.back_test.mae < calm.back_test.naive_mae
    assert 0 < calm.back_test.skill < 1
    assert rising.back_test.skill == 0
    assert calm.back_test.days == 28
    assert len(rising.days) == 3
    assert [day.amount for day in rising.days] == [pytest.approx(24 * 1_700)] * 3
    assert rising.days[0].low == pytest.approx(24 * 1_800)  # it has always been too low by as much
    expected = median(float(noisy[56 - 7 * n]) for n in range(1, 5)) * 24
    assert calm.days[0].amount == pytest.approx(expected, abs=1)
    low, high = calm.days[0].low, calm.days[0].high
    assert low is not None
    assert high is not None
    assert low < expected < high
    assert calm.back_test.inside_band >= 0.75


def test_forecast_with_too_little_past_is_refused(acacia: Tenant) -> None:
    meter = make_meter(tenant=acacia, metering_point=make_metering_point(tenant=acacia))
    keep_intervals(meter, days(15), [100.0] * 15 * 96, quality=Quality.MEASURED)

    with pytest.raises(NotEnoughData) as refused:
        forecast(meter, now=NOW)
    with pytest.raises(NotEnoughData):
        baseline(make_meter(tenant=acacia), now=datetime(2026, 8, 3, tzinfo=UTC))

    assert "8 days can be tested, 14 are needed" in str(refused.value)


def test_a_win_that_nobody_can_see_is_none() -> None:
    assert (winner(50, 100), winner(99.6, 100), winner(0, 0)) == ("profile", "naive", "naive")
