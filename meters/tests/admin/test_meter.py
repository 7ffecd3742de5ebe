from __future__ import annotations

import pytest

from clients.models import Tenant
from clients.testing import sign_in
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
