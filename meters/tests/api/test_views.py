from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.test import Client as Browser

from clients.kernel.keys import uuid7
from clients.kernel.periods import day_of
from clients.kernel.tenancy import acting_for
from clients.models import Tenant
from clients.testing import make_client, sign_in
from meters.models import DeviceKey, DeviceKeyMeter, Installation, Meter, MeteringPoint, Site
from meters.services.intervals import recompute_all_touched
from meters.testing import (
    keep_readings,
    make_key,
    make_meter,
    make_metering_point,
    make_site,
    register_rows,
)

API = "/api/v1"
NOW = datetime(2026, 4, 1, tzinfo=UTC)
DAY = day_of(date(2026, 3, 10), ZoneInfo("America/Sao_Paulo"))


def post(browser: Browser, path: str, body: Any) -> Any:
    return browser.post(f"{API}/{path}", body, content_type="application/json")


def test_a_site_a_point_and_a_meter_are_set_up(acacia: Tenant) -> None:
    browser, client = sign_in(acacia), make_client(tenant=acacia)

    site = post(browser, "sites", {"client": str(client.public_id), "name": "Loja"}).json()
    point = post(browser, "metering-points", {"site": site["id"], "name": "Quadro"}).json()
    meter = post(browser, "meters", {"serial": "X-1", "sample_seconds": 60}).json()
    answer = post(
        browser,
        f"meters/{meter['id']}/install",
        {"metering_point": point["id"], "at": "2026-01-01T00:00:00-03:00", "start_register": 7},
    )

    assert answer.status_code == 201
    installation = Installation.objects.get()
    assert (installation.meter.serial, installation.start_register) == ("X-1", 7)
    assert installation.metering_point.site.client == client


def test_a_meter_serves_one_point_at_a_time(acacia: Tenant) -> None:
    browser = sign_in(acacia)
    point = make_metering_point(tenant=acacia)
    meter = make_meter(tenant=acacia, metering_point=point)
    other = make_metering_point(tenant=acacia)
    body = {"metering_point": str(other.public_id), "at": "2026-01-01T00:00:00Z"}

    answer = post(browser, f"meters/{meter.public_id}/install", body)

    assert (answer.status_code, answer.json()["code"]) == (409, "meter_in_use")
    assert Installation.objects.count() == 1


def test_an_exchange_ends_one_and_starts_another(acacia: Tenant) -> None:
    browser = sign_in(acacia)
    point = make_metering_point(tenant=acacia)
    old = make_meter(tenant=acacia, metering_point=point)
    new = make_meter(tenant=acacia)
    body = {
        "meter": str(new.public_id),
        "at": "2026-03-01T12:00:00-03:00",
        "end_register": 900,
        "start_register": 0,
    }

    assert post(browser, f"metering-points/{point.public_id}/exchange", body).status_code == 201

    at = datetime(2026, 3, 1, 15, tzinfo=UTC)
    assert Installation.objects.get(meter=old).ends_at == at
    assert Installation.objects.get(meter=new).starts_at == at


def test_a_key_is_shown_once_and_kept_as_a_hash(acacia: Tenant) -> None:
    browser = sign_in(acacia)
    meter = make_meter(tenant=acacia)

    made = post(browser, "device-keys", {"name": "Gateway", "meters": [str(meter.public_id)]})

    secret = made.json()["secret"]
    key = DeviceKey.objects.get()
    assert made.status_code == 201
    assert secret.startswith(key.prefix)
    assert secret not in browser.get(f"{API}/device-keys/{key.public_id}").content.decode()
    assert bytes(key.secret_sha256) != secret.encode()
    assert DeviceKeyMeter.objects.get().meter == meter


def test_a_key_is_rotated_and_revoked(acacia: Tenant) -> None:
    browser = sign_in(acacia)
    key = make_key(make_meter(tenant=acacia)).key

    rotated = post(browser, f"device-keys/{key.public_id}/rotate", {})
    revoked = post(browser, f"device-keys/{key.public_id}/revoke", {})
    again = post(browser, f"device-keys/{key.public_id}/rotate", {})

    assert rotated.status_code == 201
    assert revoked.json()["revoked_at"]
    assert (again.status_code, again.json()["code"]) == (409, "key_revoked")
    assert DeviceKey.objects.count() == 2
    assert DeviceKeyMeter.objects.count() == 2


def test_the_meters_of_a_key_are_replaced(acacia: Tenant) -> None:
    browser = sign_in(acacia)
    key = make_key(make_meter(tenant=acacia)).key
    other = make_meter(tenant=acacia)

    answer = browser.patch(
        f"{API}/device-keys/{key.public_id}",
        {"meters": [str(other.public_id)], "rate_per_minute": 5},
        content_type="application/json",
    )

    assert answer.json()["meters"] == [str(other.public_id)]
    assert DeviceKeyMeter.objects.get().meter == other


def test_operators_may_not_make_keys(acacia: Tenant) -> None:
    browser = sign_in(acacia, role="operator")

    answer = post(browser, "device-keys", {"name": "x", "meters": []})

    assert answer.status_code == 403
    assert DeviceKey.objects.count() == 0


@pytest.mark.parametrize(
    "path",
    [
        "sites/{site}",
        "metering-points/{point}",
        "metering-points/{point}/energy?start=2026-01-01T00:00:00Z&end=2026-02-01T00:00:00Z",
        "meters/{meter}",
        "meters/{meter}/readings?start=2026-01-01T00:00:00Z&end=2026-02-01T00:00:00Z",
        "meters/{meter}/days?start=2026-01-01&end=2026-02-01",
        "meters/{meter}/series?quantity=power_w&start=2026-01-01T00:00:00Z&end=2026-01-02T00:00:00Z",
        "device-keys/{key}",
    ],
)
@pytest.mark.commits
def test_another_tenants_ids_are_as_unknown_as_any(
    path: str, acacia: Tenant, baobab: Tenant
) -> None:
    with acting_for(acacia.pk):
        browser = sign_in(acacia)
    with acting_for(baobab.pk):
        point = make_metering_point(tenant=baobab)
        meter = make_meter(tenant=baobab, metering_point=point)
        foreign = {
            "site": point.site.public_id,
            "point": point.public_id,
            "meter": meter.public_id,
            "key": make_key(meter).key.public_id,
        }
    unknown = dict.fromkeys(foreign, uuid7())

    theirs = browser.get(f"{API}/{path.format(**foreign)}")
    nobodys = browser.get(f"{API}/{path.format(**unknown)}")

    assert theirs.status_code == nobodys.status_code == 404
    assert theirs.content == nobodys.content


def test_wrong_questions_are_refused(acacia: Tenant) -> None:
    browser = sign_in(acacia)
    meter = make_meter(tenant=acacia)
    base = f"{API}/meters/{meter.public_id}"

    answers = [
        browser.get(f"{base}/readings"),
        browser.get(f"{base}/readings?start=2026-01-01T00:00:00&end=2026-02-01T00:00:00Z"),
        browser.get(f"{base}/readings?start=2026-02-01T00:00:00Z&end=2026-01-01T00:00:00Z"),
        browser.get(f"{base}/days?start=2026-01-01&end=2028-01-01"),
        browser.get(
            f"{base}/series?quantity=colour&start=2026-01-01T00:00:00Z&end=2026-01-02T00:00:00Z"
        ),
        browser.get(f"{base}?colour=red"),
        post(browser, "meters", {"serial": ""}),
        post(browser, "meters", {"serial": meter.serial}),
        post(browser, "meters", {"serial": "a", "sample_seconds": 0}),
        post(browser, "meters", {"serial": "a", "digits": 99}),
        post(browser, "sites", {"client": str(uuid7()), "name": "x"}),
    ]

    assert [answer.status_code for answer in answers] == [400] * 7 + [409] + [400] * 3
    assert all({"code", "detail"} <= answer.json().keys() for answer in answers)
    assert Meter.objects.count() == 1


@pytest.mark.commits
def test_what_a_meter_said_is_answered(acacia: Tenant) -> None:
    with acting_for(acacia.pk):
        point = make_metering_point(tenant=acacia)
        meter = make_meter(tenant=acacia, metering_point=point)
        browser = sign_in(acacia)
    keep_readings(meter, register_rows(DAY.start, [10 * n for n in range(97)]), now=NOW)
    recompute_all_touched(acacia.pk)
    period = {"start": DAY.start.isoformat(), "end": DAY.end.isoformat()}
    base = f"{API}/meters/{meter.public_id}"

    page = browser.get(f"{base}/readings", {**period, "limit": 50}).json()
    rest = browser.get(f"{base}/readings", {**period, "start": page["next_start"]}).json()
    days = browser.get(f"{base}/days", {"start": "2026-03-01", "end": "2026-04-01"}).json()
    chart = browser.get(f"{base}/series", {**period, "quantity": "energy_import"}).json()
    used = browser.get(f"{API}/metering-points/{point.public_id}/energy", period).json()

    assert [len(page["results"]), len(rest["results"])] == [50, 20]
    assert page["results"][1]["energy_import_wh"] == 10
    assert "power_w" not in page["results"][1]
    assert [(day["day"], day["energy_import_ws"]) for day in days] == [("2026-03-10", 960 * 3_600)]
    (line,) = chart["series"]
    assert (line["unit"], chart["step_s"], line["v"]) == ("Wh", 900, [10.0] * 96)
    assert (used["energy_wh"], used["completeness_percent"]) == (960, "100.00")


def test_models_are_named(acacia: Tenant) -> None:
    site = make_site(tenant=acacia, name="Loja")
    point = make_metering_point(tenant=acacia, site=site, name="Quadro")

    assert [str(row) for row in (*Site.objects.all(), *MeteringPoint.objects.all())] == [
        "Loja",
        "Quadro",
    ]
    assert point.site == site
