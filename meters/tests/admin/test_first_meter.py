"""The way from a client to a meter that sends, page by page, and the keys on it."""

from __future__ import annotations

from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import override

from clients.kernel import when
from clients.models import Tenant
from clients.testing import make_client, sign_in
from meters.models import DeviceKey, Installation, Meter, Site
from meters.services.keys import create_key, revoke_key
from meters.testing import make_meter, make_metering_point

SAID = {"_form_submitted": "True"}
HTMX = {"HX-Request": "true", "accept-language": "en"}
EN = {"accept-language": "en"}


def page(browser: Any, name: str, row: Any) -> str:
    link = reverse(f"admin:{name}", args=[row.public_id])
    return str(browser.get(link, headers=EN).content.decode())


def test_a_client_leads_to_a_site_of_theirs_and_that_to_its_first_meter(acacia: Tenant) -> None:
    browser, client = sign_in(acacia), make_client(tenant=acacia)
    panel = reverse("admin:clients_client_panel", args=[client.public_id, "medidores"])
    add_site = f"{reverse('admin:meters_site_add')}?client={client.public_id}"
    assert add_site in browser.get(panel).content.decode()
    assert browser.get(add_site).context["adminform"].form.initial["client"] == client

    point = {"name": "Entrada", "kind": "water", "nominal_voltage_v": ""}
    inline = {f"metering_points-0-{name}": value for name, value in point.items()}
    counts = {"metering_points-TOTAL_FORMS": 1, "metering_points-INITIAL_FORMS": 0}
    typed = {"client": client.pk, "name": "Casa", "time_zone": "America/Sao_Paulo"}
    answer = browser.post(add_site, typed | counts | inline)
    site = Site.objects.get()
    assert answer["Location"] == reverse("admin:meters_site_change", args=[site.public_id])

    (made,) = site.metering_points.all()
    add_meter = f"{reverse('admin:meters_meter_add')}?point={made.public_id}"
    assert add_meter in page(browser, "meters_site_change", site)
    initial = browser.get(add_meter).context["adminform"].form.initial
    assert (initial["metering_point"], initial["kind"]) == (made.pk, "water")

    meter = {"serial": "H-1", "kind": "water", "is_active": "on"}
    counted = {"register_step": 1, "sample_seconds": 900}
    placed = {"metering_point": made.pk, "start_register": "12,5", "multiplier": "1"}
    browser.post(add_meter, meter | counted | placed, headers={"accept-language": "pt-br"})
    installed = Installation.objects.get()
    assert (installed.meter.serial, installed.start_register) == ("H-1", 12_500)

    new_key = f"{reverse('admin:meters_devicekey_create')}?meter={installed.meter.public_id}"
    assert new_key in page(browser, "meters_site_change", site)
    assert new_key in page(browser, "meters_meter_change", installed.meter)
    window = browser.get(new_key, headers=HTMX).content.decode()
    assert f'value="{installed.meter.pk}" selected' in window


def test_two_meters_never_serve_one_point_from_the_form_either(acacia: Tenant) -> None:
    point = make_metering_point(tenant=acacia)
    gone = make_meter(tenant=acacia, metering_point=point)
    Installation.objects.filter(meter=gone).update(ends_at=timezone.now())

    said = {"serial": "N-1", "kind": "energy", "register_step": 1, "sample_seconds": 900}
    link = reverse("admin:meters_meter_add")
    placed = {"metering_point": point.pk, "since": "2020-01-01T00:00", "multiplier": "1"}
    answer = sign_in(acacia).post(link, said | placed, headers=EN)

    assert "Another meter serves this point at that time." in answer.content.decode()
    assert not Meter.objects.filter(serial="N-1").exists()


def test_a_new_key_comes_with_a_command_that_sends_its_meter(acacia: Tenant) -> None:
    browser, meter = sign_in(acacia), make_meter(tenant=acacia, serial="SN-7", kind="water")

    link = reverse("admin:meters_devicekey_create")
    said = SAID | {"name": "Gateway", "meters": [meter.pk]}
    window = browser.post(link, said, headers=HTMX).content.decode()

    assert "/api/v1/ingest" in window
    assert "&quot;meter&quot;: &quot;SN-7&quot;" in window
    assert "&quot;volume_l&quot;" in window
    assert '<details class="p-details">' in window  # ChirpStack is folded


def test_replacing_a_key_says_until_when_the_old_one_works(acacia: Tenant) -> None:
    browser = sign_in(acacia)
    key = create_key("Gateway", [make_meter(tenant=acacia)]).key

    link = reverse("admin:meters_devicekey_rotate", args=[key.public_id])
    asked = browser.get(link, headers=HTMX).content.decode()
    window = browser.post(link, SAID, headers=HTMX).content.decode()
    listed = browser.get(reverse("admin:meters_devicekey_changelist"), headers=EN)

    ends = DeviceKey.objects.get(pk=key.pk).expires_at
    with override("en"), timezone.override(acacia.zone):
        until = f"The old key works until {when.moment(ends)}."
    assert until in asked
    assert until in window
    assert listed.content.decode().count("Works until") == 1


def test_a_revoked_key_says_so_and_offers_nothing(acacia: Tenant) -> None:
    key = create_key("Gateway", [make_meter(tenant=acacia)]).key
    browser = sign_in(acacia)
    rotate = reverse("admin:meters_devicekey_rotate", args=[key.public_id])
    assert rotate in page(browser, "meters_devicekey_change", key)

    revoke_key(key, now=timezone.now())
    said = page(browser, "meters_devicekey_change", DeviceKey.objects.get())

    assert "Revoked · " in said
    assert rotate not in said


@pytest.mark.parametrize("client", ["x", "01a213c8-5ddf-7f1f-80be-9edbd1864dd4", ""])
def test_a_client_that_is_not_ours_fills_in_nothing(acacia: Tenant, client: str) -> None:
    add = f"{reverse('admin:meters_site_add')}?client={client}"
    assert sign_in(acacia).get(add).context["adminform"].form.initial.get("client") is None
