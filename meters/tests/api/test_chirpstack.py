"""ChirpStack's webhook, with bodies as its HTTP integration writes them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client as Browser
from django.utils import timezone

from clients.kernel.tenancy import acting_for
from clients.models import Tenant
from meters.errors import StorageUnavailable
from meters.models import Connection, Meter, Quarantine, Reading, Uplink
from meters.services import uplinks
from meters.services.keys import revoke_key
from meters.services.uplinks import forget_uplinks
from meters.tasks.hearing import forget_old_uplinks
from meters.testing import make_key, make_meter

pytestmark = pytest.mark.commits
DEV_EUI = "0101010101010101"


def uplink(at: datetime, energy: float = 12.5, **changed: Any) -> dict[str, Any]:
    """The fields of integration.proto's UplinkEvent, in JSON."""
    return {
        "deduplicationId": "3ac7e3c4-4401-4b8d-9386-a5c902f9202d",
        "time": at.isoformat(),
        "deviceInfo": {
            "tenantId": "52f14cd4-c6f1-4fbd-8f87-4025e1d49242",
            "tenantName": "ChirpStack",
            "applicationId": "17c82e96-be03-4f38-aef3-f83d48582d97",
            "applicationName": "Medidores",
            "deviceProfileId": "14855bf7-d10d-4aee-b618-ebfcb64dc7ad",
            "deviceProfileName": "Quadro",
            "deviceName": "Quadro 1",
            "devEui": DEV_EUI,
            "tags": {"key": "value"},
        },
        "devAddr": "00189440",
        "adr": True,
        "dr": 1,
        "fCnt": 7,
        "fPort": 1,
        "confirmed": False,
        "data": "qg==",
        "object": {"energy": energy, "meter": {"voltage": 127100, "power_w": 80.5}, "ok": True},
        "rxInfo": [{"gatewayId": "016c001ff10a235d", "uplinkId": 4217, "rssi": -48, "snr": 9.0}],
        "txInfo": {"frequency": 915000000},
        **changed,
    }


FIELDS = {
    "energy": {"quantity": "energy_import_wh", "unit": "kWh"},
    "meter.voltage": {"quantity": "voltage_l1_v", "unit": "mV"},
    "meter.power_w": {"quantity": "power_w"},
}


def connected(tenant: Tenant, **options: Any) -> tuple[Meter, str, Connection]:
    with acting_for(tenant.pk):
        meter = make_meter(tenant=tenant)
        connection = Connection.objects.create(
            tenant=tenant,
            meter=meter,
            driver="chirpstack",
            address=DEV_EUI.upper(),
            due_at=None,
            options={"fields": FIELDS, **options},
        )
        return meter, make_key(meter).secret, connection


def post(secret: str, said: Any, event: str = "up") -> Any:
    body = said if isinstance(said, bytes) else json.dumps(said)
    address = f"/api/v1/webhooks/chirpstack/{secret}?event={event}"
    return Browser().post(address, body, content_type="application/json")


def readings(tenant: Tenant) -> list[dict[str, Any]]:
    with acting_for(tenant.pk):
        names = ("measured_at", "energy_import_wh", "voltage_l1_v", "power_w")
        return list(Reading.objects.order_by("measured_at").values(*names))


def test_an_uplink_is_a_reading_at_the_events_own_time(acacia: Tenant) -> None:
    _meter, secret, connection = connected(acacia)
    at = timezone.now() - timedelta(minutes=3)

    answer = post(secret, uplink(at))

    assert (answer.status_code, answer.json()["stored"]) == (200, 1)
    [row] = readings(acacia)
    assert row["measured_at"] == at
    assert (row["energy_import_wh"], row["power_w"]) == (12_500, 80.5)
    assert row["voltage_l1_v"] == pytest.approx(127.1)
    with acting_for(acacia.pk):
        connection.refresh_from_db()
        assert (connection.state, connection.last_error) == ("ok", "")


def test_the_same_uplink_is_kept_once_whoever_brings_it(acacia: Tenant) -> None:
    _meter, secret, _connection = connected(acacia)
    at = timezone.now() - timedelta(minutes=3)
    again = uplink(
        at + timedelta(seconds=1), deduplicationId="5" * 8 + "-1111-4111-8111-" + "1" * 12
    )

    answers = [post(secret, said).json() for said in (uplink(at), uplink(at), again)]

    assert [answer["duplicate"] for answer in answers] == [False, True, True]
    assert len(readings(acacia)) == 1


def test_a_counter_that_began_again_is_no_duplicate(acacia: Tenant) -> None:
    _meter, secret, _connection = connected(acacia)
    at = timezone.now() - timedelta(minutes=3)
    device = {"deviceInfo": {"devEui": DEV_EUI}}
    reset = device | {"level": "WARNING", "code": "UPLINK_F_CNT_RESET", "description": "reset"}
    later = uplink(at + timedelta(minutes=1), 13, deduplicationId=None)

    post(secret, uplink(at))
    noted = post(secret, reset, "log")
    answer = post(secret, later)

    assert noted.json()["note"] == "uplink_f_cnt_reset"
    assert answer.json()["duplicate"] is False
    assert [row["energy_import_wh"] for row in readings(acacia)] == [12_500, 13_000]


def test_without_a_time_the_gateways_or_the_arrival_counts(acacia: Tenant) -> None:
    _meter, secret, _connection = connected(acacia)
    heard = "2026-11-20T10:00:00.5+00:00"
    rx = [{"gwTime": heard}, {"nsTime": "2026-11-20T10:00:01+00:00"}, {"gwTime": None}, 5]

    post(secret, uplink(timezone.now(), time=None, rxInfo=rx))
    post(secret, uplink(timezone.now(), time=None, rxInfo=None, deduplicationId=None, fCnt=8))

    first, second = readings(acacia)
    assert first["measured_at"] == datetime(2026, 11, 20, 10, 0, 0, 500_000, tzinfo=UTC)
    assert timezone.now() - second["measured_at"] < timedelta(minutes=1)


def test_a_serial_number_that_is_the_dev_eui_needs_no_connection(acacia: Tenant) -> None:
    with acting_for(acacia.pk):
        meter = make_meter(tenant=acacia, serial=DEV_EUI)
        secret = make_key(meter).secret

    answer = post(secret, uplink(timezone.now(), object={"energy_import_wh": 5, "other": "x"}))

    assert answer.json()["stored"] == 1
    assert [row["energy_import_wh"] for row in readings(acacia)] == [5]


def test_other_events_are_noted_and_store_nothing(acacia: Tenant) -> None:
    _meter, secret, connection = connected(acacia)
    device = {"deviceInfo": {"devEui": DEV_EUI}, "time": timezone.now().isoformat()}

    for event in ("join", "status", "ack", "txack", "location", "integration"):
        assert post(secret, device, event).status_code == 200
    answer = post(secret, device | {"code": "UPLINK_CODEC", "level": "ERROR"}, "log")

    assert answer.status_code == 200
    assert readings(acacia) == []
    with acting_for(acacia.pk):
        connection.refresh_from_db()
        assert connection.last_error == "uplink_codec"


def test_an_unknown_or_revoked_key_learns_nothing(acacia: Tenant, baobab: Tenant) -> None:
    _meter, secret, _connection = connected(acacia)
    with acting_for(baobab.pk):
        other = make_key(make_meter(tenant=baobab)).secret
    unknown = post("plsk_" + "x" * 43, uplink(timezone.now()))
    assert (unknown.status_code, unknown.json()["code"]) == (404, "not_found")
    assert post("x", uplink(timezone.now())).status_code == 404

    assert post(other, uplink(timezone.now())).json()["code"] == "unknown_device"
    with acting_for(acacia.pk):
        from meters.models import DeviceKey

        revoke_key(DeviceKey.objects.get(), now=timezone.now())
    assert post(secret, uplink(timezone.now())).status_code == 404
    assert readings(acacia) == []


@pytest.mark.parametrize(
    ("said", "status"),
    [
        (b"", 400),
        (b"[]", 400),
        (b"\xff", 400),
        (b"[" * 200_000, 400),
        (b" " * 300_000, 413),
        ({}, 422),
        ({"deviceInfo": {"devEui": "short"}}, 422),
        ({"deviceInfo": {"devEui": DEV_EUI}, "fCnt": "7"}, 422),
        ({"deviceInfo": {"devEui": DEV_EUI}, "fCnt": 2**32}, 422),
        ({"deviceInfo": {"devEui": DEV_EUI}, "fCnt": 10**30}, 422),
        ({"deviceInfo": {"devEui": DEV_EUI}, "fCnt": -1}, 422),
        ({"deviceInfo": {"devEui": DEV_EUI}, "object": {"energy": -0.0001}}, 422),
        ({"deviceInfo": {"devEui": DEV_EUI}, "time": "yesterday"}, 422),
        ({"deviceInfo": {"devEui": DEV_EUI}, "deduplicationId": "x"}, 422),
        ({"deviceInfo": {"devEui": DEV_EUI}, "object": {"energy": "lots"}}, 422),
        ({"deviceInfo": {"devEui": "0" * 16}}, 422),
    ],
)
def test_nonsense_is_refused_and_stores_nothing(acacia: Tenant, said: Any, status: int) -> None:
    _meter, secret, _connection = connected(acacia)

    answer = post(secret, said)

    assert answer.status_code == status
    assert set(answer.json()) == {"code", "detail"}
    assert readings(acacia) == []
    assert post(secret, said, "nothing").status_code == 400


def test_a_mapping_that_cannot_be_is_for_a_person(acacia: Tenant) -> None:
    _meter, secret, connection = connected(
        acacia, fields={"energy": {"quantity": "energy_import_wh", "unit": "V"}}
    )

    answer = post(secret, uplink(timezone.now()))

    assert (answer.status_code, answer.json()["note"]) == (200, "wrong_unit")
    with acting_for(acacia.pk):
        connection.refresh_from_db()
        assert (connection.state, connection.last_error) == ("wrong", "wrong_unit")


def test_nothing_is_answered_before_it_is_stored(
    acacia: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    _meter, secret, _connection = connected(acacia)

    def down(*_args: Any, **_options: Any) -> None:
        raise StorageUnavailable("away")

    monkeypatch.setattr(uplinks, "store_readings", down)
    answer = post(secret, uplink(timezone.now()))
    monkeypatch.undo()

    assert (answer.status_code, answer["Retry-After"]) == (503, "5")
    assert post(secret, uplink(timezone.now())).json()["stored"] == 1


def test_kept_uplinks_are_forgotten_after_two_days(acacia: Tenant) -> None:
    _meter, secret, _connection = connected(acacia)
    now = timezone.now()
    post(secret, uplink(now))

    assert forget_uplinks(now + timedelta(days=1)) == 0
    assert forget_uplinks(now + timedelta(days=3)) == 1
    forget_old_uplinks()  # as the timer does
    with acting_for(acacia.pk):
        assert Uplink.objects.count() == 0


def test_the_key_may_come_in_a_header_and_keeps_its_rate(acacia: Tenant) -> None:
    meter, _secret, _connection = connected(acacia)
    with acting_for(acacia.pk):
        secret = make_key(meter, rate_per_minute=3).secret
    said = {"deviceInfo": {"devEui": DEV_EUI}}

    def post_with(**headers: str) -> Any:
        address = "/api/v1/webhooks/chirpstack?event=status"
        body = json.dumps(said)
        return Browser().post(address, body, content_type="application/json", headers=headers)

    answers = [post_with(authorization=f"Bearer {secret}") for _ in range(8)]

    assert answers[0].status_code == 200
    assert sum(answer.status_code == 200 for answer in answers) <= 6  # a minute may end meanwhile
    assert answers[-1].json()["code"] == "rate_limited"
    assert 1 <= int(answers[-1]["Retry-After"]) <= 60
    assert post_with().status_code == 404


@pytest.mark.parametrize("at", ["0001-01-01T00:00:00Z", "9999-12-31T23:00:00Z"])
def test_an_impossible_time_is_set_apart(acacia: Tenant, at: str) -> None:
    _meter, secret, connection = connected(acacia)
    said = {**uplink(timezone.now()), "time": at}

    answers = [post(secret, said) for _ in range(2)]

    assert [(a.status_code, a.json()["note"]) for a in answers] == [(200, "impossible_time")] * 2
    assert readings(acacia) == []
    with acting_for(acacia.pk):
        assert Quarantine.objects.count() == 1
        connection.refresh_from_db()
        assert connection.last_error == "impossible_time"
