"""The page of brokers, and what the page of connections asks of devices that speak."""

from __future__ import annotations

from typing import Any

import pytest
from django.urls import reverse

from clients.kernel.tenancy import acting_for
from clients.models import Tenant
from clients.testing import sign_in
from meters.models import BrokerState, Connection, MqttBroker
from meters.testing import make_meter

pytestmark = pytest.mark.django_db
PAGE = "/admin/meters/mqttbroker/"
HTMX = {"HX-Request": "true"}
SAID = {"_form_submitted": "True"}


@pytest.fixture
def office(acacia: Tenant) -> Any:
    with acting_for(acacia.pk):
        yield sign_in(acacia)


def make_broker(tenant: Tenant, **fields: Any) -> MqttBroker:
    own = {"name": "Casa", "host": "mqtt.example.com", "password": "kept"}
    return MqttBroker.objects.create(**{"tenant": tenant, **own, **fields})


def typed(**changed: Any) -> dict[str, Any]:
    return {"name": "Loja", "host": "mqtt.example.com", "port": 8883, "is_tls": "on"} | changed


def test_a_broker_is_entered_and_its_password_never_shown(acacia: Tenant, office: Any) -> None:
    answer = office.post(PAGE + "add/", typed(username="u", password="hush"), follow=True)

    row = MqttBroker.objects.get()
    assert answer.status_code == 200
    assert (row.where, row.is_tls, row.password) == ("mqtt.example.com:8883", True, "hush")
    page = office.get(f"{PAGE}{row.public_id}/change/")
    assert b"hush" not in page.content


def test_a_password_left_empty_stays(acacia: Tenant, office: Any) -> None:
    row = make_broker(acacia)

    office.post(f"{PAGE}{row.public_id}/change/", typed(port=1883, is_tls="", password=""))

    row.refresh_from_db()
    assert (row.name, row.password) == ("Loja", "kept")


def test_the_list_tells_what_is_wrong_and_how_many_devices_speak_there(
    acacia: Tenant, office: Any
) -> None:
    make_broker(acacia, state=BrokerState.FAILING, last_error="bad_password")
    for name in ("z/1", "z/2"):
        Connection.objects.create(
            meter=make_meter(tenant=acacia), driver="zigbee2mqtt", address=name, due_at=None
        )

    page = office.get(PAGE).content.decode()

    assert "Usuário ou senha não foram aceitos." in page
    assert "mqtt.example.com:1883" in page


def test_a_broker_is_paused_and_listened_to_again(acacia: Tenant, office: Any) -> None:
    row = make_broker(acacia, state=BrokerState.CONNECTED)

    for verb, is_active in (("pause", False), ("resume", True)):
        link = reverse(f"admin:meters_mqttbroker_{verb}", args=[row.public_id])
        assert office.post(link, SAID, headers=HTMX).status_code == 200
        row.refresh_from_db()
        assert row.is_active is is_active


def connection_of(office: Any, **changed: Any) -> Any:
    fields = {
        "transport": "tcp",
        "host": "",
        "port": 502,
        "unit_id": 1,
        "baud": 9600,
        "parity": "N",
        "stop_bits": 1,
        "poll_every_seconds": 30,
        "timeout_ms": 3000,
        "options": "{}",
        "profile": "",
    }
    return office.post("/admin/meters/connection/add/", fields | changed)


def test_a_device_that_speaks_is_connected_by_topic_broker_and_channel(
    acacia: Tenant, office: Any
) -> None:
    meter, broker = make_meter(tenant=acacia), make_broker(acacia)

    connection_of(
        office,
        meter=meter.pk,
        driver="shelly",
        address="shellyem-1",
        broker=str(broker.public_id),
        channel=1,
    )

    row = Connection.objects.get()
    assert row.options == {"broker": str(broker.public_id), "channel": 1}
    assert row.due_at is None


@pytest.mark.parametrize(
    ("driver", "changed", "sentence"),
    [
        ("tasmota", {"address": "#"}, "sem # e +"),
        ("chirpstack", {"address": "12"}, "16 dígitos"),
        (
            "chirpstack",
            {"address": "1" * 16, "options": '{"fields": {"e": {"quantity": "wrong"}}}'},
            "grandeza que não existe",
        ),
        ("tuya", {"address": "x", "host": "10.0.0.2", "secrets": "{}"}, "16 caracteres"),
        ("tuya", {"address": ""}, "id do dispositivo"),
        ("tuya_cloud", {"address": "x"}, "client_id"),
    ],
)
def test_settings_that_cannot_work_are_told_at_once(
    acacia: Tenant, office: Any, driver: str, changed: dict[str, Any], sentence: str
) -> None:
    meter = make_meter(tenant=acacia)

    answer = connection_of(office, meter=meter.pk, driver=driver, **changed)

    assert sentence in answer.content.decode()
    assert Connection.objects.count() == 0
