from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from clients.kernel.tenancy import acting_for
from clients.models import Tenant
from clients.testing import sign_in
from meters.models import MeterException, RuleCode, Severity, ValidationRule
from meters.testing import keep_readings, make_meter, make_metering_point

NOON = datetime(2026, 3, 20, 12, tzinfo=UTC)
QUARTER = timedelta(minutes=15)
RULES = "/api/v1/validation-rules"
EXCEPTIONS = "/api/v1/meter-exceptions"


def make_exception(tenant: Tenant, **fields: Any) -> MeterException:
    point = make_metering_point(tenant=tenant)
    return MeterException.objects.create(
        **{
            "tenant": tenant,
            "meter": make_meter(tenant=tenant, metering_point=point),
            "rule": RuleCode.SPIKE,
            "severity": Severity.WARN,
            "starts_at": NOON,
            "ends_at": NOON + QUARTER,
            "values": {"power_w": 9000.0},
            "found_at": NOON,
            **fields,
        }
    )


def test_exceptions_are_listed_by_rule_and_client(acacia: Tenant) -> None:
    browser = sign_in(acacia)
    with acting_for(acacia.pk):
        row = make_exception(acacia)
        make_exception(acacia, rule=RuleCode.CLOCK)
        client = row.meter.installations.get().metering_point.site.client

    by_rule = browser.get(EXCEPTIONS, {"rule": "spike"}).json()["results"]
    by_client = browser.get(EXCEPTIONS, {"client": str(client.public_id)}).json()["results"]
    nobody = browser.get(EXCEPTIONS, {"state": "resolved"}).json()["results"]

    assert [found["id"] for found in by_rule] == [str(row.public_id)]
    assert by_client == by_rule
    assert by_rule[0]["values"] == {"power_w": 9000.0}
    assert nobody == []


def test_an_exception_is_decided_once(acacia: Tenant) -> None:
    browser = sign_in(acacia)
    with acting_for(acacia.pk):
        row = make_exception(acacia)
    link = f"{EXCEPTIONS}/{row.public_id}/decide"
    body = {"decision": "accept", "note": "Forno novo"}

    first = browser.post(link, body, content_type="application/json")
    again = browser.post(link, body, content_type="application/json")

    assert first.json()["resolution"] == "accepted"
    assert first.json()["note"] == "Forno novo"
    assert (again.status_code, again.json()["code"]) == (409, "exception_decided")


def test_a_stretch_without_readings_is_not_left_out(acacia: Tenant) -> None:
    browser = sign_in(acacia)
    with acting_for(acacia.pk):
        row = make_exception(acacia, rule=RuleCode.MISSING_INTERVALS)

    answer = browser.post(
        f"{EXCEPTIONS}/{row.public_id}/decide",
        {"decision": "disregard"},
        content_type="application/json",
    )

    assert (answer.status_code, answer.json()["code"]) == (409, "nothing_to_leave_out")
    with acting_for(acacia.pk):
        row.refresh_from_db()
        assert row.state == "open"


def test_the_catalogue_says_what_each_rule_checks_and_how_it_holds(acacia: Tenant) -> None:
    browser = sign_in(acacia)
    body = {"code": "spike", "kind": "energy", "is_enabled": False}

    made = browser.post(RULES, body, content_type="application/json")
    catalogue = browser.get(f"{RULES}/catalogue").json()

    assert made.status_code == 201
    assert [entry["code"] for entry in catalogue] == RuleCode.values
    (spike,) = (entry for entry in catalogue if entry["code"] == "spike")
    assert {held["kind"]: held["is_enabled"] for held in spike["holds"]} == {
        "energy": False,
        "water": True,
        "solar": True,
    }


def test_parameters_are_checked_against_those_that_the_rule_declares(acacia: Tenant) -> None:
    browser = sign_in(acacia)
    unknown = {"code": "spike", "parameters": {"colour": 3}}
    too_much = {"code": "spike", "parameters": {"percent_of_peak": 1e9}}
    text = {"code": "spike", "parameters": {"percent_of_peak": "30"}}

    answers = [
        browser.post(RULES, body, content_type="application/json")
        for body in (unknown, too_much, text)
    ]

    assert [(a.status_code, a.json()["code"]) for a in answers] == [(422, "wrong_parameters")] * 3
    with acting_for(acacia.pk):
        assert not ValidationRule.objects.exists()


def test_a_rule_goes_back_to_its_defaults(acacia: Tenant) -> None:
    browser = sign_in(acacia)
    body = {"code": "spike", "parameters": {"percent_of_peak": 50}}
    made = browser.post(RULES, body, content_type="application/json").json()

    changed = browser.patch(
        f"{RULES}/{made['id']}", {"severity": "fail"}, content_type="application/json"
    )
    gone = browser.delete(f"{RULES}/{made['id']}")

    assert changed.json()["severity"] == "fail"
    assert changed.json()["parameters"] == {"percent_of_peak": 50, "times_step": 5}
    assert gone.status_code == 204
    with acting_for(acacia.pk):
        assert not ValidationRule.objects.exists()


@pytest.mark.commits
def test_a_preview_says_what_would_have_been_flagged_and_keeps_nothing(acacia: Tenant) -> None:
    now = datetime.now(tz=UTC)
    with acting_for(acacia.pk):
        meter = make_meter(tenant=acacia, metering_point=make_metering_point(tenant=acacia))
        start = now - timedelta(days=5)
        rows = [{"measured_at": start + QUARTER * n, "power_w": 7.5} for n in range(30)]
        keep_readings(meter, rows, now=now)
        browser = sign_in(acacia)

    usual = browser.post(
        f"{RULES}/preview", {"code": "stuck_value"}, content_type="application/json"
    ).json()
    patient = browser.post(
        f"{RULES}/preview",
        {"code": "stuck_value", "parameters": {"at_least_hours": 12}},
        content_type="application/json",
    ).json()

    assert (usual["count"], usual["meters_looked_at"]) == (1, 1)
    assert usual["flagged"][0]["meter"] == str(meter.public_id)
    assert patient["count"] == 0
    with acting_for(acacia.pk):
        assert not MeterException.objects.exists()


@pytest.mark.parametrize("role", ["viewer", "professional"])
def test_who_may_not_change_rules_does_not_have_months_of_readings_read(
    acacia: Tenant, role: str
) -> None:
    answer = sign_in(acacia, role=role).post(
        "/api/v1/validation-rules/preview",
        {"code": "spike", "kind": "energy"},
        content_type="application/json",
    )

    assert answer.status_code == 403
