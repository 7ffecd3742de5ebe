"""The promise that matters most: what is stored decides, not how it came."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clients.kernel.tenancy import acting_for
from clients.models import Tenant
from meters.models import DayTotal, Estimate, Interval, Meter, RegisterEvent
from meters.services.installations import install_meter, remove_meter
from meters.services.intervals import recompute_all_touched
from meters.testing import keep_readings, make_meter, make_metering_point

START = datetime(2026, 3, 10, 1, tzinfo=UTC)
NOW = datetime(2026, 4, 1, tzinfo=UTC)
HOURS = 30


@st.composite
def readings(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Registers that mostly count up, power, gaps, all at odd instants over two local days."""
    seconds = draw(
        st.lists(st.integers(0, HOURS * 3_600), min_size=2, max_size=60, unique=True).map(sorted)
    )
    register, rows = draw(st.integers(0, 10_000)), []
    for second in seconds:
        register = draw(st.sampled_from([register, register + draw(st.integers(0, 500)), 3]))
        row: dict[str, Any] = {"measured_at": START + timedelta(seconds=second)}
        what = draw(st.sampled_from(["both", "register", "power", "export"]))
        if what in {"both", "register"}:
            row["energy_import_wh"] = register
        if what in {"both", "power"}:
            row["power_w"] = draw(st.floats(-5_000, 5_000, width=32))
        if what == "export":
            row["energy_export_wh"] = register
        rows.append(row)
    return rows


@st.composite
def deliveries(draw: st.DrawFn) -> tuple[list[dict[str, Any]], list[list[dict[str, Any]]]]:
    """The readings, and another way in which they may arrive: shuffled, repeated, in pieces."""
    rows = draw(readings())
    repeated = rows + draw(st.lists(st.sampled_from(rows), max_size=10))
    shuffled = draw(st.permutations(repeated))
    cuts = sorted(draw(st.lists(st.integers(0, len(shuffled)), max_size=5)))
    pieces = [
        shuffled[a:b] for a, b in zip([0, *cuts], [*cuts, len(shuffled)], strict=True) if a < b
    ]
    return rows, pieces


@st.composite
def troubled_readings(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Days of a register with four digits that rolls over, is reset, dips, leaps and is silent."""
    at, register, shown_from, rows = 0, draw(st.integers(0, 9_999)), 0, []
    for _ in range(draw(st.integers(5, 60))):
        at += draw(
            st.sampled_from([60, 300, 900, 900, 900, 1_800, 3_600, 9_000, 40_000, 100_000, 180_000])
        )
        register += draw(st.sampled_from([0, 0, 1, 5, 30, 30, 30, 200]))
        trouble = draw(
            st.sampled_from([""] * 12 + ["reset", "dip", "zero", "spike", "jitter", "drop"])
        )
        if trouble == "reset":
            shown_from = register
        if trouble == "drop":
            shown_from = register - draw(st.integers(0, 9_999))
        shown = (register - shown_from) % 10_000
        value = {
            "dip": shown // 2,
            "zero": 0,
            "spike": 1_000_000,
            "jitter": max(shown - 1, 0),
        }.get(trouble, shown)
        row: dict[str, Any] = {
            "measured_at": START + timedelta(seconds=at),
            "energy_import_wh": value,
        }
        if draw(st.booleans()):
            row["power_w"] = 100.0
        rows.append(row)
    return rows


@st.composite
def troubled_deliveries(
    draw: st.DrawFn,
) -> tuple[list[dict[str, Any]], list[list[dict[str, Any]]]]:
    rows = draw(troubled_readings())
    shuffled = draw(st.permutations(rows + draw(st.lists(st.sampled_from(rows), max_size=5))))
    cuts = sorted(draw(st.lists(st.integers(0, len(shuffled)), max_size=8)))
    pieces = [
        shuffled[a:b] for a, b in zip([0, *cuts], [*cuts, len(shuffled)], strict=True) if a < b
    ]
    return rows, pieces


def found_out(meter: Meter) -> tuple[list[Any], list[Any]]:
    with acting_for(meter.tenant_id):
        events = RegisterEvent.objects.filter(meter=meter).order_by("register", "starts_at")
        estimates = Estimate.objects.filter(meter=meter).order_by("register", "starts_at")
        return (
            list(
                events.values_list(
                    "register",
                    "kind",
                    "starts_at",
                    "ends_at",
                    "value_before",
                    "value_between",
                    "value_after",
                    "left_out",
                    "offset",
                    "factor",
                )
            ),
            list(
                estimates.values_list(
                    "register", "starts_at", "ends_at", "method", "days", "amount"
                )
            ),
        )


def known(meter: Meter) -> tuple[list[Any], list[Any]]:
    with acting_for(meter.tenant_id):
        intervals = Interval.objects.filter(meter=meter).order_by("starts_at")
        days = DayTotal.objects.filter(meter=meter).order_by("day")
        columns = ("energy_import_ws", "energy_export_ws", "power_max_w", "seconds_covered")
        return (
            list(intervals.values_list("starts_at", "quality", "rule", *columns)),
            list(days.values_list("day", "rule", "seconds_estimated", *columns)),
        )


def new_meter(tenant: Tenant, **fields: Any) -> Meter:
    with acting_for(tenant.pk):
        point = make_metering_point(tenant=tenant)
        return make_meter(tenant=tenant, metering_point=point, sample_seconds=600, **fields)


def troubled_meter(tenant: Tenant) -> Meter:
    """One that was taken down in the second day and put up elsewhere in the third."""
    with acting_for(tenant.pk):
        meter = make_meter(tenant=tenant, sample_seconds=600, digits=4, max_power_w=50_000)
        first = make_metering_point(tenant=tenant)
        removed = START + timedelta(hours=29, minutes=7)
        place = install_meter(meter, first, at=START - timedelta(days=1), multiplier=Decimal(20))
        remove_meter(place, at=removed, end_register=5_000)
        again = removed + timedelta(hours=20)
        install_meter(meter, make_metering_point(tenant=tenant), at=again, start_register=10)
        return meter


@pytest.mark.commits
@settings(
    max_examples=30,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(delivery=deliveries())
def test_any_order_repetition_and_split_gives_the_same_intervals_and_days(
    acacia: Tenant, delivery: tuple[list[dict[str, Any]], list[list[dict[str, Any]]]]
) -> None:
    rows, pieces = delivery
    orderly, chaotic = new_meter(acacia), new_meter(acacia)

    keep_readings(orderly, rows, now=NOW)
    recompute_all_touched(acacia.pk)
    for piece in pieces:
        keep_readings(chaotic, piece, now=NOW)
        recompute_all_touched(acacia.pk)

    assert known(chaotic) == known(orderly)


@pytest.mark.commits
@settings(
    max_examples=20,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    steps=st.lists(st.integers(0, 2_000), min_size=1, max_size=40),
    seconds=st.lists(st.integers(1, 4_000), min_size=40, max_size=40),
)
def test_intervals_add_up_to_the_difference_of_the_register(
    acacia: Tenant, steps: list[int], seconds: list[int]
) -> None:
    meter, at, register, rows = new_meter(acacia), START, 0, []
    for step, second in zip([0, *steps], seconds, strict=False):
        register += step
        rows.append({"measured_at": at, "energy_import_wh": register})
        at += timedelta(seconds=second)

    keep_readings(meter, rows, now=NOW)
    recompute_all_touched(acacia.pk)

    with acting_for(acacia.pk):
        found = Interval.objects.filter(meter=meter).values_list("energy_import_ws", flat=True)
        days = DayTotal.objects.filter(meter=meter).values_list("energy_import_ws", flat=True)
        last = rows[-1]["energy_import_wh"]
        assert sum(found) == sum(days) == last * 3_600


@pytest.mark.commits
@settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(delivery=troubled_deliveries(), is_moved=st.booleans())
def test_trouble_in_any_order_is_explained_alike(
    acacia: Tenant,
    delivery: tuple[list[dict[str, Any]], list[list[dict[str, Any]]]],
    is_moved: bool,
) -> None:
    rows, pieces = delivery
    make = troubled_meter if is_moved else partial(new_meter, digits=4, max_power_w=50_000)
    orderly, chaotic = make(acacia), make(acacia)

    keep_readings(orderly, rows, now=NOW)
    recompute_all_touched(acacia.pk)
    for piece in pieces:
        keep_readings(chaotic, piece, now=NOW)
        recompute_all_touched(acacia.pk)

    assert found_out(chaotic) == found_out(orderly)
    assert known(chaotic) == known(orderly)
