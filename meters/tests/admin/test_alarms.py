"""The pages of rules and alarms, as an operator uses them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone

from clients.kernel.tenancy import acting_for
from clients.models import Tenant
from clients.testing import sign_in
from meters.models import AlarmEvent, AlarmRule, Meter
from meters.selectors.alarm_words import condition_words
from meters.services.alarm_events import raise_event
from meters.services.alarms import follow_all
from meters.services.intervals import recompute_all_touched
from meters.testing import keep_readings, make_alarm_rule, make_meter, make_metering_point

MINUTE = timedelta(minutes=1)


def installed(tenant: Tenant) -> Meter:
    point = make_metering_point(tenant=tenant, name="Quadro geral")
    return make_meter(tenant=tenant, metering_point=point)


def text_of(response: object) -> str:
    return response.content.decode().replace("\u00a0", " ")  # type: ignore[attr-defined]


def english_office(tenant: Tenant) -> Browser:
    browser = sign_in(tenant)
    browser.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"
    return browser


def press(browser: Browser, verb: str, row: AlarmRule | AlarmEvent, **filled: str) -> None:
    """Fill in a verb's window and send it."""
    address = reverse(f"admin:meters_{row._meta.model_name}_{verb}", args=[row.public_id])
    answer = browser.post(
        address, {"_form_submitted": "1", **filled}, headers={"HX-Request": "true"}
    )
    assert answer.headers.get("HX-Redirect"), answer.content.decode()[:500]


def ring(tenant: Tenant, **fields: object) -> AlarmEvent:
    now = timezone.now()
    rule = make_alarm_rule(tenant=tenant, **fields)
    return raise_event(
        rule, installed(tenant).pk, since=now - 5 * MINUTE, at=now, now=now, value=195.0
    )


def test_a_rule_is_made_from_the_form_as_people_type(acacia: Tenant) -> None:
    browser = english_office(acacia)
    meter = installed(acacia)

    response = browser.post(
        "/admin/meters/alarmrule/add/",
        {
            "name": "Baixa",
            "severity": "critical",
            "kind": "threshold",
            "metric": "voltage_l1_v",
            "operator": "<",
            "threshold": "198,5",
            "for_seconds": "2,5",
            "hysteresis": "",
            "window_seconds": "",
            "scope": "meter",
            "meter": str(meter.pk),
            "weekdays": ["0", "4"],
            "daily_from": "08:00",
            "daily_until": "18:00",
            "tells": "managers",
        },
        headers={"Accept-Language": "pt-br"},
    )

    assert response.status_code == 302, text_of(response)[:3000]
    rule = AlarmRule.objects.get()
    assert (rule.threshold, rule.for_seconds, rule.hysteresis) == (198.5, 150, 0)
    assert (rule.weekdays, rule.meter) == ([0, 4], meter)
    page = text_of(
        browser.get(
            f"/admin/meters/alarmrule/{rule.public_id}/change/",
            headers={"Accept-Language": "pt-br"},
        )
    )
    assert (
        "Avisar quando a tensão L1 de Quadro geral ficar abaixo de 198,5 V por 2 min 30 s, "
        "só seg, sex, 08:00 às 18:00" in page
    )


def test_a_form_without_its_scope_says_so(acacia: Tenant) -> None:
    browser = english_office(acacia)

    response = browser.post(
        "/admin/meters/alarmrule/add/",
        {"name": "x", "severity": "info", "kind": "threshold", "metric": "power_w",
         "operator": ">", "threshold": "1", "scope": "site", "tells": "nobody"},
    )  # fmt: skip

    assert response.status_code == 200
    assert "Choose which one." in text_of(response)
    assert AlarmRule.objects.count() == 0


def test_a_rule_is_switched_off_and_on(acacia: Tenant) -> None:
    browser = english_office(acacia)
    event = ring(acacia)

    press(browser, "switch_off", event.rule)
    event.refresh_from_db()
    assert (event.state, event.clear_reason) == ("cleared", "rule_disabled")
    press(browser, "switch_on", event.rule)

    assert AlarmRule.objects.get().is_enabled


def test_an_alarm_is_acknowledged_with_a_note(acacia: Tenant) -> None:
    browser = english_office(acacia)
    event = ring(acacia)
    page = f"/admin/meters/alarmevent/{event.public_id}"
    assert "voltage L1 at 195 V (limit: below 198 V)" in text_of(browser.get(f"{page}/change/"))

    press(browser, "acknowledge", event, note="Vou lá")

    event.refresh_from_db()
    assert (event.state, event.note) == ("acknowledged", "Vou lá")
    assert "Vou lá" in text_of(browser.get(f"{page}/change/"))


def test_lists_the_home_and_the_meter_show_open_alarms(acacia: Tenant) -> None:
    browser = english_office(acacia)
    event = ring(acacia, severity="critical")

    listed = text_of(browser.get("/admin/meters/alarmevent/"))
    assert "Quadro geral" in listed
    assert "below 198 V" in listed
    assert "1 critical alarm" in text_of(browser.get("/admin/"))
    panel = f"/admin/meters/meter/{event.meter.public_id}/panel/alarmes/"
    assert "below 198 V" in text_of(browser.get(panel))
    assert "Tensão baixa" in text_of(browser.get("/admin/meters/alarmrule/"))


def test_the_lists_ask_as_much_for_many_as_for_few(
    acacia: Tenant, django_assert_max_num_queries: Any
) -> None:
    browser = english_office(acacia)
    for number in range(12):
        ring(acacia, name=f"Rule {number}")

    with django_assert_max_num_queries(30):
        assert "Rule 11" in text_of(browser.get("/admin/meters/alarmevent/"))
    with django_assert_max_num_queries(30):
        assert "Rule 11" in text_of(browser.get("/admin/meters/alarmrule/"))


@pytest.mark.commits
def test_the_page_draws_the_values_and_the_preview_counts_them(acacia: Tenant) -> None:
    now = datetime.now(tz=UTC).replace(second=0, microsecond=0)
    with acting_for(acacia.pk):
        meter = installed(acacia)
        rule = make_alarm_rule(tenant=acacia)
        browser = english_office(acacia)
    volts = [220, 190, 185, 220] * 10
    rows = [
        {"measured_at": now - MINUTE * (60 - place), "voltage_l1_v": float(volt)}
        for place, volt in enumerate(volts)
    ]
    keep_readings(meter, rows, now=now)
    recompute_all_touched(acacia.pk)
    follow_all(acacia.pk, now=now)

    with acting_for(acacia.pk):
        event = AlarmEvent.objects.order_by("raised_at")[0]
        assert AlarmEvent.objects.count() == 10
    page = text_of(browser.get(f"/admin/meters/alarmevent/{event.public_id}/change/"))
    assert '"label": "limit 198 V"' in page or '"label": "limit 198\\u00a0V"' in page
    preview = text_of(browser.get(f"/admin/meters/alarmrule/{rule.public_id}/panel/previa/"))
    assert "In the last 30 days it would have rung 10 times." in preview


def test_a_limit_and_its_margin_are_told_as_they_were_typed(acacia: Tenant) -> None:
    rule = make_alarm_rule(
        tenant=acacia, metric="power_w", operator=">", threshold=500.5, hysteresis=50
    )
    browser = english_office(acacia)

    page = text_of(browser.get(reverse("admin:meters_alarmrule_change", args=[rule.public_id])))

    assert "rises above 500.5 W" in page
    assert "Margin to end: 50 W" in page
    assert condition_words(">", "power_w", 500.5) == "above 500.5\u00a0W"
