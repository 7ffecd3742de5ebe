from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from clients.kernel.tenancy import acting_for
from clients.models import Tenant
from clients.testing import sign_in
from meters.errors import AlreadyDecided, StillImpossible
from meters.models import Conflict, Meter, MeterClock, Quarantine, Reading
from meters.selectors.clocks import clocks_of, differences, wrong_clocks
from meters.services.quarantine import clock_is_right, discard, release, release_stretch
from meters.testing import keep_readings, make_meter

pytestmark = pytest.mark.commits
NOW = datetime.now(tz=UTC).replace(microsecond=0)
BOOT = datetime(1970, 1, 1, 0, 0, 10, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def meter_with_a_clock_of_1970(tenant: Tenant) -> Meter:
    with acting_for(tenant.pk):
        meter = make_meter(tenant=tenant)
    rows = [{"measured_at": BOOT + n * MINUTE, "energy_import_wh": 100 + n} for n in range(3)]
    keep_readings(meter, [*rows, {"measured_at": NOW + timedelta(hours=5), "power_w": 1}], now=NOW)
    return meter


def test_impossible_times_flag_the_clock_and_count_once(acacia: Tenant) -> None:
    meter = meter_with_a_clock_of_1970(acacia)
    keep_readings(meter, [{"measured_at": BOOT, "energy_import_wh": 100}], now=NOW)
    keep_readings(meter, [{"measured_at": BOOT, "energy_import_wh": 777}], now=NOW)

    with acting_for(acacia.pk):
        clock = clocks_of([meter.pk], NOW)[meter.pk]
        reasons = sorted(Quarantine.objects.values_list("reason", flat=True))
    assert (clock.state, clock.wrong_count) == ("wrong", 5)
    assert reasons == ["clock_unset"] * 4 + ["in_future"]


def test_a_stretch_is_released_with_one_shift(acacia: Tenant) -> None:
    meter = meter_with_a_clock_of_1970(acacia)
    with acting_for(acacia.pk):
        first = Quarantine.objects.get(measured_at=BOOT)
        done = release_stretch(first, measured_at=NOW - timedelta(hours=1), now=NOW)

    with acting_for(acacia.pk):
        kept = list(
            Reading.objects.order_by("measured_at").values_list("measured_at", "energy_import_wh")
        )
        states = sorted(Quarantine.objects.values_list("status", flat=True))
        clock_is_right(meter)
        assert wrong_clocks(NOW) == {}
    assert (done.count, done.answer.accepted) == (3, 3)
    assert kept == [(NOW - timedelta(hours=1) + n * MINUTE, 100 + n) for n in range(3)]
    assert states == ["released", "released", "released", "waiting"]


def test_one_reading_is_released_alone_and_never_twice(acacia: Tenant) -> None:
    meter_with_a_clock_of_1970(acacia)
    with acting_for(acacia.pk):
        row = Quarantine.objects.get(measured_at=BOOT + MINUTE)
        release(row, measured_at=NOW, now=NOW)
        with pytest.raises(AlreadyDecided):
            discard(row, reason="no", now=NOW)

    with acting_for(acacia.pk):
        assert Reading.objects.get().energy_import_wh == 101
        assert Quarantine.objects.get(pk=row.pk).stored_as == NOW


def test_a_time_that_is_impossible_too_is_refused(acacia: Tenant) -> None:
    meter_with_a_clock_of_1970(acacia)
    with acting_for(acacia.pk):
        row = Quarantine.objects.get(measured_at=BOOT)
        with pytest.raises(StillImpossible):
            release(row, measured_at=NOW + timedelta(days=1), now=NOW)

    with acting_for(acacia.pk):
        assert not Reading.objects.exists()
        assert Quarantine.objects.get(pk=row.pk).status == "waiting"


def test_the_api_releases_discards_and_acknowledges(acacia: Tenant) -> None:
    meter = meter_with_a_clock_of_1970(acacia)
    same = {"measured_at": NOW, "power_w": 5.1, "power_factor": 0.93, "voltage_l1_v": 235.2}
    keep_readings(meter, [same], now=NOW)
    keep_readings(meter, [{**same, "power_w": 6.2}], now=NOW)
    with acting_for(acacia.pk):
        browser = sign_in(acacia)
    api = "/api/v1"

    def post(path: str, body: Any) -> Any:
        return browser.post(f"{api}/{path}", body, content_type="application/json")

    waiting = browser.get(f"{api}/quarantine?reason=clock_unset&status=waiting").json()["results"]
    released = post(
        f"quarantine/{waiting[0]['id']}/release",
        {"measured_at": (NOW - 10 * MINUTE).isoformat()},
    )
    again = post(f"quarantine/{waiting[0]['id']}/discard", {"reason": "x"})
    discarded = post(f"quarantine/{waiting[1]['id']}/discard", {"reason": "test bench"})
    conflict = browser.get(f"{api}/conflicts?meter={meter.public_id}").json()["results"][0]
    seen = post(f"conflicts/{conflict['id']}/acknowledge", {"note": "double gateway"})

    assert len(waiting) == 3
    assert released.json() == {"released": 1, "accepted": 1, "duplicates": 0, "conflicts": 0}
    assert (again.status_code, again.json()["code"]) == (409, "already_decided")
    assert (discarded.json()["status"], discarded.json()["note"]) == ("discarded", "test bench")
    assert conflict["differences"] == [{"quantity": "power_w", "kept": 5.1, "said": 6.2}]
    assert conflict["reading"] == {"power_w": 6.2, "power_factor": 0.93, "voltage_l1_v": 235.2}
    assert waiting[0]["reading"].keys() == {"energy_import_wh"}
    assert (seen.json()["status"], seen.json()["note"]) == ("acknowledged", "double gateway")


def test_pages_show_what_was_said_and_take_a_decision(acacia: Tenant) -> None:
    meter = meter_with_a_clock_of_1970(acacia)
    keep_readings(meter, [{"measured_at": NOW, "power_w": 5.0}], now=NOW)
    keep_readings(meter, [{"measured_at": NOW, "power_w": 6.0}], now=NOW)
    with acting_for(acacia.pk):
        browser = sign_in(acacia)
        row = Quarantine.objects.get(measured_at=BOOT)
        conflict = Conflict.objects.get()
        assert [d.said for d in differences([conflict])[conflict.pk]] == [6.0]

    pages = [
        browser.get(f"/admin/meters/{path}").status_code
        for path in (
            "quarantine/",
            "quarantine/?status__exact=waiting",
            f"quarantine/{row.public_id}/change/",
            "conflict/",
            f"conflict/{conflict.public_id}/change/",
            f"meter/{meter.public_id}/panel/qualidade/",
        )
    ]
    local = NOW.astimezone(acacia.zone) - timedelta(days=1)
    answer = browser.post(
        f"/admin/meters/quarantine/{row.public_id}/release/",
        {
            "_form_submitted": "on",
            "measured_at": local.strftime("%Y-%m-%dT%H:%M"),
            "stretch": "on",
        },
        headers={"HX-Request": "true"},
    )

    assert pages == [200] * 6
    assert answer.headers.get("HX-Redirect"), answer.content.decode()[:2000]
    with acting_for(acacia.pk):
        assert Reading.objects.filter(energy_import_wh__isnull=False).count() == 3
        assert MeterClock.objects.get().wrong_count == 4
