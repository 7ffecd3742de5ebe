from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.urls import reverse
from django.utils.translation import override

from clients.kernel.tenancy import acting_for
from clients.models import Tenant
from clients.testing import sign_in
from meters.admin.register_field import parse_register
from meters.models import Edit, Installation, Interval, Meter, Quality
from meters.services.intervals import recompute_all_touched
from meters.testing import keep_readings, make_meter, make_metering_point, register_rows

pytestmark = pytest.mark.commits
DAY = datetime(2026, 3, 10, 12, tzinfo=UTC)  # 9:00 in São Paulo
NOW = datetime(2026, 4, 1, tzinfo=UTC)


def metered(tenant: Tenant) -> Meter:
    with acting_for(tenant.pk):
        point = make_metering_point(tenant=tenant)
        meter = make_meter(tenant=tenant, metering_point=point)
    keep_readings(meter, register_rows(DAY, [0, 100, 200, 300, 400]), now=NOW)
    recompute_all_touched(tenant.pk)
    return meter


def do(tenant: Tenant, row: Any, verb: str, **said: Any) -> Any:
    name = f"admin:meters_{row._meta.model_name}_{verb}"
    link = reverse(name, args=[row.public_id])
    with acting_for(tenant.pk):
        browser = sign_in(tenant)
    answer = browser.post(
        link, {"_form_submitted": "True", **said}, headers={"accept-language": "en"}
    )
    recompute_all_touched(tenant.pk)
    return answer


def used(meter: Meter) -> list[tuple[int, str]]:
    with acting_for(meter.tenant_id):
        rows = Interval.objects.filter(meter=meter).order_by("starts_at")
        return [(row.energy_import_ws // 3_600, row.quality) for row in rows]


HOUR = {"start": "2026-03-10T09:00", "end": "2026-03-10T09:30", "reason": "Read by hand"}


def test_typed_use_stands_above_the_readings_until_it_is_taken_back(acacia: Tenant) -> None:
    meter = metered(acacia)
    before = used(meter)

    do(acacia, meter, "fill_in", amount="1.5", **HOUR)

    assert used(meter)[:2] == [(750, Quality.EDITED)] * 2
    assert used(meter)[2:] == before[2:]
    with acting_for(acacia.pk):
        edit = Edit.objects.get()
    assert (edit.reason, edit.author != "") == ("Read by hand", True)

    do(acacia, edit, "undo")

    assert used(meter) == before


def test_a_stretch_that_ends_before_it_begins_is_refused(acacia: Tenant) -> None:
    meter = metered(acacia)
    before = used(meter)

    answer = do(acacia, meter, "fill_in", amount="1", **{**HOUR, "end": "2026-03-10T08:00"})

    assert "The end must come after the beginning." in answer.content.decode()
    assert used(meter) == before


def test_what_is_known_is_not_estimated(acacia: Tenant) -> None:
    answer = do(acacia, metered(acacia), "estimate", method="linear", **HOUR)

    assert "All of this period is known" in answer.content.decode()
    with acting_for(acacia.pk):
        assert not Edit.objects.exists()


def test_other_transformers_count_from_their_day_on(acacia: Tenant) -> None:
    meter = metered(acacia)

    do(
        acacia,
        meter,
        "change_multiplier",
        since="2026-03-10T09:30",
        multiplier="40",
        register="0.2",
    )

    assert [wh for wh, _quality in used(meter)] == [100, 100, 4_000, 4_000]


def test_a_meter_taken_down_serves_no_place_any_more(acacia: Tenant) -> None:
    meter = metered(acacia)

    do(acacia, meter, "take_down", since="2026-03-10T10:00", end_register="0.4")

    with acting_for(acacia.pk):
        installation = Installation.objects.get(meter=meter)
    zone = ZoneInfo(acacia.time_zone)
    assert installation.ends_at == datetime(2026, 3, 10, 10, tzinfo=zone)
    assert installation.end_register == 400
    assert DAY + timedelta(hours=1) == installation.ends_at


@pytest.mark.parametrize(
    ("typed", "language", "wh"),
    [
        ("1.234,5", "pt-br", 1_234_500),
        ("1234,567 kWh", "pt-br", 1_234_567),
        ("1234.5", "pt-br", 1_234_500),
        ("1.234", "pt-br", 1_234_000),
        ("1.234", "en", 1_234),
        ("1,234.5", "en", 1_234_500),
        ("0", "en", 0),
    ],
)
def test_a_reading_is_typed_as_the_register_shows_it(typed: str, language: str, wh: int) -> None:
    with override(language):
        assert parse_register(typed) == wh


@pytest.mark.parametrize("typed", ["-1", "1.2345,1", "1,2,3", "um", "1,2345"])
def test_what_is_no_reading_is_refused(typed: str) -> None:
    with override("pt-br"), pytest.raises(ValueError, match=typed):
        parse_register(typed)


def test_a_meter_of_water_is_asked_in_cubic_metres(acacia: Tenant) -> None:
    with acting_for(acacia.pk):
        point = make_metering_point(tenant=acacia, kind="water")
        meter = make_meter(tenant=acacia, kind="water")
        browser = sign_in(acacia)
    link = reverse("admin:meters_meter_install", args=[meter.public_id])

    said = {"metering_point": point.pk, "multiplier": "1", "start_register": "12,345"}
    headers = {"HX-Request": "true", "accept-language": "pt-br"}
    window = browser.get(link, headers=headers).content.decode()
    browser.post(link, {"_form_submitted": "True", **said}, headers=headers)

    assert "(m³)" in window
    with acting_for(acacia.pk):
        assert Installation.objects.get(meter=meter).start_register == 12_345
