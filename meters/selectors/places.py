"""Where a meter is: how people call it, whose it is, what a day is there, and who supplies it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Prefetch, QuerySet

from clients.kernel.tenancy import current_tenant_id
from clients.models import Client, Tenant
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


def serving() -> QuerySet[Installation]:
    """Installations that have not ended, with their point, site and client."""
    open_ones = Installation.objects.filter(ends_at__isnull=True)
    return open_ones.select_related("metering_point__site__client")


def with_serving(path: str = "meter__installations") -> Prefetch[str]:
    """Have the places of all meters of a list read at once, for the functions below."""
    return Prefetch(path, serving(), to_attr="serving")


def serving_of(meter: Meter) -> Installation | None:
    """The installation that has not ended, read once for a meter."""
    known: Any = meter  # `serving` is what a Prefetch puts there
    if not hasattr(known, "serving"):
        known.serving = list(serving().filter(meter=meter)[:1])
    its: list[Installation] = known.serving
    return its[0] if its else None


def name_of(meter: Meter) -> str:
    """The place that the meter serves, which is how people call it; else its number."""
    found = serving_of(meter)
    return str(found.metering_point) if found else meter.serial


def called(meter: Meter) -> str:
    """The place and the meter's number; a meter without a place has only its number."""
    return " · ".join(dict.fromkeys([name_of(meter), meter.serial]))


def client_of(meter: Meter) -> Client | None:
    """Whose the place is; None while the meter serves none."""
    found = serving_of(meter)
    return found.metering_point.site.client if found else None


def zone_of(meter: Meter) -> ZoneInfo:
    """The zone in which the meter's days begin: of the place it serves or served last."""
    found = serving_of(meter)
    return found.metering_point.site.zone if found else place_of(meter).zone
