from __future__ import annotations

import pytest

from clients.models import Tenant
from clients.testing import sign_in
from meters.models import Meter
from meters.testing import make_meter


@pytest.mark.parametrize("view", ["day", "week", "month", "year"])
@pytest.mark.parametrize("on", ["0001-01-01", "9999-12-31"])
def test_a_day_out_of_time_still_gives_a_page(acacia: Tenant, view: str, on: str) -> None:
    page = f"/admin/meters/meter/{make_meter(tenant=acacia).public_id}"
    browser = sign_in(acacia)

    answers = [
        browser.get(f"{page}/{part}?view={view}&on={on}") for part in ("change/", "readings.csv")
    ]

    assert [answer.status_code for answer in answers] == [200, 200]


def test_djangos_history_leads_to_the_page_of_the_row(acacia: Tenant) -> None:
    meter = make_meter(tenant=acacia)
    page = f"/admin/meters/meter/{meter.public_id}"
    browser = sign_in(acacia)

    answer = browser.get(f"{page}/history/")

    assert (answer.status_code, answer["Location"]) == (302, f"{page}/change/")
    assert browser.get("/admin/meters/meter/nobody/history/").status_code == 404


@pytest.mark.parametrize(
    "asked", ["nan", "1", "", "x" * 300, "00000000-0000-0000-0000-000000000000"]
)
def test_an_address_that_names_no_meter_fills_in_nothing(acacia: Tenant, asked: str) -> None:
    answer = sign_in(acacia).get("/admin/meters/alarmrule/add/", {"meter": asked})

    assert answer.status_code == 200


@pytest.mark.parametrize("serial", ["A\u0001B", "A\u202eB"])
def test_a_name_that_cannot_be_seen_is_refused_by_page_and_api(acacia: Tenant, serial: str) -> None:
    browser = sign_in(acacia)

    page = browser.post("/admin/meters/meter/add/", {"serial": serial, "kind": "energy"})
    answer = browser.post("/api/v1/meters", {"serial": serial}, content_type="application/json")

    assert page.status_code == 200
    assert answer.json()["fields"]["serial"][0]["code"] == "unprintable"
    assert not Meter.objects.filter(serial__startswith="A").exists()
