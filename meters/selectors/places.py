"""Where a meter is: the zone that says what a day is, and who supplies the energy there."""

from __future__ import annotations

from dataclasses import dataclass
from zoneinfo import ZoneInfo

from clients.kernel.tenancy import current_tenant_id
from clients.models import Tenant
from meters.models import Installation, Meter


@dataclass(frozen=True, slots=True)
class Place:
    """What the last installation says of a meter."""

    zone: ZoneInfo
    distributor: str = ""
    point_id: int | None = None


def place_of(meter: Meter) -> Place:
    """The place that a meter serves or served last; the company's zone when there is none."""
    newest = Installation.objects.filter(meter_id=meter.pk).order_by("-starts_at")
    found = newest.values_list(
        "metering_point__site__time_zone", "metering_point__site__distributor", "metering_point_id"
    ).first()
    if found is None:
        return Place(Tenant.objects.get(pk=current_tenant_id()).zone)
    zone, distributor, point_id = found
    return Place(ZoneInfo(zone), distributor, point_id)
