from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client as Browser
from django.urls import reverse

from clients.kernel.tenancy import acting_for
from clients.models import Tenant
from clients.testing import sign_in
from meters.models import Meter, Reading, ReadingExport, ReadingImport, Retention
from meters.services.exports import work_on_export
from meters.services.imports import work_on_import
from meters.testing import keep_readings, make_meter, make_metering_point, register_rows

pytestmark = pytest.mark.commits
NOW = datetime.now(UTC)
START = NOW.replace(hour=3, minute=0, second=0, microsecond=0) - timedelta(days=3)
LINES = (
    "data;Leitura (kWh);Obs",
    f"{START:%d/%m/%Y %H:%M};1,5;x",
    f"{START:%d/%m/%Y} 04:00;2,25;y",
    "nada;1;z",
)
CSV = "\n".join(LINES).encode()
HTMX = {"HX-Request": "true"}


@pytest.fixture
def meter(acacia: Tenant) -> Meter:
    with acting_for(acacia.pk):
        point = make_metering_point(tenant=acacia)
        return make_meter(tenant=acacia, metering_point=point, serial="M1")


def signed_in(tenant: Tenant, role: str = "owner") -> Browser:
    with acting_for(tenant.pk):
        return sign_in(tenant, role)


def uploaded(tenant: Tenant, browser: Browser, content: bytes, **fields: Any) -> Any:
    file = SimpleUploadedFile("mes.csv", content)
    return browser.post(reverse("admin:meters_readingimport_add"), {"file": file, **fields})


def the_import(tenant: Tenant) -> ReadingImport:
    with acting_for(tenant.pk):
        return ReadingImport.objects.get()


def do(browser: Browser, job: Any, what: str) -> Any:
    name = f"admin:{job._meta.app_label}_{job._meta.model_name}_{what}"
    return browser.post(
        reverse(name, args=[job.public_id]), {"_form_submitted": "True"}, headers=HTMX
    )


def page(browser: Browser, job: Any) -> str:
    name = f"admin:{job._meta.app_label}_{job._meta.model_name}_change"
    answer = browser.get(reverse(name, args=[job.public_id]))
    assert answer.status_code == 200
    return str(answer.content.decode())


def test_a_file_goes_through_the_office_and_back(acacia: Tenant, meter: Meter) -> None:
    browser = signed_in(acacia)

    sent = uploaded(acacia, browser, CSV, meter=meter.pk)
    job = the_import(acacia)
    assert (sent.status_code, job.state, job.mapping["meter"]) == (302, "detected", "M1")
    assert "energy_import_wh" in page(browser, job)
    assert do(browser, job, "dry_run").status_code == 200
    assert 'hx-trigger="every 2s"' in page(browser, job)
    work_on_import(acacia.pk, job.pk, now=NOW)
    shown = page(browser, job)
    assert "1.500" in shown
    assert "“nada”" in shown
    do(browser, job, "store")
    work_on_import(acacia.pk, job.pk, now=NOW)
    with acting_for(acacia.pk):
        assert Reading.objects.count() == 2
    listed = browser.get(reverse("admin:meters_readingimport_exceptions", args=[job.public_id]))
    assert listed.content.decode().splitlines()[1].startswith("4,")
    do(browser, job, "undo")
    work_on_import(acacia.pk, job.pk, now=NOW)

    assert the_import(acacia).state == "undone"
    with acting_for(acacia.pk):
        assert Reading.objects.count() == 0


def test_the_mapping_is_changed_by_its_form(acacia: Tenant, meter: Meter) -> None:
    browser = signed_in(acacia)
    uploaded(acacia, browser, CSV)
    job = the_import(acacia)
    address = reverse("admin:meters_readingimport_mapping", args=[job.public_id])

    browser.post(
        address,
        {"meter": "M1", "zone": "UTC", "quantity-0": "energy_export_wh", "unit-0": "wh",
         "says-0": "register", "rounds-0": "on", "quantity-1": ""},
    )  # fmt: skip

    mapping = the_import(acacia).mapping
    assert (mapping["meter"], mapping["time"]["zone"]) == ("M1", "UTC")
    column = mapping["columns"][0]
    assert (column["quantity"], column["factor"], column["rounds"]) == (
        "energy_export_wh",
        "1",
        True,
    )


def test_a_wrong_mapping_changes_nothing_and_says_why(acacia: Tenant, meter: Meter) -> None:
    browser = signed_in(acacia)
    uploaded(acacia, browser, CSV, meter=meter.pk)
    job = the_import(acacia)
    address = reverse("admin:meters_readingimport_mapping", args=[job.public_id])

    answer = browser.post(address, {"zone": "Mars/Base"}, follow=True)

    assert the_import(acacia).mapping == job.mapping
    assert "Mars/Base" in answer.content.decode()


@pytest.mark.parametrize("content", [b"", b"a;b\n1;2\n", b"\xd0\xcf\x11\xe0old"])
def test_what_is_no_file_of_readings_stays_out(
    content: bytes, acacia: Tenant, meter: Meter
) -> None:
    answer = uploaded(acacia, signed_in(acacia), content)

    assert answer.status_code == 200
    with acting_for(acacia.pk):
        assert ReadingImport.objects.count() == 0


def test_a_viewer_sees_an_import_and_changes_nothing(acacia: Tenant, meter: Meter) -> None:
    uploaded(acacia, signed_in(acacia), CSV, meter=meter.pk)
    job = the_import(acacia)
    viewer = signed_in(acacia, "viewer")
    address = reverse("admin:meters_readingimport_mapping", args=[job.public_id])

    assert "/dry_run/" not in page(viewer, job)
    assert do(viewer, job, "dry_run").status_code == 403
    assert viewer.post(address, {"zone": "UTC"}).status_code == 403
    assert uploaded(acacia, viewer, CSV).status_code == 403
    assert the_import(acacia).state == "detected"


def test_an_export_is_asked_for_watched_and_downloaded(acacia: Tenant, meter: Meter) -> None:
    keep_readings(meter, register_rows(START, [1_000, 1_500]), now=NOW)
    browser = signed_in(acacia)
    form = {
        "first_day": f"{START:%d/%m/%Y}",
        "last_day": f"{START:%d/%m/%Y}",
        "what": "readings",
        "format": "csv",
        "decimal_sign": "comma",
        "meters": [meter.pk],
    }

    asked = browser.post(reverse("admin:meters_readingexport_add"), form)
    with acting_for(acacia.pk):
        job = ReadingExport.objects.get()
    assert asked.status_code == 302
    assert "every 2s" in page(browser, job)
    work_on_export(acacia.pk, job.pk, now=NOW)

    link = reverse("admin:meters_readingexport_part", args=[job.public_id, 0])
    assert link in page(browser, job)
    content = browser.get(link).content.decode("utf-8-sig")
    assert content.splitlines()[0] == "meter;measured_at;energy_import_wh"
    assert len(content.splitlines()) == 3


def test_retention_is_chosen_by_a_manager_and_not_by_an_operator(
    acacia: Tenant, meter: Meter
) -> None:
    address = reverse("admin:meters_retention_add")

    assert signed_in(acacia, "operator").post(address, {"keep_months": 12}).status_code == 403
    browser = signed_in(acacia, "manager")
    assert browser.post(address, {"keep_months": 3}).status_code == 200
    assert browser.post(address, {"keep_months": 12}).status_code == 302

    with acting_for(acacia.pk):
        setting = Retention.objects.get()
    assert setting.keep_months == 12
    assert "Raw readings" in page(browser, setting) or "Leituras" in page(browser, setting)
