from __future__ import annotations

import json
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone

from clients.kernel.tenancy import acting_for
from clients.models import Tenant
from clients.testing import sign_in
from meters.admin.connection import unreached
from meters.drivers.takes import TAKES
from meters.models import Connection, ConnectionDriver, ConnectionState
from meters.simulators.modbus import SimulatedMeter
from meters.testing import make_connection, make_meter
from meters.tests.gateway import gateway

HTMX = {"HX-Request": "true", "accept-language": "en"}
SAID = {"_form_submitted": "True"}


def fields(meter_id: int, **changed: object) -> dict[str, object]:
    return {
        "meter": meter_id,
        "driver": "modbus",
        "profile": "eastron-sdm630",
        "transport": "tcp",
        "unit_id": 1,
        "host": "192.168.0.9",
        "port": 502,
        "baud": 9600,
        "parity": "N",
        "stop_bits": 1,
        "poll_every_seconds": 30,
        "timeout_ms": 3000,
        "options": "{}",
        **changed,
    }


def test_a_connection_is_added_and_its_secrets_stay_when_left_empty(acacia: Tenant) -> None:
    browser, meter = sign_in(acacia), make_meter(tenant=acacia)
    add = reverse("admin:meters_connection_add")
    tuya = {"driver": "tuya_cloud", "profile": "plug", "address": "bf1", "region": "eu"}
    typed = {"client_id": "c-1", "secret": "s-1"}

    browser.post(add, fields(meter.pk, **tuya, **typed))
    row = Connection.objects.get()
    change = reverse("admin:meters_connection_change", args=[row.public_id])
    page = browser.get(change).content.decode()
    answer = browser.post(change, fields(meter.pk, **tuya, secret="s-2", poll_every_seconds=60))

    assert answer.status_code == 302
    row = Connection.objects.get()
    assert json.loads(row.secrets) == {"client_id": "c-1", "secret": "s-2"}
    assert (row.options, row.poll_every_seconds) == ({"region": "eu"}, 60)
    assert "s-1" not in page
    assert 'name="client_id"' in page


def test_what_a_driver_misses_is_said_at_its_own_field(acacia: Tenant) -> None:
    browser, meter = sign_in(acacia), make_meter(tenant=acacia)
    tuya = {"driver": "tuya", "profile": "plug", "address": "bf1", "local_key": "short"}

    page = browser.post(reverse("admin:meters_connection_add"), fields(meter.pk, **tuya))

    assert set(page.context["adminform"].form.errors) == {"local_key"}
    assert Connection.objects.count() == 0


def test_the_order_of_words_is_an_option_with_a_field(acacia: Tenant) -> None:
    browser, meter = sign_in(acacia), make_meter(tenant=acacia)

    browser.post(
        reverse("admin:meters_connection_add"),
        fields(meter.pk, word_order="low_first", options='{"must": ["power_w"]}', version="3.4"),
    )

    row = Connection.objects.get()
    assert row.options == {"word_order": "low_first", "must": ["power_w"]}


def test_each_driver_says_what_it_takes() -> None:
    assert set(TAKES) == set(ConnectionDriver.values)
    known = {field.name for field in Connection._meta.get_fields()} | {"broker", "channel"}
    for takes in TAKES.values():
        assert set(takes.columns) <= known


def test_the_form_says_what_is_missing(acacia: Tenant) -> None:
    browser, meter = sign_in(acacia), make_meter(tenant=acacia)

    page = browser.post(
        reverse("admin:meters_connection_add"),
        fields(meter.pk, host=""),
        headers={"accept-language": "en"},
    )

    assert "Type the address of the device or of its gateway." in page.content.decode()
    assert Connection.objects.count() == 0


def test_the_list_says_why_a_device_does_not_answer(acacia: Tenant) -> None:
    row = make_connection(tenant=acacia)
    Connection.objects.filter(pk=row.pk).update(
        state=ConnectionState.WRONG,
        last_error="wrong_map",
        error_facts={"rule": "bounds", "quantity": "voltage_l1_v", "value": 1.5e15},
    )

    page = sign_in(acacia).get(
        reverse("admin:meters_connection_changelist"), headers={"accept-language": "en"}
    )

    said = page.content.decode()
    assert "Voltage L1 = 1.5e+15: it lies outside what is possible." in said
    assert "Wrong profile" in said
    (item,) = unreached(timezone.now())
    assert item.severity == "warning"


def test_the_meters_page_shows_its_connection(acacia: Tenant) -> None:
    row = make_connection(tenant=acacia)
    link = reverse("admin:meters_meter_panel", args=[row.meter.public_id, "conexao"])
    assert "127.0.0.1:502" in sign_in(acacia).get(link).content.decode()


def test_a_connection_is_added_from_the_meters_page(acacia: Tenant) -> None:
    browser, meter = sign_in(acacia), make_meter(tenant=acacia)
    link = reverse("admin:meters_meter_panel", args=[meter.public_id, "conexao"])
    add = f"{reverse('admin:meters_connection_add')}?meter={meter.public_id}"

    assert add in browser.get(link).content.decode()
    assert browser.get(add).context["adminform"].form.initial["meter"] == meter
    assert browser.get(add.replace("meter=", "meter=x")).status_code == 200


def test_verbs_pause_and_resume(acacia: Tenant) -> None:
    browser, row = sign_in(acacia), make_connection(tenant=acacia)
    for name, state in (("pause", "paused"), ("resume", "new")):
        link = reverse(f"admin:meters_connection_{name}", args=[row.public_id])
        assert browser.post(link, SAID, headers=HTMX).status_code == 200
        row.refresh_from_db()
        assert row.state == state


@pytest.mark.commits
def test_a_test_shows_what_would_fit_and_one_click_takes_it(acacia: Tenant, settings: Any) -> None:
    settings.POLL_NETWORKS = ["127.0.0.0/8"]
    with gateway(SimulatedMeter(unit=4, model="peacefair-pzem-004t-v3")) as bus:
        with acting_for(acacia.pk):
            browser = sign_in(acacia)
            row = make_connection(tenant=acacia, port=bus.port, unit_id=4)
        link = reverse("admin:meters_connection_test", args=[row.public_id])
        window = browser.post(link, SAID, headers=HTMX).content.decode()

    assert "The device answers, and the profile does not fit" in window
    assert "Peacefair PZEM-004T v3" in window
    adopt = reverse("admin:meters_connection_adopt", args=[row.public_id])
    asked = f"{adopt}?profile=peacefair-pzem-004t-v3"
    assert asked in window
    assert (
        'value="peacefair-pzem-004t-v3" selected'
        in browser.get(asked, headers=HTMX).content.decode()
    )
    browser.post(adopt, SAID | {"profile": "peacefair-pzem-004t-v3"}, headers=HTMX)
    with acting_for(acacia.pk):
        assert Connection.objects.get().profile == "peacefair-pzem-004t-v3"


@pytest.mark.commits
def test_a_device_that_refuses_the_profiles_function_is_asked_by_the_others(
    acacia: Tenant, settings: Any
) -> None:
    settings.POLL_NETWORKS = ["127.0.0.0/8"]
    with gateway(SimulatedMeter(unit=1, model="eastron-sdm630")) as bus:
        with acting_for(acacia.pk):
            browser = sign_in(acacia)
            row = make_connection(tenant=acacia, port=bus.port, unit_id=1, profile="chint-dtsu666")
        link = reverse("admin:meters_connection_test", args=[row.public_id])
        window = browser.post(link, SAID, headers=HTMX).content.decode()

    assert "the device refuses the way in which this profile asks" in window
    assert "This would fit" in window
    adopt = reverse("admin:meters_connection_adopt", args=[row.public_id])
    assert f"{adopt}?profile=eastron-sdm630" in window
