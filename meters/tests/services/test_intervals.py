from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from clients.kernel.periods import Period
from clients.kernel.tenancy import acting_for
from clients.models import Tenant
from meters.models import DayTotal, Interval, Meter
from meters.services.editing import edit_interval
from meters.services.intervals import recompute_all_touched
from meters.testing import keep_readings, make_meter, make_metering_point, register_rows

pytestmark = pytest.mark.commits
MIDNIGHT = datetime(2026, 3, 10, 3, tzinfo=UTC)  # in São Paulo
NOW = datetime(2026, 4, 1, tzinfo=UTC)
QUARTER = timedelta(minutes=15)


def intervals(tenant: Tenant, meter: Meter) -> list[tuple[int | None, int, str, str]]:
    recompute_all_touched(tenant.pk)
    with acting_for(tenant.pk):
        rows = Interval.objects.filter(meter=meter).order_by("starts_at")
        return [(i.energy_import_ws, i.seconds_covered, i.quality, i.rule) for i in rows]


def new_meter(tenant: Tenant, **fields: object) -> Meter:
    with acting_for(tenant.pk):
        return make_meter(
            tenant=tenant, metering_point=make_metering_point(tenant=tenant), **fields
        )


def test_a_register_becomes_the_difference_of_each_quarter(acacia: Tenant) -> None:
    meter = new_meter(acacia)

    keep_readings(meter, register_rows(MIDNIGHT, [1_000, 1_250, 1_250, 1_900]), now=NOW)

    assert intervals(acacia, meter) == [
        (250 * 3_600, 900, "measured", "register"),
        (0, 900, "measured", "register"),
        (650 * 3_600, 900, "measured", "register"),
    ]


def test_power_holds_until_the_next_sample(acacia: Tenant) -> None:
    meter = new_meter(acacia, sample_seconds=60)
    rows = [
        {"measured_at": MIDNIGHT + timedelta(minutes=minute), "power_w": 1_000 + minute}
        for minute in range(30)
    ]

    keep_readings(meter, rows, now=NOW)

    assert intervals(acacia, meter) == [
        (sum(1_000 + minute for minute in range(15)) * 60, 900, "derived", "power"),
        (sum(1_000 + minute for minute in range(15, 30)) * 60, 900, "derived", "power"),
    ]
    with acting_for(acacia.pk):
        day = DayTotal.objects.get(meter=meter)
        assert day.day.isoformat() == "2026-03-10"
        assert day.energy_import_ws == sum(1_000 + minute for minute in range(30)) * 60
        assert (day.seconds_covered, day.seconds_expected) == (1_800, 86_400)


def test_a_gap_in_power_is_no_interval_and_not_zero(acacia: Tenant) -> None:
    meter = new_meter(acacia, sample_seconds=60)
    rows = [
        {"measured_at": MIDNIGHT, "power_w": 600.0},
        {"measured_at": MIDNIGHT + timedelta(hours=1), "power_w": 600.0},
    ]

    keep_readings(meter, rows, now=NOW)

    assert intervals(acacia, meter) == [
        (36_000, 60, "derived", "power"),
        (36_000, 60, "derived", "power"),
    ]


def test_a_gap_in_a_register_is_spread_and_called_estimated(acacia: Tenant) -> None:
    meter = new_meter(acacia)

    keep_readings(meter, register_rows(MIDNIGHT, [0, 400], every=timedelta(hours=1)), now=NOW)

    assert intervals(acacia, meter) == [(100 * 3_600, 900, "estimated", "register_gap")] * 4


def test_a_late_reading_replaces_the_estimate(acacia: Tenant) -> None:
    meter = new_meter(acacia)
    keep_readings(meter, register_rows(MIDNIGHT, [0, 400], every=timedelta(hours=1)), now=NOW)
    intervals(acacia, meter)

    keep_readings(meter, register_rows(MIDNIGHT + QUARTER, [10, 20, 390]), now=NOW)

    assert [wh[0] // 3_600 for wh in intervals(acacia, meter)] == [10, 10, 370, 10]
    assert {wh[2] for wh in intervals(acacia, meter)} == {"measured"}


def test_a_drop_that_nothing_explains_says_nothing(acacia: Tenant) -> None:
    meter = new_meter(acacia)

    keep_readings(meter, register_rows(MIDNIGHT, [500, 600, 450, 475]), now=NOW)

    assert intervals(acacia, meter) == [
        (100 * 3_600, 900, "measured", "register"),
        (25 * 3_600, 900, "measured", "register"),
    ]


def test_readings_off_the_quarter_add_up_to_the_register(acacia: Tenant) -> None:
    meter = new_meter(acacia)
    start = MIDNIGHT + timedelta(minutes=7, seconds=13)

    keep_readings(
        meter,
        register_rows(start, [7, 18, 20, 31, 97], every=timedelta(minutes=11)),
        now=NOW,
    )

    found = intervals(acacia, meter)
    assert sum(row[0] or 0 for row in found) == (97 - 7) * 3_600
    assert sum(row[1] for row in found) == 44 * 60


def test_a_solar_meter_counts_positive_power_as_export(acacia: Tenant) -> None:
    meter = new_meter(acacia, kind="solar", sample_seconds=900)
    rows = [
        {"measured_at": MIDNIGHT, "power_w": -2.0},
        {"measured_at": MIDNIGHT + QUARTER, "power_w": 1_000.0},
    ]

    keep_readings(meter, rows, now=NOW)
    recompute_all_touched(acacia.pk)

    with acting_for(acacia.pk):
        found = Interval.objects.order_by("starts_at")
        assert [(i.energy_import_ws, i.energy_export_ws) for i in found] == [
            (1_800, 0),
            (0, 900_000),
        ]


def test_flow_becomes_volume(acacia: Tenant) -> None:
    meter = new_meter(acacia, kind="water", sample_seconds=3_600)

    keep_readings(meter, [{"measured_at": MIDNIGHT, "flow_l_per_s": 2.5}], now=NOW)
    recompute_all_touched(acacia.pk)

    with acting_for(acacia.pk):
        found = Interval.objects.order_by("starts_at")
        assert [(i.volume_ml, i.rule) for i in found] == [(2_250_000, "flow")] * 4


def test_an_edited_interval_is_left_alone(acacia: Tenant) -> None:
    meter = new_meter(acacia)
    keep_readings(meter, register_rows(MIDNIGHT, [0, 100, 200]), now=NOW)
    intervals(acacia, meter)
    with acting_for(acacia.pk):
        quarter = Period(MIDNIGHT, MIDNIGHT + QUARTER)
        edit_interval(meter, quarter, 7, reason="Read by eye", author="Ana")

    keep_readings(meter, register_rows(MIDNIGHT + timedelta(minutes=5), [40]), now=NOW)

    assert [row[0] for row in intervals(acacia, meter)] == [7 * 3_600, 100 * 3_600]
