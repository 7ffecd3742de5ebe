"""Alarm rules and alarms over the API."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client as Browser

from clients.kernel.tenancy import acting_for
from clients.models import Tenant
from clients.testing import make_client, sign_in
from meters.models import AlarmEvent, AlarmRule, Meter
from meters.services.alarm_events import clear_event, raise_event
from meters.testing import keep_readings, make_alarm_rule, make_meter, make_metering_point

API = "/api/v1"
NOW = datetime(2026, 3, 10, 15, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
RULE: dict[str, Any] = {
    "name": "Low",
    "metric": "voltage_l1_v",
    "operator": "<",
    "threshold": 198,
    "for_seconds": 300,
}


def post(browser: Browser, path: str, body: Any) -> Any:
    return browser.post(f"{API}/{path}", body, content_type="application/json")


def patch(browser: Browser, path: str, body: Any) -> Any:
    return browser.patch(f"{API}/{path}", body, content_type="application/json")


def installed(tenant: Tenant) -> Meter:
    return make_meter(tenant=tenant, metering_point=make_metering_point(tenant=tenant))


def ring(rule: AlarmRule, **fields: Any) -> AlarmEvent:
    meter = installed(rule.tenant)
    return raise_event(
        rule, meter.pk, since=NOW, at=NOW, now=NOW + 2 * MINUTE, value=190.0, **fields
    )


def test_a_rule_is_made_read_changed_and_deleted(acacia: Tenant) -> None:
    browser, meter = sign_in(acacia), installed(acacia)

    made = post(browser, "alarm-rules", {**RULE, "scope": "meter", "meter": str(meter.public_id)})

    assert made.status_code == 201, made.json()
    rule = made.json()
    assert (rule["scope"], rule["meter"], rule["tells"]) == (
        "meter",
        str(meter.public_id),
        "managers",
    )
    changed = patch(browser, f"alarm-rules/{rule['id']}", {"scope": "tenant", "hysteresis": 2.5})
    assert (changed.json()["meter"], changed.json()["hysteresis"]) == (None, 2.5)
    assert len(browser.get(f"{API}/alarm-rules?kind=threshold").json()["results"]) == 1
    assert browser.delete(f"{API}/alarm-rules/{rule['id']}").status_code == 204
    assert AlarmRule.objects.count() == 0


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"threshold": None}, "threshold"),
        ({"metric": "weight_kg"}, "metric"),
        ({"operator": "=>"}, "operator"),
        ({"scope": "site"}, "site"),
        ({"operator": "==", "hysteresis": 1}, "hysteresis"),
        ({"kind": "rate"}, "window_seconds"),
        ({"daily_from": "08:00:00"}, "daily_until"),
        ({"weekdays": [7]}, "weekdays.0"),
        ({"threshold": "198"}, "threshold"),
    ],
)
def test_a_rule_that_cannot_be_is_refused_with_its_field(
    acacia: Tenant, wrong: dict[str, Any], field: str
) -> None:
    answer = post(sign_in(acacia), "alarm-rules", {**RULE, **wrong})

    assert answer.status_code == 400
    assert field in answer.json()["fields"]
    assert AlarmRule.objects.count() == 0


def test_a_rule_of_another_companys_client_is_refused(acacia: Tenant, baobab: Tenant) -> None:
    browser = sign_in(acacia)
    with acting_for(acacia.pk):
        mine = make_client(tenant=acacia)

    answer = post(
        browser, "alarm-rules", {**RULE, "scope": "client", "client": str(baobab.public_id)}
    )

    assert answer.status_code == 400
    assert answer.json()["fields"]["client"][0]["code"] == "unknown_id"
    body = {**RULE, "scope": "client", "client": str(mine.public_id)}
    assert post(browser, "alarm-rules", body).status_code == 201


def test_changing_a_rule_over_the_api_ends_its_open_alarm(acacia: Tenant) -> None:
    browser, rule = sign_in(acacia), make_alarm_rule(tenant=acacia)
    event = ring(rule)

    patch(browser, f"alarm-rules/{rule.public_id}", {"name": "Other"})
    assert browser.get(f"{API}/alarm-events/{event.public_id}").json()["state"] == "raised"
    patch(browser, f"alarm-rules/{rule.public_id}", {"is_enabled": False})

    found = browser.get(f"{API}/alarm-events/{event.public_id}").json()
    assert (found["state"], found["clear_reason"]) == ("cleared", "rule_disabled")
    refused = browser.delete(f"{API}/alarm-rules/{rule.public_id}")
    assert (refused.status_code, refused.json()["code"]) == (409, "still_used")


def test_alarms_are_listed_and_filtered(acacia: Tenant) -> None:
    browser = sign_in(acacia)
    rule = make_alarm_rule(tenant=acacia, severity="critical")
    open_one, ended = ring(rule), ring(make_alarm_rule(tenant=acacia))
    clear_event(ended, "value", at=NOW + MINUTE, now=NOW + 2 * MINUTE, value=220.0)

    def ids(query: str) -> list[str]:
        rows = browser.get(f"{API}/alarm-events?{query}").json()["results"]
        return [row["id"] for row in rows]

    assert ids("is_open=true") == [str(open_one.public_id)]
    assert ids("state=cleared") == [str(ended.public_id)]
    assert ids(f"rule={rule.public_id}") == ids("severity=critical") == ids("is_open=true")
    assert ids(f"meter={ended.meter.public_id}") == [str(ended.public_id)]
    assert ids("raised_from=2026-03-11T00:00:00Z") == []
    row = browser.get(f"{API}/alarm-events/{open_one.public_id}").json()
    assert (row["value"], row["threshold"], row["late_seconds"]) == (190.0, 198.0, None)


def test_an_alarm_is_acknowledged_once(acacia: Tenant) -> None:
    browser, event = sign_in(acacia), ring(make_alarm_rule(tenant=acacia))

    first = post(browser, f"alarm-events/{event.public_id}/acknowledge", {"note": "On my way"})
    again = post(browser, f"alarm-events/{event.public_id}/acknowledge", {"note": "Me too"})

    assert first.json()["state"] == "acknowledged"
    assert first.json()["acknowledged_by"] is not None
    assert again.json() == first.json()
    assert again.json()["note"] == "On my way"


def test_a_viewer_reads_alarms_and_acknowledges_none(acacia: Tenant) -> None:
    event = ring(make_alarm_rule(tenant=acacia))
    browser = sign_in(acacia, role="viewer")

    refused = post(browser, f"alarm-events/{event.public_id}/acknowledge", {})

    assert refused.status_code == 403
    assert browser.get(f"{API}/alarm-events").json()["results"][0]["state"] == "raised"


@pytest.mark.commits
def test_the_preview_counts_what_would_have_rung(acacia: Tenant) -> None:
    now = datetime.now(tz=UTC)
    with acting_for(acacia.pk):
        browser, meter = sign_in(acacia), installed(acacia)
        low = make_alarm_rule(tenant=acacia, is_enabled=False)
        silent = make_alarm_rule(
            tenant=acacia, kind="offline", metric="", operator="", threshold=None, for_seconds=3_600
        )
    rows = [
        {"measured_at": now - timedelta(hours=hours), "voltage_l1_v": volt}
        for hours, volt in ((40, 220.0), (39.5, 180.0), (39, 170.0), (20, 220.0), (0.1, 221.0))
    ]
    keep_readings(meter, rows, now=now)

    found = browser.get(f"{API}/alarm-rules/{low.public_id}/preview?days=3").json()
    assert (found["count"], found["samples"], found["is_whole"]) == (1, 5, True)
    assert found["newest"][0]["value"] == 170.0
    assert found["seconds_raised"] == int(19.5 * 3_600)
    gaps = browser.get(f"{API}/alarm-rules/{silent.public_id}/preview").json()
    assert (gaps["count"], gaps["meters_ringing"]) == (2, 1)
    assert browser.get(f"{API}/alarm-rules/{low.public_id}/preview?days=91").status_code == 400
