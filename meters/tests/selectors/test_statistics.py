from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from clients.kernel.periods import Period, day_of
from clients.kernel.tenancy import acting_for
from clients.models import Tenant
from meters.errors import LimitsRequired, NotEnoughData
from meters.models import Meter
from meters.selectors.calculated import calculated, unbalance
from meters.selectors.statistics import capability, regression, summary
from meters.testing import keep_intervals, keep_readings, make_meter

DAY = day_of(date(2026, 3, 10), ZoneInfo("America/Sao_Paulo"))
NOW = datetime(2026, 5, 1, tzinfo=UTC)
RANDOM = np.random.default_rng(7)


@pytest.mark.commits
def test_statistics_agree_with_numpy_and_with_the_hand(acacia: Tenant) -> None:
    with acting_for(acacia.pk):
        meter = make_meter(tenant=acacia, sample_seconds=120)
        other = make_meter(tenant=acacia)
        hand = make_meter(tenant=acacia, sample_seconds=600)
    x = RANDOM.normal(220, 3, 500).round(2)
    keep_readings(
        meter,
        [
            {"measured_at": DAY.start + timedelta(minutes=n), "voltage_l1_v": float(v)}
            for n, v in enumerate(x)
            if n not in {5, 6, 300}
        ],
        now=NOW,
    )
    keep_readings(
        other,
        [
            {"measured_at": DAY.start + timedelta(minutes=n), "temperature_c": float(2 * v - 400)}
            for n, v in enumerate(x)
            if n not in {5, 7, 8}
        ],
        now=NOW,
    )
    by_hand = [(0, 2.0), (60, 4.0), (600, 4.0), (660, 6.0)]
    keep_readings(
        hand,
        [{"measured_at": DAY.start + timedelta(seconds=s), "power_w": v} for s, v in by_hand],
        now=NOW,
    )

    with acting_for(acacia.pk):
        whole = summary(meter, "voltage_l1_v", DAY)
        able = capability(meter, "voltage_l1_v", DAY, lsl=202, usl=231)
        one_sided = capability(meter, "voltage_l1_v", DAY, lsl=None, usl=231)
        line = regression(meter, "voltage_l1_v", "temperature_c", DAY, step_s=60, other=other)
        same = regression(meter, "voltage_l1_v", "voltage_l1_v", DAY, step_s=60)
        four = summary(hand, "power_w", DAY)

    said = np.delete(x, [5, 6, 300])
    kept = said.astype(np.float32).astype(float)
    assert whole.count == 497
    assert whole.mean == pytest.approx(kept.mean())
    assert whole.std == pytest.approx(kept.std(ddof=1))
    assert list(whole.percentiles.values()) == pytest.approx(
        np.percentile(kept, [5, 25, 50, 75, 95, 99])
    )
    assert [one.count for one in whole.histogram] == list(np.histogram(kept, bins=20)[0])
    assert (whole.min, whole.max) == (said.min(), said.max())
    assert able.cp == pytest.approx((231 - 202) / (6 * kept.std(ddof=1)))
    assert able.cpk == pytest.approx(
        min(231 - kept.mean(), kept.mean() - 202) / (3 * kept.std(ddof=1))
    )
    assert able.cpk != pytest.approx(1)
    assert able.outside == int(((kept < 202) | (kept > 231)).sum())
    assert one_sided.cp is None
    assert one_sided.cpk == pytest.approx((231 - kept.mean()) / (3 * kept.std(ddof=1)))
    assert (line.slope, line.intercept, line.r2) == (
        pytest.approx(2, abs=1e-4),
        pytest.approx(-400, abs=0.02),
        pytest.approx(1, abs=1e-6),
    )
    assert (line.n, line.dropped) == (500 - 5, 4)  # 5 in neither; 6, 300 and 7, 8 in one
    assert (same.slope, same.intercept) == (pytest.approx(1), pytest.approx(0, abs=1e-9))
    # 2 W for 60 s, 4 W for 540 s, 4 W for 60 s, 6 W as long as a sample holds: 600 s
    assert four.time_weighted_mean == pytest.approx((2 * 60 + 4 * 600 + 6 * 600) / 1_260)
    assert (four.mean, four.std) == (4.0, pytest.approx(1.632993, abs=1e-6))
    assert (four.min_at, four.max_at) == (DAY.start, DAY.start + timedelta(seconds=660))


def test_energy_is_summed_by_quarter_hours(acacia: Tenant) -> None:
    meter = make_meter(tenant=acacia)
    keep_intervals(meter, DAY.start, [400.0, 800.0])

    found = summary(meter, "energy_import", DAY)

    assert (found.unit, found.count, found.mean, found.time_weighted_mean) == ("Wh", 2, 150.0, None)


def test_capability_needs_limits_and_variation(acacia: Tenant) -> None:
    meter = make_meter(tenant=acacia)
    keep_intervals(meter, DAY.start, [400.0, 400.0])

    refusals = []
    for limits in ({"lsl": None, "usl": None}, {"lsl": 5.0, "usl": 1.0}, {"lsl": 1.0, "usl": 5.0}):
        with pytest.raises((LimitsRequired, NotEnoughData)) as refused:
            capability(meter, "energy_import", DAY, **limits)
        refusals.append((refused.value.error_code, refused.value.http_status))

    assert refusals == [
        ("limits_required", 422),
        ("limits_reversed", 422),
        ("not_enough_data", 422),
    ]


def test_regression_says_what_it_cannot_say(acacia: Tenant) -> None:
    flat, other = make_meter(tenant=acacia), make_meter(tenant=acacia)
    keep_intervals(flat, DAY.start, [400.0] * 4)
    keep_intervals(other, DAY.start, [100.0, 200.0, 300.0, 400.0])

    def of(x: Meter, y: Meter) -> object:
        return regression(x, "energy_import", "energy_import", DAY, other=y)

    with pytest.raises(NotEnoughData) as refused:
        of(flat, other)
    level = regression(other, "energy_import", "energy_import", DAY, other=flat)

    assert refused.value.error_code == "x_constant"
    assert (level.slope, level.intercept, level.r2) == (0.0, 100.0, None)


@pytest.mark.commits
def test_one_phase_and_three_are_calculated(acacia: Tenant) -> None:
    with acting_for(acacia.pk):
        one, three, blind = (make_meter(tenant=acacia) for _ in range(3))
    keep_readings(
        one,
        [
            {
                "measured_at": DAY.start + timedelta(minutes=n),
                "voltage_l1_v": 220.0,
                "current_l1_a": 5.0,
                "power_w": 990.0,
                "energy_import_wh": 1_000 + n,
            }
            for n in range(3)
        ],
        now=NOW,
    )
    keep_readings(
        three,
        [
            {
                "measured_at": DAY.start,
                **{f"voltage_l{p}_v": v for p, v in ((1, 220.0), (2, 230.0), (3, 0.0))},
                **{f"current_l{p}_a": 2.0 for p in (1, 2, 3)},
                **{f"power_l{p}_w": 400.0 for p in (1, 2, 3)},
            }
        ],
        now=NOW,
    )
    keep_readings(blind, [{"measured_at": DAY.start, "power_w": 5.0}], now=NOW)

    with acting_for(acacia.pk):
        single, triple = calculated(one, DAY), calculated(three, DAY)
        with pytest.raises(NotEnoughData):
            calculated(blind, DAY)

    assert (single.apparent_power_va, single.power_factor, single.energy_import_kwh) == (
        1_100.0,
        0.9,
        1.002,
    )
    assert (single.readings, single.active_phases, single.voltage_unbalance_percent) == (3, 1, None)
    # the dead third phase counts neither as voltage nor as power
    assert (triple.active_phases, triple.apparent_power_va, triple.power_w) == (2, 900.0, 800.0)
    assert triple.power_factor == 0.889
    assert triple.energy_import_kwh is None


def test_unbalance_is_the_furthest_from_the_mean() -> None:
    assert unbalance([220.0, 230.0, 240.0]) == 4.35
    assert unbalance([220.0, 230.0]) is None
    assert unbalance([]) is None


def test_nothing_measured_is_said(acacia: Tenant) -> None:
    with pytest.raises(NotEnoughData):
        summary(
            make_meter(tenant=acacia), "power_w", Period(DAY.start, DAY.start + timedelta(hours=1))
        )
