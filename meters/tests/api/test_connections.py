from __future__ import annotations

import json
from typing import Any

import pytest
from django.db import connection
from django.test import Client as Browser
from django.urls import reverse

from clients.kernel.tenancy import acting_for
from clients.models import Tenant
from clients.testing import sign_in
from meters.events import polling_asked
from meters.models import Connection, ConnectionState, Forwarder, Meter, MqttBroker, Reading
from meters.services.claims import HOLD, claim
from meters.simulators.modbus import SimulatedMeter
from meters.testing import make_connection, make_meter
from meters.tests.gateway import gateway

API = "/api/v1/connections"


def post(browser: Browser, path: str, body: Any = None) -> Any:
    return browser.post(f"{API}{path}", body or {}, content_type="application/json")


def a_body(meter: Meter, **fields: Any) -> dict[str, Any]:
    given = {"meter": str(meter.public_id), "profile": "eastron-sdm630", "host": "192.168.0.9"}
    return given | fields


def test_a_connection_is_set_up_changed_and_deleted(acacia: Tenant) -> None:
    browser = sign_in(acacia)

    made = post(browser, "", a_body(make_meter(tenant=acacia), unit_id=7)).json()
    row = Connection.objects.get()
    changed = browser.patch(
        f"{API}/{made['id']}", {"unit_id": 8, "port": 8899}, content_type="application/json"
    ).json()

    assert (made["driver"], made["state"], made["unit_id"]) == ("modbus", "new", 7)
    assert (changed["unit_id"], changed["port"]) == (8, 8899)
    row.refresh_from_db()
    assert (row.bus, row.poll_every_seconds) == ("192.168.0.9:8899", 30)
    assert browser.delete(f"{API}/{made['id']}").status_code == 204
    assert Connection.objects.count() == 0


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"profile": "nobody"}, "profile"),
        ({"host": ""}, "host"),
        ({"transport": "serial"}, "serial_path"),
        ({"transport": "rtu_over_tcp", "unit_id": 0}, "unit_id"),
        ({"profile": "generic", "options": {"registers": [{"quantity": "x"}]}}, "options"),
        ({"secrets": "not json"}, "secrets"),
        ({"poll_every_seconds": 0}, "poll_every_seconds"),
        ({"state": "ok"}, "state"),
    ],
)
def test_what_cannot_work_is_said_before_anybody_asks(
    acacia: Tenant, fields: dict[str, Any], field: str
) -> None:
    answer = post(sign_in(acacia), "", a_body(make_meter(tenant=acacia), **fields))

    assert answer.status_code == 400
    assert field in answer.json()["fields"]
    assert Connection.objects.count() == 0


def test_secrets_are_written_and_never_shown(acacia: Tenant) -> None:
    browser = sign_in(acacia)
    secret = json.dumps({"local_key": "s3cr3t-key"})

    made = post(browser, "", a_body(make_meter(tenant=acacia), secrets=secret))

    assert made.json()["has_secrets"] is True
    for answer in (made, browser.get(API), browser.get(f"{API}/{made.json()['id']}")):
        assert b"s3cr3t" not in answer.content
    assert Connection.objects.get().secrets == secret
    page = browser.get(f"/admin/meters/connection/{made.json()['id']}/change/")
    assert b"s3cr3t" not in page.content


def test_connections_are_found_by_meter_and_by_state(acacia: Tenant) -> None:
    browser = sign_in(acacia)
    rows = [make_connection(tenant=acacia) for _ in range(2)]
    Connection.objects.filter(pk=rows[0].pk).update(
        state=ConnectionState.FAILING, last_error="unreachable"
    )

    failing = browser.get(API, {"state": "failing"}).json()["results"]
    of_meter = browser.get(API, {"meter": str(rows[1].meter.public_id)}).json()["results"]

    assert [row["id"] for row in failing] == [str(rows[0].public_id)]
    assert failing[0]["error"].startswith("Sem resposta") or failing[0]["error"]
    assert [row["id"] for row in of_meter] == [str(rows[1].public_id)]


def test_pausing_and_resuming(acacia: Tenant) -> None:
    browser, row = sign_in(acacia), make_connection(tenant=acacia)

    assert post(browser, f"/{row.public_id}/pause").json()["state"] == "paused"
    row.refresh_from_db()
    assert row.due_at is None
    assert post(browser, f"/{row.public_id}/resume").json()["state"] == "new"
    row.refresh_from_db()
    assert row.due_at is not None


@pytest.mark.commits
def test_a_test_shows_values_stores_nothing_and_gives_the_bus_back(
    acacia: Tenant, settings: Any
) -> None:
    settings.POLL_NETWORKS = ["127.0.0.0/8"]
    with gateway(SimulatedMeter(unit=4)) as bus:
        with acting_for(acacia.pk):
            browser = sign_in(acacia)
            row = make_connection(tenant=acacia, port=bus.port, unit_id=4)
        found = post(browser, f"/{row.public_id}/test").json()

    assert (found["is_good"], found["error"], found["doubts"]) == (True, "", [])
    assert 200 < found["values"]["voltage_l1_v"] < 240
    with acting_for(acacia.pk):
        assert Reading.objects.count() == 0
        assert Connection.objects.get().leased_until is None


@pytest.mark.commits
def test_a_test_suggests_the_profile_that_fits(acacia: Tenant, settings: Any) -> None:
    settings.POLL_NETWORKS = ["127.0.0.0/8"]
    with gateway(SimulatedMeter(unit=4, model="peacefair-pzem-004t-v3"), rtu=True) as bus:
        with acting_for(acacia.pk):
            browser = sign_in(acacia)
            row = make_connection(tenant=acacia, port=bus.port, unit_id=4, transport="rtu_over_tcp")
        found = post(browser, f"/{row.public_id}/test").json()

    assert found["is_good"] is False
    assert found["suggestions"][0]["profile"] == "peacefair-pzem-004t-v3"


@pytest.mark.commits
def test_a_test_says_why_nobody_answered(acacia: Tenant, settings: Any) -> None:
    settings.POLL_NETWORKS = ["127.0.0.0/8"]
    with gateway(SimulatedMeter(unit=4, is_dead=True)) as bus:
        with acting_for(acacia.pk):
            browser = sign_in(acacia)
            row = make_connection(tenant=acacia, port=bus.port, unit_id=4)
        found = post(browser, f"/{row.public_id}/test").json()

    assert (found["is_good"], found["error_code"], found["values"]) == (False, "unreachable", {})


@pytest.mark.commits
@pytest.mark.parametrize(
    ("is_rtu", "said"), [(True, "rtu_over_tcp"), (False, "tcp")], ids=["rtu", "tcp"]
)
def test_a_test_finds_out_which_framing_a_gateway_speaks(
    acacia: Tenant, settings: Any, is_rtu: bool, said: str
) -> None:
    settings.POLL_NETWORKS = ["127.0.0.0/8"]
    with gateway(SimulatedMeter(unit=4), rtu=is_rtu) as bus:
        with acting_for(acacia.pk):
            browser = sign_in(acacia)
            transport = "tcp" if is_rtu else "rtu_over_tcp"
            row = make_connection(tenant=acacia, port=bus.port, unit_id=4, transport=transport)
        found = post(browser, f"/{row.public_id}/test").json()

    assert (found["is_good"], found["error_code"]) == (False, f"speaks_{said}")


def test_saving_the_settings_leaves_the_poller_its_turn(acacia: Tenant) -> None:
    row = make_connection(tenant=acacia)
    Connection.objects.filter(pk=row.pk).update(lease_number=5, failures=3, leased_by="poll")

    row.unit_id = 9
    row.save()

    row.refresh_from_db()
    assert (row.unit_id, row.lease_number, row.failures, row.leased_by) == (9, 5, 3, "poll")


@pytest.mark.commits
def test_a_test_waits_for_the_bus_and_gives_up_when_it_stays_busy(
    acacia: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("meters.services.connections.LONGEST_WAIT_S", 0.3)
    with acting_for(acacia.pk):
        browser = sign_in(acacia)
        make_connection(tenant=acacia, unit_id=1)
        row = make_connection(tenant=acacia, unit_id=2)
    (busy,) = claim("somebody", ["modbus"], limit=1, ahead=HOLD * 0)

    answer = post(browser, f"/{row.public_id}/test")

    assert (answer.status_code, answer.json()["code"]) == (409, "bus_busy")
    with acting_for(acacia.pk):
        leased = Connection.objects.filter(leased_until__isnull=False)
        assert [each.pk for each in leased] == [busy.id]


def test_a_viewer_may_look_and_not_touch(acacia: Tenant) -> None:
    browser, row = sign_in(acacia, role="viewer"), make_connection(tenant=acacia)
    assert browser.get(API).status_code == 200
    for verb in ("test", "pause", "resume"):
        assert post(browser, f"/{row.public_id}/{verb}").status_code == 403


@pytest.mark.parametrize("method", ["get", "post"])
def test_a_scheduler_outside_starts_polling_with_the_secret(
    acacia: Tenant,
    settings: Any,
    method: str,
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: Any,
) -> None:
    settings.CRON_SECRET = "a-long-secret"
    rung: list[dict[str, int]] = []
    monkeypatch.setattr(polling_asked, "_ring", rung.append)

    with django_capture_on_commit_callbacks(execute=True):
        answer = getattr(Browser(), method)(
            "/api/v1/cron/poll", headers={"Authorization": "Bearer a-long-secret"}
        )

    assert (answer.status_code, answer.json()) == (200, {"status": "success"})
    assert rung == [{}]


@pytest.mark.parametrize("known", ["", "a-long-secret"])
@pytest.mark.parametrize("shown", ["", "Bearer ", "Bearer wrong", "Basic a-long-secret"])
def test_without_the_secret_nothing_is_started(
    acacia: Tenant, settings: Any, known: str, shown: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.CRON_SECRET = known
    rung: list[dict[str, int]] = []
    monkeypatch.setattr(polling_asked, "_ring", rung.append)
    headers = {"Authorization": shown} if shown else {}

    answer = Browser().post("/api/v1/cron/poll", headers=headers)

    assert (answer.status_code, answer.json()["code"]) == (401, "unknown_secret")
    assert rung == []


def test_a_secret_that_nobody_can_open_is_asked_for_again(acacia: Tenant) -> None:
    browser = sign_in(acacia)
    row = make_connection(tenant=acacia, secrets='{"password": "x"}')
    broker = MqttBroker.objects.create(tenant=acacia, name="B", host="192.168.0.9", password="x")
    forwarder = Forwarder.objects.create(
        tenant=acacia, name="F", url="https://other.example", device_key="x"
    )
    for each, name in ((row, "secrets"), (broker, "password"), (forwarder, "device_key")):
        with connection.cursor() as cursor:  # of a key that is gone
            cursor.execute(
                f"UPDATE {each._meta.db_table} SET {name} = overlay({name} placing %s from 2)",
                [b"gone"],
            )

    listed = browser.get(API).json()["results"]
    changed = browser.patch(
        f"{API}/{row.public_id}", {"unit_id": 8}, content_type="application/json"
    )
    pages = [
        browser.get(reverse(f"admin:meters_{each._meta.model_name}_change", args=[each.public_id]))
        for each in (row, broker, forwarder)
    ]
    entered = browser.patch(
        f"{API}/{row.public_id}", {"secrets": "{}"}, content_type="application/json"
    )

    assert [each["has_secrets"] for each in listed] == [False]
    assert (changed.status_code, list(changed.json()["fields"])) == (400, ["secrets"])
    assert [page.status_code for page in pages] == [200, 200, 200]
    assert entered.status_code == 200
    for path in ("/api/v1/forwarders", "/api/v1/mqtt-brokers"):
        assert browser.get(path).status_code == 200
