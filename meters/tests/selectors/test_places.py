from __future__ import annotations

from datetime import timedelta
from zoneinfo import ZoneInfo

from django.utils import timezone

from clients.models import Tenant
from meters.models import Installation
from meters.selectors.places import client_of, name_of, zone_of
from meters.testing import make_meter, make_metering_point, make_site


def test_a_meter_in_the_store_has_the_companys_days(acacia: Tenant) -> None:
    meter = make_meter(tenant=acacia, serial="SN-1")

    assert zone_of(meter) == acacia.zone
    assert (name_of(meter), client_of(meter)) == ("SN-1", None)


def test_a_meter_taken_down_keeps_the_days_of_its_last_place(acacia: Tenant) -> None:
    site = make_site(tenant=acacia, time_zone="America/Manaus")
    point = make_metering_point(tenant=acacia, site=site)
    meter = make_meter(tenant=acacia, metering_point=point)
    Installation.objects.filter(meter=meter).update(ends_at=timezone.now() - timedelta(days=1))

    assert zone_of(meter) == ZoneInfo("America/Manaus")
    assert name_of(meter) == meter.serial
