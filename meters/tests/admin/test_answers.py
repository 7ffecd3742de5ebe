from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

import pytest
from django.utils import timezone, translation

from clients.kernel.tenancy import acting_for
from clients.models import Tenant
from clients.testing import sign_in
from meters.admin.analysis import fine_amounts
from meters.models import PeakHours
from meters.testing import keep_intervals, keep_readings, make_meter, make_metering_point, make_site

START = datetime(2026, 3, 2, 3, tzinfo=UTC)


def test_analysis_says_what_it_knows_and_what_it_lacks(acacia: Tenant) -> None:
    browser = sign_in(acacia, role="viewer")
    point = make_metering_point(tenant=acacia)
    meter = make_meter(tenant=acacia, metering_point=point)
    empty = make_meter(tenant=acacia, kind="water")
    now = timezone.now().replace(minute=0, second=0, microsecond=0)
    keep_intervals(meter, now - timedelta(days=3), [400.0] * 96 * 3)

    full = browser.get(f"/admin/meters/meter/{meter.public_id}/panel/analise/")
    bare = browser.get(f"/admin/meters/meter/{empty.public_id}/panel/analise/")
    curve = browser.get(f"/admin/meters/meter/{meter.public_id}/load.csv").content.decode()

    assert (full.status_code, bare.status_code) == (200, 200)
    text = full.content.decode()
    assert "Sempre ligado" in text
    assert "400\u00a0W" in text
    assert "disser a distribuidora" in text
    assert "são necessários 14" in text
    assert curve.splitlines()[:2] == ["share_of_time,watts", "0.00,400.0"]
    assert len(curve.splitlines()) == 102


@pytest.mark.commits
def test_a_marked_stretch_comes_as_it_was_read(acacia: Tenant) -> None:
    with acting_for(acacia.pk):
        meter = make_meter(tenant=acacia, metering_point=make_metering_point(tenant=acacia))
        browser = sign_in(acacia, role="viewer")
    rows = [
        {"measured_at": START + timedelta(seconds=10 * n), "power_w": float(n)} for n in range(360)
    ]
    keep_readings(meter, rows, now=START + timedelta(hours=2))
    page = f"/admin/meters/meter/{meter.public_id}"
    first = int(START.timestamp())

    part = browser.get(f"{page}/zoom.json", {"start": first + 600, "end": first + 1_200}).json()
    now = browser.get(f"{page}/now.json").json()
    refused = [
        browser.get(f"{page}/zoom.json", query).status_code
        for query in (
            {},
            {"start": "x", "end": 5},
            {"start": 5, "end": 4},
            {"start": 0, "end": 10**12},
        )
    ]

    assert (part["t"][0], len(part["t"]), part["v"][:3]) == (first + 600, 60, [60.0, 61.0, 62.0])
    assert now == {"at": first + 3_590, "v": 359.0, "unit": "power"}
    assert refused == [400] * 4


def test_pages_of_health_and_voltage_open(acacia: Tenant) -> None:
    browser = sign_in(acacia, role="viewer")
    point = make_metering_point(tenant=acacia, nominal_voltage_v=127)
    make_meter(tenant=acacia, metering_point=point)

    pages = [
        browser.get("/admin/meters/health/", query)
        for query in (
            {},
            {"state": "never", "order": "week", "q": "SN"},
            {"page": "9", "order": "x"},
        )
    ]
    voltage = browser.get(f"/admin/meters/meteringpoint/{point.public_id}/voltage/")
    other = browser.get(
        f"/admin/meters/meteringpoint/{point.public_id}/voltage/",
        {"start": "2026-03-02", "eusd": "80,00"},
    )

    assert [page.status_code for page in pages] == [200, 200, 200]
    assert [voltage.status_code, other.status_code] == [200, 200]
    assert "0 das 1008" in other.content.decode()


def test_known_hours_are_copied_from_the_list(acacia: Tenant) -> None:
    browser = sign_in(acacia)

    answer = browser.post(
        "/admin/meters/peakhours/copy/",
        {"distributor": "Light", "starts_on": "2026-01-01", "_form_submitted": "on"},
    )

    assert answer.status_code == 302
    assert PeakHours.objects.filter(distributor="Light").count() == 2


def test_a_distributor_without_hours_is_said_so(acacia: Tenant) -> None:
    browser = sign_in(acacia)
    site = make_site(tenant=acacia, distributor="CPFL Paulista")
    page = f"/admin/meters/site/{site.public_id}/change/"

    bare = browser.get(page).content.decode()
    PeakHours.objects.create(
        tenant=acacia,
        distributor="CPFL Paulista",
        posto="peak",
        from_time=time(18),
        until_time=time(21),
        starts_on=date(2026, 1, 1),
        source="a bill",
    )
    known = browser.get(page).content.decode()

    sentence = "Não há horários de ponta de CPFL Paulista"
    assert (sentence in bare, sentence in known) == (True, False)
    assert '<option value="CPFL Piratininga">' in bare
    assert "CPFL Paulista</option>" not in bare
    assert '<option value="CPFL Paulista">' in known


def test_small_amounts_keep_their_digits() -> None:
    with translation.override("pt-br"):
        assert [fine_amounts("Wh")(wh) for wh in (0, 4.26, 35.2, 1_500)] == [
            "0\u00a0kWh", "4,3\u00a0Wh", "35\u00a0Wh", "1,5\u00a0kWh",
        ]  # fmt: skip


def test_what_does_not_exist_yet_has_no_state(acacia: Tenant) -> None:
    browser = sign_in(acacia)

    for model in ("forwarder", "mqttbroker"):
        text = browser.get(f"/admin/meters/{model}/add/").content.decode()
        assert "Situação" not in text
        assert "mensagens" not in text


def test_no_arrow_leads_to_tomorrow(acacia: Tenant) -> None:
    browser = sign_in(acacia)
    meter = make_meter(tenant=acacia)
    today = timezone.localdate()
    page = f"/admin/meters/meter/{meter.public_id}/change/"

    now = browser.get(page, {"on": f"{today}"}).content.decode()
    before = browser.get(page, {"on": f"{today - timedelta(days=2)}"}).content.decode()

    assert ('aria-label="Depois"' in now, 'aria-label="Depois"' in before) == (False, True)
