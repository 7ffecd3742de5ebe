from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client as Browser
from django.urls import reverse

from clients.kernel.tenancy import acting_for
from clients.models import Tenant
from clients.testing import sign_in
from meters.models import (
    Disregarded,
    ExceptionState,
    MeterException,
    Resolution,
    RuleCode,
    Severity,
    ValidationRule,
)
from meters.selectors.places import client_of
from meters.testing import keep_readings, make_meter, make_metering_point

START = datetime(2026, 3, 2, 3, tzinfo=UTC)
NOON = datetime(2026, 3, 20, 12, tzinfo=UTC)
QUARTER = timedelta(minutes=15)


def make_exception(tenant: Tenant, **fields: object) -> MeterException:
    return MeterException.objects.create(
        **{
            "tenant": tenant,
            "meter": make_meter(tenant=tenant, metering_point=make_metering_point(tenant=tenant)),
            "rule": RuleCode.STUCK_VALUE,
            "severity": Severity.FAIL,
            "starts_at": START,
            "ends_at": START + timedelta(hours=5),
            "values": {"power_w": 431.5, "readings": 20.0},
            "found_at": NOON,
            **fields,
        }
    )


def page(row: MeterException) -> str:
    return reverse("admin:meters_meterexception_change", args=[row.public_id])


def press(browser: Browser, row: MeterException, verb: str, **said: str) -> None:
    name = f"admin:meters_meterexception_{verb}"
    filled = {**said, "_form_submitted": "True"}
    link = reverse(name, args=[row.public_id])
    answer = browser.post(link, filled, headers={"HX-Request": "true"})
    assert answer.headers.get("HX-Redirect") == page(row), answer.content.decode()[:2000]


def test_the_inbox_shows_what_waits_and_counts_it(acacia: Tenant) -> None:
    browser = sign_in(acacia)
    with acting_for(acacia.pk):
        make_exception(acacia)
        make_exception(acacia, severity=Severity.INFO, rule=RuleCode.SPIKE)
        make_exception(
            acacia,
            rule=RuleCode.CLOCK,
            state=ExceptionState.RESOLVED,
            resolution=Resolution.ACCEPTED,
        )

    everything = browser.get(reverse("admin:meters_meterexception_changelist"))
    serious = browser.get(reverse("admin:meters_meterexception_changelist"), {"queue": "fail"})
    decided = browser.get(reverse("admin:meters_meterexception_changelist"), {"queue": "resolved"})

    counts = {card.query: card.count for card in everything.context["cards"]}
    assert list(counts.values()) == [2, 1, 0, 1, 0, 1]
    assert [row.rule for row in everything.context["cl"].result_list] == ["stuck_value", "spike"]
    assert [row.rule for row in serious.context["cl"].result_list] == ["stuck_value"]
    assert [row.rule for row in decided.context["cl"].result_list] == ["clock"]


def test_the_home_page_says_how_much_waits(acacia: Tenant) -> None:
    browser = sign_in(acacia)
    with acting_for(acacia.pk):
        make_exception(acacia)

    answer = browser.get(reverse("admin:index"))

    assert reverse("admin:meters_meterexception_changelist") in answer.content.decode()


@pytest.mark.commits
def test_a_stretch_is_drawn_with_what_lies_around_it(acacia: Tenant) -> None:
    with acting_for(acacia.pk):
        row = make_exception(acacia)
        rows = [
            {"measured_at": START + QUARTER * place, "power_w": 431.5} for place in range(-20, 40)
        ]
        keep_readings(row.meter, rows, now=NOON)
        browser = sign_in(acacia)

    answer = browser.get(page(row))
    tab = browser.get(reverse("admin:meters_meter_panel", args=[row.meter.public_id, "suspeitas"]))

    chart = answer.context["chart"]
    assert chart["unit"] == "W"
    assert set(chart["v"]) >= {431.5}
    (mark,) = (mark for mark in chart["marks"] if mark["kind"] == "suspect")
    assert mark["start"] <= START.timestamp() < mark["end"]
    assert page(row) in tab.content.decode()


def test_readings_are_kept_by_a_verb_with_the_persons_name(acacia: Tenant) -> None:
    browser = sign_in(acacia)
    with acting_for(acacia.pk):
        row = make_exception(acacia)

    press(browser, row, "accept", note="Bomba ligada o dia todo")

    with acting_for(acacia.pk):
        row.refresh_from_db()
        assert (row.state, row.resolution) == (ExceptionState.RESOLVED, Resolution.ACCEPTED)
        assert row.note == "Bomba ligada o dia todo"
        assert row.decided_by != ""


@pytest.mark.commits
def test_readings_are_left_out_and_count_again_when_it_is_taken_back(acacia: Tenant) -> None:
    with acting_for(acacia.pk):
        row = make_exception(acacia)
        rows = [{"measured_at": START + QUARTER * n, "power_w": 431.5} for n in range(40)]
        keep_readings(row.meter, rows, now=NOON)
        browser = sign_in(acacia)

    press(browser, row, "leave_out")
    with acting_for(acacia.pk):
        left_out = Disregarded.objects.filter(meter=row.meter, rule=RuleCode.STUCK_VALUE).count()
    press(browser, row, "reopen")

    assert left_out == 20
    with acting_for(acacia.pk):
        row.refresh_from_db()
        assert (row.state, row.resolution) == (ExceptionState.OPEN, "")
        assert not Disregarded.objects.exists()


def test_many_are_kept_at_once(acacia: Tenant) -> None:
    browser = sign_in(acacia)
    with acting_for(acacia.pk):
        rows = [make_exception(acacia) for _ in range(3)]

    browser.post(
        reverse("admin:meters_meterexception_changelist"),
        {"action": "accept_many", "_selected_action": [row.pk for row in rows[:2]]},
    )

    with acting_for(acacia.pk):
        states = {row.pk: row.resolution for row in MeterException.objects.all()}
        assert states == {
            rows[0].pk: Resolution.ACCEPTED,
            rows[1].pk: Resolution.ACCEPTED,
            rows[2].pk: "",
        }


def test_every_rule_has_its_line_and_its_page(acacia: Tenant) -> None:
    browser = sign_in(acacia)

    whole = browser.get(reverse("admin:meters_validationrule_changelist"))
    pages = [
        browser.get(reverse("admin:meters_validationrule_rule"), {"code": code}).status_code
        for code in RuleCode.values
    ]
    unknown = browser.get(reverse("admin:meters_validationrule_rule"), {"code": "nonsense"})

    assert len(whole.context["rules"]) == len(RuleCode)
    assert set(pages) == {200}
    assert unknown.status_code == 404


@pytest.mark.commits
def test_a_rule_is_tried_before_it_is_kept(acacia: Tenant) -> None:
    now = datetime.now(tz=UTC).replace(minute=0, second=0, microsecond=0)
    with acting_for(acacia.pk):
        meter = make_meter(tenant=acacia, metering_point=make_metering_point(tenant=acacia))
        rows = [
            {"measured_at": now - timedelta(days=3) + QUARTER * n, "power_w": 431.5}
            for n in range(9)
        ]
        keep_readings(meter, rows, now=now)
        browser = sign_in(acacia)
    link = reverse("admin:meters_validationrule_rule") + "?code=stuck_value&kind=energy"
    said = {"severity": "warn", "is_enabled": "on", "at_least_hours": "1,5", "at_least_readings": 6}

    tried = browser.post(link, {**said, "do": "preview"}, headers={"Accept-Language": "pt-br"})
    with acting_for(acacia.pk):
        kept_by_trying = ValidationRule.objects.count() + MeterException.objects.count()
    browser.post(link, {**said, "do": "save"}, headers={"Accept-Language": "pt-br"})

    assert tried.context["preview"].count == 1
    with acting_for(acacia.pk):
        owner = str(client_of(meter))
    assert f"{owner} · {meter.serial}" in tried.content.decode()
    assert kept_by_trying == 0
    with acting_for(acacia.pk):
        (row,) = ValidationRule.objects.all()
        assert (row.code, row.kind, row.severity) == ("stuck_value", "energy", "warn")
        assert row.parameters == {"at_least_hours": 1.5, "at_least_readings": 6}


def test_a_viewer_reads_a_rule_and_neither_tries_nor_keeps_another(acacia: Tenant) -> None:
    browser = sign_in(acacia, role="viewer")
    link = reverse("admin:meters_validationrule_rule") + "?code=spike"
    said = {"severity": "warn", "is_enabled": "on", "percent_of_peak": 40, "times_step": 5}

    answers = [browser.post(link, {**said, "do": do}) for do in ("preview", "save")]

    assert [answer.status_code for answer in answers] == [403, 403]
    assert b'value="preview"' not in browser.get(link).content
    with acting_for(acacia.pk):
        assert not ValidationRule.objects.exists()
