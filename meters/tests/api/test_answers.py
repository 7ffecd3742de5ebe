from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from clients.kernel.tenancy import acting_for
from clients.models import Tenant
from clients.testing import sign_in
from meters.models import Holiday, PeakHours
from meters.testing import keep_intervals, keep_readings, make_meter, make_metering_point, make_site

API = "/api/v1"
START = datetime(2026, 3, 2, 3, tzinfo=UTC)  # midnight of a Monday in São Paulo
SPAN = {"start": START.isoformat(), "end": (START + timedelta(days=2)).isoformat()}
SPANNED = ("summary", "demand", "calculated", "load-duration", "heat-map", "comparison")


@pytest.mark.parametrize("role", ["viewer", "owner"])
def test_who_may_read_may_ask(acacia: Tenant, role: str) -> None:
    browser = sign_in(acacia, role=role)
    site = make_site(tenant=acacia, distributor="Light")
    meter = make_meter(tenant=acacia, metering_point=make_metering_point(tenant=acacia, site=site))
    keep_intervals(meter, START, [400.0] * 192)
    base = f"{API}/meters/{meter.public_id}"

    def ask(path: str, **query: Any) -> Any:
        answer = browser.get(f"{base}/{path}", {**SPAN, **query})
        assert answer.status_code == 200, answer.content
        return answer.json()

    chart = ask("series", quantity="energy_import,energy_export", compare="previous")
    whole = ask("summary", quantity="energy_import")
    called = ask("demand")
    curve = ask("load-duration")

    assert [line["quantity"] for line in chart["series"]] == ["energy_import", "energy_export"]
    assert chart["series"][0]["v"] == [100.0] * 192
    assert (chart["completeness_percent"], chart["zone"]) == (100.0, "America/Sao_Paulo")
    assert (whole["count"], whole["mean"], whole["percentiles"]["p50"]) == (192, 100.0, 100.0)
    assert (called["max_w"], called["distributor"], called["postos"]) == (400.0, "Light", [])
    assert (curve["base_w"], len(curve["watts"]), curve["load_factor"]) == (400.0, 101, 1.0)
    assert len(ask("heat-map")["rows"]) == 24


@pytest.mark.commits
def test_numbers_have_the_digits_that_were_said(acacia: Tenant) -> None:
    with acting_for(acacia.pk):
        browser = sign_in(acacia, role="viewer")
        meter = make_meter(tenant=acacia)
    rows = [
        {
            "measured_at": START + timedelta(minutes=n),
            "power_w": 0.8,
            "voltage_l1_v": 235.2 + n / 10,
        }
        for n in range(3)
    ]
    keep_readings(meter, rows, now=START + timedelta(days=1))
    base = f"{API}/meters/{meter.public_id}"

    power = browser.get(f"{base}/summary", {**SPAN, "quantity": "power_w"}).json()
    volts = browser.get(f"{base}/summary", {**SPAN, "quantity": "voltage_v"}).json()
    read = browser.get(f"{base}/series", {**SPAN, "quantity": "voltage"}).json()
    hours = browser.get(
        f"{base}/series", {**SPAN, "quantity": "voltage_l1_v", "resolution": "1h"}
    ).json()

    assert {power[name] for name in ("min", "mean", "max", "time_weighted_mean")} == {0.8}
    assert power["histogram"] == [{"low": 0.8, "high": 0.8, "count": 3}]
    assert (volts["quantity"], volts["min"], volts["max"]) == ("voltage_l1_v", 235.2, 235.4)
    assert read["series"][0]["v"] == [235.2, 235.3, 235.4]
    first = hours["series"][0]
    assert (first["v"][0], first["low"][0], first["high"][0]) == (235.3, 235.2, 235.4)


def test_a_refusal_names_what_could_be_asked(acacia: Tenant) -> None:
    browser = sign_in(acacia, role="viewer")
    base = f"{API}/meters/{make_meter(tenant=acacia).public_id}"

    said = browser.get(f"{base}/summary", {"quantity": "colour", "period": "2w"}).json()["fields"]
    unknown = browser.get(f"{base}/summary", {"quantity": "power_w", "colour": "red"}).json()

    assert "power_w, power_l1_w" in said["quantity"][0]["detail"]
    assert "1h, 6h, 1d, 1w, 1m, 1y" in said["period"][0]["detail"]
    assert "end, period, quantity, start" in unknown["detail"]


def test_questions_are_checked(acacia: Tenant) -> None:
    browser = sign_in(acacia, role="viewer")
    meter = make_meter(tenant=acacia)
    base = f"{API}/meters/{meter.public_id}"
    wrong = [
        ("summary", {}),
        ("summary", {"quantity": "colour"}),
        ("summary", {"quantity": "power_w", "period": "2w"}),
        ("summary", {"quantity": "power_w", "period": "1d", **SPAN}),
        ("summary", {"quantity": "power_w", "start": SPAN["start"]}),
        ("summary", {"quantity": "power_w", "start": SPAN["end"], "end": SPAN["start"]}),
        (
            "summary",
            {"quantity": "power_w", "start": "2020-01-01T00:00:00Z", "end": "2026-01-01T00:00:00Z"},
        ),
        ("summary", {"quantity": "power_w", "lsl": "1"}),
        ("series", {"quantity": "power_w,power_w,colour"}),
        ("series", {"quantity": "power_w", "resolution": "2h"}),
        ("capability", {"quantity": "power_w", "lsl": "nan"}),
        ("regression", {"x": "power_w", "y": "voltage_l1_v", "step": "7"}),
        ("forecast", {"days": "8"}),
        ("baseline", {"days": "3"}),
    ]

    answers = [browser.get(f"{base}/{path}", query) for path, query in wrong]

    assert [answer.status_code for answer in answers] == [400] * len(wrong)
    assert all({"code", "detail"} <= answer.json().keys() for answer in answers)


def test_too_little_data_is_422_and_named(acacia: Tenant) -> None:
    browser = sign_in(acacia, role="viewer")
    point = make_metering_point(tenant=acacia)
    meter = make_meter(tenant=acacia, metering_point=point)
    base = f"{API}/meters/{meter.public_id}"

    codes = {}
    for path in SPANNED:
        query = {**SPAN, **({"quantity": "power_w"} if path == "summary" else {})}
        answer = browser.get(f"{base}/{path}", query)
        codes[path] = (answer.status_code, answer.json()["code"])
    for path, query in (
        ("capability", {**SPAN, "quantity": "power_w"}),
        ("regression", {**SPAN, "x": "power_w", "y": "voltage_l1_v"}),
        ("baseline", {}),
        ("forecast", {}),
    ):
        answer = browser.get(f"{base}/{path}", query)
        codes[path] = (answer.status_code, answer.json()["code"])
    voltage = browser.get(
        f"{API}/metering-points/{point.public_id}/voltage-quality", {"start": "2026-03-02"}
    )

    expected = dict.fromkeys(
        (*SPANNED, "regression", "baseline", "forecast"), (422, "not_enough_data")
    )
    assert codes == {**expected, "capability": (422, "limits_required")}
    assert (voltage.status_code, voltage.json()["code"]) == (422, "nominal_voltage_required")


def test_too_fine_is_refused(acacia: Tenant) -> None:
    browser = sign_in(acacia)
    meter = make_meter(tenant=acacia)

    answer = browser.get(
        f"{API}/meters/{meter.public_id}/series",
        {"quantity": "power_w", "period": "1y", "resolution": "1min"},
    )

    assert (answer.status_code, answer.json()["code"]) == (422, "too_many_points")


def test_peak_hours_and_holidays_are_kept(acacia: Tenant) -> None:
    browser = sign_in(acacia)
    hours = {
        "distributor": "Light",
        "posto": "peak",
        "from_time": "17:30:00",
        "until_time": "20:30:00",
        "starts_on": "2026-01-01",
        "source": "bill of March",
    }

    def post(path: str, body: Any) -> Any:
        return browser.post(f"{API}/{path}", body, content_type="application/json")

    made, again = post("peak-hours", hours), post("peak-hours", hours)
    turned = post("peak-hours", {**hours, "posto": "intermediate", "until_time": "10:00:00"})
    day = post("holidays", {"day": "2026-11-20", "name": "Zumbi", "source": "letter"})

    assert (made.status_code, day.status_code) == (201, 201)
    assert (again.status_code, again.json()["code"]) == (409, "peak_hours_taken")
    assert (turned.status_code, turned.json()["code"]) == (409, "ends_before_start")
    assert PeakHours.objects.get().is_confirmed is False
    assert Holiday.objects.get().is_off_peak is True
    listed = browser.get(f"{API}/peak-hours", {"on": "2026-05-01", "distributor": "light"}).json()
    assert len(listed["results"]) == 1
    assert post_as(acacia, "viewer", "holidays").status_code == 403


def post_as(tenant: Tenant, role: str, path: str) -> Any:
    browser = sign_in(tenant, role=role)
    body = {"day": "2026-11-21", "name": "x", "source": "y"}
    return browser.post(f"{API}/{path}", body, content_type="application/json")
