from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from clients.kernel.periods import day_start
from clients.kernel.tenancy import acting_for
from clients.models import Tenant
from meters.errors import NotEnoughData
from meters.models import MeteringPoint
from meters.selectors.voltage import bands, compensation_cents, rules, share_of, voltage_quality
from meters.testing import keep_readings, make_meter, make_metering_point

MONDAY = date(2026, 3, 2)
NOW = datetime(2026, 4, 1, tzinfo=UTC)
WINDOW = timedelta(minutes=10)


@pytest.mark.parametrize(
    ("volts", "state"),
    [
        (202, "adequate"),
        (231, "adequate"),
        (201.9, "precarious"),
        (231.1, "precarious"),
        (191, "precarious"),
        (233, "precarious"),
        (190.9, "critical"),
        (233.1, "critical"),
    ],
)
def test_edges_of_the_bands_belong_to_the_better_side(volts: float, state: str) -> None:
    assert bands(220).state(volts) == state


def test_factors_make_the_table_and_serve_what_is_not_in_it() -> None:
    for nominal in (110, 115, 120, 127, 208, 220, 230, 240, 254, 380, 440):
        row = bands(nominal)
        factors = [
            float(rules()[name].value)
            for name in ("critical_below", "adequate_from", "adequate_to", "critical_above")
        ]
        limits = [
            row.critical_below_v,
            row.adequate_from_v,
            row.adequate_to_v,
            row.critical_above_v,
        ]
        assert limits == [int(nominal * factor + 0.5) for factor in factors]
    assert bands(133).adequate_from_v == 122


def test_thirty_readings_pass_and_thirty_one_do_not() -> None:
    assert round(share_of(30), 3) == Decimal("2.976")
    assert share_of(30) <= rules()["drp_limit_percent"].value < share_of(31)
    assert share_of(5) <= rules()["drc_limit_percent"].value < share_of(6)


def test_compensation_is_nothing_within_the_limits() -> None:
    assert compensation_cents(Decimal(5), Decimal(1), 8_000) == 760
    assert compensation_cents(Decimal(3), Decimal("0.5"), 8_000) == 0
    assert compensation_cents(Decimal(5), Decimal("0.2"), 8_000) == 480


@pytest.mark.commits
def test_a_week_of_readings_is_judged_by_its_worst_phase(acacia: Tenant) -> None:
    with acting_for(acacia.pk):
        point = make_metering_point(tenant=acacia, nominal_voltage_v=127)
        meter = make_meter(tenant=acacia, metering_point=point)
        start = day_start(MONDAY, point.site.zone)
    rows: list[dict[str, Any]] = []
    for window in range(1_012):
        l1 = 115.0 if window < 30 else 105.0 if 30 <= window < 36 else 127.0
        l2 = 134.0 if 100 <= window < 131 else 127.0
        for sample in range(4):
            volts = {"voltage_l1_v": l1, "voltage_l2_v": l2}
            if window in {200, 201, 202} and sample == 0:
                volts = {"voltage_l1_v": 3.0, "voltage_l2_v": 127.0}  # interrupted
            if window == 300 and sample == 0:
                volts = {"voltage_l1_v": 80.0, "voltage_l2_v": 127.0}  # a sag
            at = start + WINDOW * window + timedelta(seconds=150 * sample)
            rows.append({"measured_at": at, **volts})
    keep_readings(meter, rows, now=NOW)

    with acting_for(acacia.pk):
        point = MeteringPoint.objects.get()
        found = voltage_quality(point, MONDAY, now=NOW, eusd_cents=8_000)
        with pytest.raises(NotEnoughData) as too_few:
            voltage_quality(point, MONDAY + timedelta(days=1), now=NOW)

    phases = {
        phase.phase: (phase.adequate, phase.precarious, phase.critical)
        for phase in found.verdict.phases
    }
    # the sag's own window has a root mean square of 117.1 V: adequate
    assert phases == {"l1": (1_008 - 36, 30, 6), "l2": (1_008 - 31, 31, 0)}
    assert (found.verdict.readings, found.verdict.replaced) == (1_008, 3)
    assert found.verdict.last_at == start + WINDOW * 1_010
    assert (found.verdict.drp_percent, found.verdict.drc_percent) == (share_of(31), share_of(6))
    assert found.verdict.is_within is False
    assert found.purged is not None
    assert (found.purged.replaced, found.purged.last_at) == (4, start + WINDOW * 1_011)
    assert found.samples_per_window == 4
    assert found.compensation_cents == compensation_cents(share_of(31), share_of(6), 8_000)
    assert any("estimate" in note for note in found.notes)
    assert "of the 1008" in str(too_few.value)


def test_a_point_without_nominal_voltage_says_so(acacia: Tenant) -> None:
    with pytest.raises(NotEnoughData) as refused:
        voltage_quality(make_metering_point(tenant=acacia), MONDAY, now=NOW)

    assert refused.value.error_code == "nominal_voltage_required"
