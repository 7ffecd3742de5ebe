"""What meters add to the home page."""

from __future__ import annotations

from typing import Any

from django.utils import timezone

from clients.models import Tenant
from clients.testing import sign_in
from meters.models import DayTotal, MeterKind, Rule, Stuck
from meters.testing import make_meter, make_metering_point


def home_of(tenant: Tenant) -> str:
    answer = sign_in(tenant).get("/admin/", headers={"Accept-Language": "en"})
    return answer.content.decode().replace("\u00a0", " ")


def measured(tenant: Tenant, kind: str, **sums: Any) -> None:
    point = make_metering_point(tenant=tenant, kind=kind)
    DayTotal.objects.create(
        meter=make_meter(tenant=tenant, kind=kind, metering_point=point),
        day=timezone.localdate(timezone=tenant.zone),
        rule=Rule.REGISTER,
        interval_count=96,
        seconds_covered=86_400,
        seconds_estimated=0,
        seconds_expected=86_400,
        **sums,
    )


def test_home_tells_what_most_meters_measure(acacia: Tenant) -> None:
    """One of each kind: water stands before the sun, whatever an inverter draws at night."""
    measured(acacia, MeterKind.WATER, volume_ml=7_500_000)
    measured(acacia, MeterKind.SOLAR, energy_import_ws=72_000, energy_export_ws=9_000_000)
    for _ in range(2):
        make_meter(tenant=acacia, kind=MeterKind.ENERGY)  # in the store room

    page = home_of(acacia)

    assert "7.50 m³" in page
    assert "0.0 kWh" not in page


def test_a_meter_that_cannot_be_computed_needs_somebody(acacia: Tenant) -> None:
    meter = make_meter(tenant=acacia)
    Stuck.objects.create(meter=meter, retry_at=timezone.now(), error="bigint out of range")

    page = home_of(acacia)

    assert f"The use of {meter.serial} cannot be computed" in page
    assert "bigint out of range" in page
