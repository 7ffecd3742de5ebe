from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client as Browser

from clients.kernel.tenancy import acting_for
from clients.models import Tenant
from clients.testing import sign_in
from meters.models import Meter, Reading, ReadingExport, ReadingImport
from meters.services.exports import work_on_export
from meters.services.imports import work_on_import
from meters.testing import make_meter, make_metering_point

pytestmark = pytest.mark.commits
API = "/api/v1"
NOW = datetime.now(UTC)
START = NOW.replace(hour=3, minute=0, second=0, microsecond=0) - timedelta(days=3)


@pytest.fixture
def meter(acacia: Tenant) -> Meter:
    with acting_for(acacia.pk):
        point = make_metering_point(tenant=acacia)
        return make_meter(tenant=acacia, metering_point=point, serial="M1")


def signed_in(tenant: Tenant, role: str = "owner") -> Browser:
    with acting_for(tenant.pk):
        return sign_in(tenant, role)


def send(browser: Browser, content: bytes, query: str = "") -> Any:
    return browser.post(f"{API}/reading-imports{query}", content, content_type="text/csv")


def post(browser: Browser, path: str, body: Any = None) -> Any:
    return browser.post(f"{API}/{path}", body or {}, content_type="application/json")


def work(tenant: Tenant) -> None:
    with acting_for(tenant.pk):
        jobs = list(ReadingImport.objects.values_list("pk", flat=True))
        exports = list(ReadingExport.objects.values_list("pk", flat=True))
    for pk in jobs:
        work_on_import(tenant.pk, pk, now=NOW)
    for pk in exports:
        work_on_export(tenant.pk, pk, now=NOW)


CSV = f"data;Leitura (kWh)\n{START:%d/%m/%Y %H:%M};1,5\n{START:%d/%m/%Y} 04:00;2,25\n".encode()


def test_a_file_is_sent_checked_stored_and_undone(acacia: Tenant, meter: Meter) -> None:
    browser = signed_in(acacia)

    sent = send(browser, CSV, f"?name=mes.csv&meter={meter.public_id}")
    assert (sent.status_code, sent.json()["state"]) == (201, "detected")
    path = f"reading-imports/{sent.json()['id']}"
    mapping = sent.json()["mapping"]
    mapping["time"]["zone"] = "UTC"
    changed = browser.patch(f"{API}/{path}", {"mapping": mapping}, content_type="application/json")
    assert changed.status_code == 200
    assert post(browser, f"{path}/check").json()["state"] == "checking"
    work(acacia)
    found = browser.get(f"{API}/{path}").json()
    assert (found["state"], found["new_count"], found["refused_count"]) == ("checked", 2, 0)
    assert found["report"]["sample"][0]["values"] == {"energy_import_wh": 1_500}
    assert post(browser, f"{path}/run").json()["state"] == "running"
    work(acacia)
    with acting_for(acacia.pk):
        assert Reading.objects.count() == 2
    assert post(browser, f"{path}/undo").json()["state"] == "undoing"
    work(acacia)

    assert browser.get(f"{API}/{path}").json()["state"] == "undone"
    with acting_for(acacia.pk):
        assert Reading.objects.count() == 0
    listed = browser.get(f"{API}/reading-imports?state=undone").json()["results"]
    assert [row["name"] for row in listed] == ["mes.csv"]
    assert "mapping" not in listed[0]


REFUSED = {
    "empty": (b"", "", 422, "empty_file"),
    "no readings": (b"a;b\n1;2\n", "", 409, "no_time_column"),
    "unknown meter": (CSV, "?meter=0190d000-0000-7000-8000-000000000000", 400, "invalid"),
    "unknown parameter": (CSV, "?colour=red", 400, "unknown_parameter"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_file_of_readings_is_refused(name: str, acacia: Tenant, meter: Meter) -> None:
    content, query, status, code = REFUSED[name]

    answer = send(signed_in(acacia), content, query)

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    with acting_for(acacia.pk):
        assert ReadingImport.objects.count() == 0


def test_nothing_is_done_out_of_turn(acacia: Tenant, meter: Meter) -> None:
    browser = signed_in(acacia)
    path = f"reading-imports/{send(browser, CSV).json()['id']}"

    assert post(browser, f"{path}/run").json()["code"] == "import_busy"
    assert post(browser, f"{path}/undo").json()["code"] == "import_busy"
    assert post(browser, f"{path}/check").json()["code"] == "no_meter"
    answer = browser.patch(f"{API}/{path}", {"mapping": {}}, content_type="application/json")
    assert (answer.status_code, answer.json()["code"]) == (409, "bad_mapping")


def test_a_viewer_looks_and_changes_nothing(acacia: Tenant, meter: Meter) -> None:
    path = f"reading-imports/{send(signed_in(acacia), CSV).json()['id']}"
    viewer = signed_in(acacia, "viewer")

    assert viewer.get(f"{API}/{path}").status_code == 200
    assert send(viewer, CSV).status_code == 403
    assert post(viewer, f"{path}/check").status_code == 403


def test_an_export_is_asked_for_and_its_file_read(acacia: Tenant, meter: Meter) -> None:
    browser = signed_in(acacia)
    body = {"start": START.isoformat(), "end": NOW.isoformat(), "meters": [str(meter.public_id)]}

    asked = post(browser, "reading-exports", body)
    assert (asked.status_code, asked.json()["state"]) == (201, "running")
    work(acacia)
    done = browser.get(f"{API}/reading-exports/{asked.json()['id']}").json()

    assert done["state"] == "done"
    [part] = done["parts"]
    content = browser.get(f"{API}/files/{part['file_id']}/content")
    assert content.content.decode("utf-8-sig") == "meter,measured_at\r\n"


@pytest.mark.parametrize(
    ("change", "code"),
    [({"end": START.isoformat()}, "invalid"), ({"time_zone": "Mars/Base"}, "export_refused")],
)
def test_an_export_of_nothing_sensible_is_refused(
    change: dict[str, str], code: str, acacia: Tenant, meter: Meter
) -> None:
    body = {"start": START.isoformat(), "end": NOW.isoformat(), **change}

    answer = post(signed_in(acacia), "reading-exports", body)

    assert answer.json()["code"] == code
    with acting_for(acacia.pk):
        assert ReadingExport.objects.count() == 0
