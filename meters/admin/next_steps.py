"""From a client to a meter that sends: what is there, and which page comes next."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Prefetch, Q, QuerySet
from django.urls import reverse
from django.utils import timezone

from clients.kernel.permissions import may
from clients.models import Client
from meters.models import Connection, DeviceKey, Meter, MeteringPoint, Site
from meters.selectors.places import serving


def asked_row(rows: QuerySet[Any], public_id: object) -> Any:
    """The row that an address names by its public id; None for none of ours."""
    try:
        return rows.filter(public_id=public_id).first() if public_id else None
    except (ValidationError, ValueError):
        return None


def link_to(name: str, **asked: Any) -> str:
    """The address of a page with its form filled in from a row: `client=<public id>`."""
    query = "&".join(f"{key}={row.public_id}" for key, row in asked.items())
    return f"{reverse(f'admin:{name}')}?{query}"


def working_keys(meter: Meter) -> QuerySet[DeviceKey]:
    """The keys that may report this meter now."""
    ends = Q(expires_at__isnull=True) | Q(expires_at__gt=timezone.now())
    return DeviceKey.objects.filter(ends, meters=meter, revoked_at__isnull=True)


def ways_in(meter: Meter) -> dict[str, Any]:
    """How the meter's readings arrive, and the pages on which a way is made."""
    sees_keys = may("meters.view_devicekey")
    return {
        "keys": list(working_keys(meter)) if sees_keys else [],
        "new_key": link_to("meters_devicekey_create", meter=meter)
        if may("meters.change_devicekey")
        else "",
        "connections": list(Connection.objects.filter(meter=meter)),
        "new_connection": link_to("meters_connection_add", meter=meter)
        if may("meters.add_connection")
        else "",
    }


def steps_of(site: Site) -> list[dict[str, Any]]:
    """The site's metering points, each with its meter or the page that puts one up."""
    now_there = Prefetch("installations", serving().select_related("meter"), to_attr="serving")
    points: Any = site.metering_points.prefetch_related(now_there)
    return [_step(point) for point in points]


def _step(point: Any) -> dict[str, Any]:
    meter = point.serving[0].meter if point.serving else None
    step: dict[str, Any] = {"point": point, "meter": meter, "has_way": True}
    if meter is None:
        step["install"] = (
            link_to("meters_meter_add", point=point) if may("meters.add_meter") else ""
        )
    else:
        step |= ways_in(meter)
        step["has_way"] = bool(step["keys"] or step["connections"])
    return step


def sites_of(client: Client) -> list[Site]:
    """The client's sites, each with its points."""
    points = Prefetch("metering_points", MeteringPoint.objects.order_by("name"))
    return list(Site.objects.filter(client=client).prefetch_related(points))
