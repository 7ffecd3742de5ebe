from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.urls import reverse

from clients.kernel.periods import month_of
from clients.kernel.tenancy import acting_for
from clients.models import Tenant
from clients.testing import sign_in
from meters.errors import WrongKind
from meters.models import Installation, Meter, MeteringPoint
from meters.selectors.energy import metered_energy
from meters.selectors.presence import silent_meters
from meters.services.installations import exchange_meter, install_meter
from meters.services.intervals import recompute_all_touched
from meters.services.validation.running import silent_meters as silent_for_a_day
from meters.testing import keep_readings, make_meter, make_metering_point, register_rows

AT = datetime(2026, 3, 1, tzinfo=UTC)
NOW = datetime.now(tz=UTC).replace(microsecond=0)


def test_a_meter_of_energy_serves_no_point_of_water(acacia: Tenant) -> None:
    tap = make_metering_point(tenant=acacia, kind="water")
    meter = make_meter(tenant=acacia)

    with pytest.raises(WrongKind):
        install_meter(meter, tap, at=AT)

    assert not Installation.objects.exists()


def test_an_exchange_for_another_kind_changes_nothing(acacia: Tenant) -> None:
    point = make_metering_point(tenant=acacia)
    make_meter(tenant=acacia, metering_point=point)

    with pytest.raises(WrongKind):
        exchange_meter(point, make_meter(tenant=acacia, kind="water"), at=AT)

    assert Installation.objects.get().ends_at is None


def test_the_kind_stays_while_a_meter_serves_the_point(acacia: Tenant) -> None:
    point = make_metering_point(tenant=acacia)
    meter = make_meter(tenant=acacia, metering_point=point)
    browser = sign_in(acacia)

    answers = [
        browser.patch(f"/api/v1/{path}", {"kind": "water"}, content_type="application/json")
        for path in (f"metering-points/{point.public_id}", f"meters/{meter.public_id}")
    ]

    assert [answer.status_code for answer in answers] == [400, 400]
    assert MeteringPoint.objects.get().kind == "energy"
    for row in (point, meter):
        row.kind = "water"
        with pytest.raises(ValidationError):
            row.clean()


def test_only_what_fits_is_offered(acacia: Tenant) -> None:
    point = make_metering_point(tenant=acacia)
    serving = make_meter(tenant=acacia, metering_point=point)
    free = make_meter(tenant=acacia, serial="FITS")
    make_meter(tenant=acacia, serial="WATERY", kind="water")
    make_metering_point(tenant=acacia, name="Poço", kind="water")
    make_metering_point(tenant=acacia, name="Garagem")
    browser = sign_in(acacia)

    def window(meter: Any, verb: str) -> str:
        link = reverse(f"admin:meters_meter_{verb}", args=[meter.public_id])
        return str(browser.get(link, headers={"HX-Request": "true"}).content.decode())

    assert ("FITS" in window(serving, "exchange"), "WATERY" in window(serving, "exchange")) == (
        True,
        False,
    )
    assert ("Garagem" in window(free, "install"), "Poço" in window(free, "install")) == (
        True,
        False,
    )


def test_a_new_meter_is_not_put_up_at_a_point_of_another_kind(acacia: Tenant) -> None:
    point = make_metering_point(tenant=acacia)
    said = {
        "serial": "W-1",
        "kind": "water",
        "is_active": "on",
        "register_step": "1",
        "sample_seconds": "900",
        "metering_point": point.pk,
        "since": "2026-03-01T00:00",
    }

    answer = sign_in(acacia).post(reverse("admin:meters_meter_add"), said)

    assert answer.status_code == 200
    assert "W-1 m" in answer.content.decode()  # the sentence about both kinds
    assert not Meter.objects.exists()


@pytest.mark.commits
def test_a_client_is_shown_and_billed_what_was_measured_at_the_place(acacia: Tenant) -> None:
    start = NOW.replace(day=1, hour=0, minute=0, second=0).replace(tzinfo=acacia.zone)
    with acting_for(acacia.pk):
        point = make_metering_point(tenant=acacia)
        meter = make_meter(tenant=acacia)
    keep_readings(meter, register_rows(start, [0, 1_000, 3_000, 6_000, 10_000]), now=NOW)
    with acting_for(acacia.pk):
        install_meter(meter, point, at=start.replace(minute=30))
    recompute_all_touched(acacia.pk)

    with acting_for(acacia.pk):
        client = point.site.client
        browser = sign_in(acacia)
        link = reverse("admin:clients_client_change", args=[client.public_id])
        page = browser.get(f"{link.removesuffix('change/')}panel/medidores/").content.decode()
        used = metered_energy([point.pk], month_of(start.date(), acacia.zone))[point.pk]

    assert used.energy_wh == 7_000
    assert "7,0" in page
    assert "10,0" not in page


@pytest.mark.commits
def test_silence_of_a_meter_that_serves_nobody_is_no_news(acacia: Tenant) -> None:
    old = datetime(2026, 3, 1, tzinfo=UTC)
    with acting_for(acacia.pk):
        spare = make_meter(tenant=acacia)
        serving = make_meter(tenant=acacia, metering_point=make_metering_point(tenant=acacia))
    for meter in (spare, serving):
        keep_readings(meter, [{"measured_at": old, "power_w": 5.0}], now=NOW)

    with acting_for(acacia.pk):
        assert list(silent_meters(NOW)) == [serving]
        assert silent_for_a_day(NOW) == [serving]
