from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from clients.kernel.periods import Period, day_of
from clients.kernel.tenancy import acting_for
from clients.models import Tenant
from meters.models import Meter, MeteringPoint
from meters.selectors.energy import MeteredEnergy, metered_energy
from meters.services.disregarding import disregard_readings
from meters.services.installations import exchange_meter, install_meter
from meters.services.intervals import recompute_all_touched
from meters.testing import keep_readings, make_meter, make_metering_point, register_rows

pytestmark = pytest.mark.commits
ZONE = ZoneInfo("America/Sao_Paulo")
DAY = day_of(date(2026, 3, 10), ZONE)
NOW = datetime(2026, 4, 1, tzinfo=UTC)
QUARTER = timedelta(minutes=15)


def point_with_meter(tenant: Tenant, **fields: object) -> tuple[MeteringPoint, Meter]:
    with acting_for(tenant.pk):
        point = make_metering_point(tenant=tenant)
        return point, make_meter(tenant=tenant, metering_point=point, **fields)


def used(tenant: Tenant, point: MeteringPoint, period: Period) -> MeteredEnergy:
    recompute_all_touched(tenant.pk)
    with acting_for(tenant.pk):
        return metered_energy([point.pk], period)[point.pk]


def test_energy_is_rounded_once_at_the_total(acacia: Tenant) -> None:
    point, meter = point_with_meter(acacia, sample_seconds=900)
    rows = [{"measured_at": DAY.start + QUARTER * n, "power_w": 1.25} for n in range(96)]

    keep_readings(meter, rows, now=NOW)

    found = used(acacia, point, DAY)
    assert found.energy_wh == 30
    assert found.completeness_percent == Decimal(100)
    assert found.evidence["energy_ws"] == 108_000
    assert found.evidence["intervals"] == 96
    assert found.evidence["rule"] == "power"


def test_days_and_quarters_give_the_same_sum(acacia: Tenant) -> None:
    point, meter = point_with_meter(acacia)
    keep_readings(meter, register_rows(DAY.start, [1_000 + 3 * n for n in range(97)]), now=NOW)

    by_day = used(acacia, point, DAY)
    morning = used(acacia, point, Period(DAY.start, DAY.start + timedelta(hours=5)))
    rest = used(acacia, point, Period(DAY.start + timedelta(hours=5), DAY.end))

    assert by_day.energy_wh == 288 == morning.energy_wh + rest.energy_wh
    meters = by_day.evidence["meters"]
    assert (meters[0]["first_wh"], meters[0]["last_wh"]) == (1_000, 1_288)
    assert by_day.evidence["rule"] == "register"


def test_a_point_without_readings_is_answered_and_incomplete(acacia: Tenant) -> None:
    point, _meter = point_with_meter(acacia)

    found = used(acacia, point, DAY)

    assert (found.energy_wh, found.completeness_percent) == (0, Decimal(0))
    assert found.evidence["rule"] == ""


def test_completeness_is_rounded_down(acacia: Tenant) -> None:
    point, meter = point_with_meter(acacia, sample_seconds=86_000)

    keep_readings(meter, [{"measured_at": DAY.start, "power_w": 10.0}], now=NOW)

    assert used(acacia, point, DAY).completeness_percent == Decimal("99.53")


def test_a_meter_exchange_is_seen_through(acacia: Tenant) -> None:
    point, old = point_with_meter(acacia)
    noon = DAY.start + timedelta(hours=12)
    with acting_for(acacia.pk):
        new = make_meter(tenant=acacia)
        exchange_meter(point, new, at=noon, end_register=148, start_register=0)
    keep_readings(old, register_rows(DAY.start, [100 + n for n in range(49)]), now=NOW)
    keep_readings(new, register_rows(noon, [2 * n for n in range(49)]), now=NOW)

    found = used(acacia, point, DAY)

    assert found.energy_wh == 48 + 96
    assert found.completeness_percent == Decimal(100)
    assert [meter["serial"] for meter in found.evidence["meters"]] == [old.serial, new.serial]


def test_a_meter_that_serves_elsewhere_is_not_counted(acacia: Tenant) -> None:
    point, meter = point_with_meter(acacia)
    with acting_for(acacia.pk):
        elsewhere = make_metering_point(tenant=acacia)
        other = make_meter(tenant=acacia)
        install_meter(other, elsewhere, at=DAY.start)
    keep_readings(other, register_rows(DAY.start, [0, 500]), now=NOW)

    assert used(acacia, point, DAY).energy_wh == 0
    assert used(acacia, elsewhere, DAY).energy_wh == 500
    assert meter.serial != other.serial


def test_other_tenants_points_are_empty(acacia: Tenant, baobab: Tenant) -> None:
    point, meter = point_with_meter(acacia)
    keep_readings(meter, register_rows(DAY.start, [0, 500]), now=NOW)
    recompute_all_touched(acacia.pk)

    with acting_for(baobab.pk):
        assert metered_energy([point.pk], DAY)[point.pk].energy_wh == 0


def test_evidence_names_the_first_and_last_reading_that_counted(acacia: Tenant) -> None:
    point, meter = point_with_meter(acacia, digits=6, max_power_w=10_000)
    registers = [7, 1_000, 1_010, 0, 1_030, 1_040, 900_000]
    keep_readings(meter, register_rows(DAY.start, registers), now=NOW)
    keep_readings(meter, [{"measured_at": DAY.start + QUARTER * 8, "power_w": 5.0}], now=NOW)
    with acting_for(acacia.pk):
        wrong = [DAY.start, DAY.start + QUARTER * 6]
        disregard_readings(meter, wrong, reason="Typed wrong", author="Ana")

    found = used(acacia, point, DAY)

    assert found.energy_wh == 40 + 1
    [part] = found.evidence["meters"]
    assert (part["first_at"], part["first_wh"]) == ((DAY.start + QUARTER).isoformat(), 1_000)
    assert (part["last_at"], part["last_wh"]) == ((DAY.start + QUARTER * 5).isoformat(), 1_040)


def test_evidence_of_a_solar_meter_is_what_it_delivered(acacia: Tenant) -> None:
    point, meter = point_with_meter(acacia, kind="solar")
    rows = [
        {"measured_at": DAY.start + QUARTER * n, "energy_import_wh": 5, "energy_export_wh": 100 * n}
        for n in range(3)
    ]
    keep_readings(meter, rows, now=NOW)

    [part] = used(acacia, point, DAY).evidence["meters"]

    assert (part["first_wh"], part["last_wh"]) == (0, 200)
