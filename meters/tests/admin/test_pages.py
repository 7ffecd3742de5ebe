"""What pages about meters say: names and links that people can use, and no keys inside."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.urls import reverse

from clients.kernel.sites import tenant_site
from clients.kernel.tenancy import acting_for
from clients.models import Tenant
from clients.testing import sign_in
from meters.models import (
    Conflict,
    Edit,
    Meter,
    MeterException,
    Quarantine,
    RegisterEvent,
)
from meters.testing import (
    keep_readings,
    make_alarm_rule,
    make_connection,
    make_key,
    make_meter,
    make_metering_point,
)

pytestmark = pytest.mark.commits
NOW = datetime.now(tz=UTC).replace(microsecond=0)
INSIDE = re.compile(
    r'href="(/admin/\w+/\w+/(?:\d+|__fk__)/[^"]*)"|template="([^"]*__fk__/change[^"]*)"'
)


def stocked(tenant: Tenant) -> Meter:
    """A meter with a row for every page that names it."""
    with acting_for(tenant.pk):
        point = make_metering_point(tenant=tenant)
        meter = make_meter(tenant=tenant, metering_point=point)
        make_connection(tenant=tenant, meter=meter)
        make_key(meter)
        make_alarm_rule(tenant=tenant, scope="meter", meter=meter)
        stretch = {"tenant": tenant, "meter": meter, "starts_at": NOW}
        MeterException.objects.create(
            **stretch,
            rule="stuck_value",
            severity="warn",
            ends_at=NOW + timedelta(hours=1),
            found_at=NOW,
        )
        RegisterEvent.objects.create(
            **stretch,
            ends_at=NOW + timedelta(minutes=15),
            kind="drop",
            detected_kind="drop",
            state="detected",
            register="energy_import_wh",
            value_before=900,
            value_after=100,
        )
        Edit.objects.create(
            **stretch,
            ends_at=NOW + timedelta(minutes=15),
            kind="edit",
            column="energy_import_ws",
            values=[3_600],
            reason="Read by hand",
            author="Ana",
        )
    said = {"measured_at": NOW, "energy_import_wh": 180, "power_factor": 0.93}
    keep_readings(meter, [said], now=NOW)
    keep_readings(meter, [{**said, "energy_import_wh": 200}], now=NOW)
    keep_readings(meter, [{"measured_at": NOW + timedelta(hours=5), "power_w": 1}], now=NOW)
    return meter


def test_no_page_of_meters_links_to_a_key_inside(acacia: Tenant) -> None:
    stocked(acacia)
    opened: list[str] = []
    found: dict[str, list[Any]] = {}

    with acting_for(acacia.pk):
        browser = sign_in(acacia)
        for model, page in tenant_site._registry.items():
            if model._meta.app_label != "meters":
                continue
            row = model.objects.first()
            links = [page.page_of(None), *([page.page_of(row)] if row else [])]
            for link in links:
                answer = browser.get(link, follow=True)
                assert answer.status_code == 200, link
                opened.append(model._meta.model_name)
                found[link] = INSIDE.findall(answer.content.decode())

    assert {link: inside for link, inside in found.items() if inside} == {}
    assert opened.count("conflict") == opened.count("quarantine") == opened.count("connection") == 2


def test_readings_set_apart_are_named_by_local_time_and_only_read(acacia: Tenant) -> None:
    meter = stocked(acacia)
    with acting_for(acacia.pk):
        browser = sign_in(acacia)
        rows = [Conflict.objects.get(), Quarantine.objects.get()]
    pages = [
        browser.get(reverse(f"admin:meters_{row._meta.model_name}_change", args=[row.public_id]))
        for row in rows
    ]

    for row, page in zip(rows, pages, strict=True):
        local = row.measured_at.astimezone(acacia.zone)
        shown = page.content.decode()
        assert f"{meter.serial} · {local:%d/%m/%Y %H:%M:%S}" in shown
        assert reverse("admin:meters_meter_change", args=[meter.public_id]) in shown
        assert 'name="_save"' not in shown


def test_a_contradiction_shows_only_what_differs_with_its_unit(acacia: Tenant) -> None:
    meter = stocked(acacia)
    with acting_for(acacia.pk):
        browser = sign_in(acacia)
    page = browser.get(f"/admin/meters/meter/{meter.public_id}/panel/qualidade/").content.decode()

    assert "180 Wh" in page
    assert "200 Wh" in page
    assert "meter_id" not in page
    assert "0,93" not in page


def test_a_meter_without_a_place_is_named_once(acacia: Tenant) -> None:
    with acting_for(acacia.pk):
        make_meter(tenant=acacia, serial="SPARE-1")
        browser = sign_in(acacia)

    shown = browser.get(reverse("admin:meters_meter_changelist")).content.decode()

    assert len(re.findall(r">\s*SPARE-1\s*<", shown)) == 1


def test_an_edit_says_its_whole_span_and_its_name(acacia: Tenant) -> None:
    with acting_for(acacia.pk):
        meter = make_meter(tenant=acacia)
        edit = Edit.objects.create(
            tenant=acacia,
            meter=meter,
            kind="edit",
            starts_at=datetime(2026, 3, 10, 13, tzinfo=UTC),
            ends_at=datetime(2026, 3, 10, 14, tzinfo=UTC),
            column="energy_import_ws",
            values=[3_600] * 4,
            reason="Read by hand",
            author="Ana",
        )
        browser = sign_in(acacia)
    link = reverse("admin:meters_edit_change", args=[edit.public_id])

    shown = browser.get(link).content.decode().replace("\u00a0", " ")

    assert "Edit object" not in shown
    assert "10 mar, 10:00 – 11:00" in shown or "10 mar 2026, 10:00 – 11:00" in shown
