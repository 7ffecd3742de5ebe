"""The team hears of each turn of an alarm once, and not of a hundred of them in an hour."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from clients.kernel.tenancy import acting_for
from clients.models import Membership, Tenant
from clients.testing import make_client, make_member
from messaging.models import Message
from messaging.services.delivery import deliver_due
from messaging.testing import make_channel_account
from meters.events import alarm_cleared, alarm_raised
from meters.models import AlarmEvent, AlarmRule, Meter
from meters.services.alarm_events import clear_event, raise_event
from meters.testing import make_alarm_rule, make_meter, make_metering_point, make_site
from monitoring.models import AlarmNotice
from monitoring.services.alarm_notices import MOST_AN_HOUR, tell_all, tell_team, tenants_to_tell
from monitoring.tasks import tell_of_alarm

NOON = datetime(2026, 3, 10, 15, tzinfo=UTC)  # in São Paulo
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


def place(tenant: Tenant) -> Meter:
    client = make_client(tenant=tenant, name="Padaria Trigo Bom")
    site = make_site(tenant=tenant, client=client)
    point = make_metering_point(tenant=tenant, site=site, name="Quadro geral")
    return make_meter(tenant=tenant, metering_point=point)


def ring(rule: AlarmRule, meter: Meter, *, heard: datetime = NOON, **fields: Any) -> AlarmEvent:
    return raise_event(
        rule,
        meter.pk,
        since=NOON - 5 * MINUTE,
        at=NOON,
        now=heard,
        **{"value": 195.3, "extreme_value": 190.0, **fields},
    )


def letters() -> list[tuple[str, str, str]]:
    return [
        (message.kind, message.recipient_name, message.body)
        for message in Message.objects.select_related("client", "member__user").order_by("pk")
    ]


def outcomes() -> list[tuple[str, str]]:
    return list(AlarmNotice.objects.order_by("pk").values_list("transition", "outcome"))


def test_each_turn_is_told_once_to_those_whom_the_rule_tells(acacia: Tenant) -> None:
    make_channel_account(tenant=acacia)
    for role, name in (("owner", "Ana"), ("manager", "Rui"), ("operator", "Zé")):
        make_member(tenant=acacia, role=role, name=name)
    event = ring(make_alarm_rule(tenant=acacia), place(acacia))

    tell_team(acacia.pk, event.pk, now=NOON)
    tell_team(acacia.pk, event.pk, now=NOON + MINUTE)

    body = (
        "Tensão baixa. Quadro geral, Padaria Trigo Bom: tensão L1 em 195,3 V "
        "(limite: abaixo de 198 V). Hora: 10 mar, 12:00. "
    )
    assert [(kind, name) for kind, name, _ in letters()] == [
        ("alarm_raised", "Ana"),
        ("alarm_raised", "Rui"),
    ]
    assert letters()[0][2].replace("\u00a0", " ") == body
    clear_event(event, "value", at=NOON + 7 * MINUTE, now=NOON + 7 * MINUTE, value=220.0)
    tell_team(acacia.pk, event.pk, now=NOON + 7 * MINUTE)
    tell_team(acacia.pk, event.pk, now=NOON + 8 * MINUTE)

    assert [kind for kind, _, _ in letters()] == ["alarm_raised"] * 2 + ["alarm_cleared"] * 2
    assert letters()[2][2].replace("\u00a0", " ") == (
        "Tensão baixa. Quadro geral, Padaria Trigo Bom: terminou. Hora: 10 mar, 12:07. "
        "O valor voltou ao normal. Durou 12 min. "
    )
    assert outcomes() == [("raised", "told"), ("cleared", "told")]


def test_a_late_alarm_that_is_over_is_one_message_that_says_both(acacia: Tenant) -> None:
    make_channel_account(tenant=acacia)
    make_member(tenant=acacia, language="en")
    heard = NOON + 3 * HOUR
    event = ring(make_alarm_rule(tenant=acacia), place(acacia), heard=heard)
    clear_event(event, "value", at=NOON + MINUTE, now=heard, value=220.0)

    tell_team(acacia.pk, event.pk, now=heard)

    assert len(letters()) == 1
    text = letters()[0][2].replace("\u00a0", " ")
    assert text.endswith("The data came 3 h late. It was over at 10 Mar, 12:01.")
    assert outcomes() == [("raised", "told"), ("cleared", "needless")]


@pytest.mark.parametrize(
    ("tells", "names"),
    [("nobody", []), ("owners", ["Ana"]), ("operators", ["Ana", "Rui", "Zé"])],
)
def test_the_rule_says_who_is_told(acacia: Tenant, tells: str, names: list[str]) -> None:
    make_channel_account(tenant=acacia)
    for role, name in (("owner", "Ana"), ("manager", "Rui"), ("operator", "Zé"), ("viewer", "Li")):
        make_member(tenant=acacia, role=role, name=name)
    gone = make_member(tenant=acacia, role="owner", name="Ex")
    Membership.objects.filter(user=gone).update(is_active=False)
    event = ring(make_alarm_rule(tenant=acacia, tells=tells), place(acacia))

    tell_team(acacia.pk, event.pk, now=NOON)

    assert [name for _, name, _ in letters()] == names
    assert outcomes() == [("raised", "told" if names else "nobody")]


def test_a_change_by_a_person_is_no_news(acacia: Tenant) -> None:
    make_channel_account(tenant=acacia)
    make_member(tenant=acacia)
    event = ring(make_alarm_rule(tenant=acacia), place(acacia))
    tell_team(acacia.pk, event.pk, now=NOON)

    clear_event(event, "rule_disabled", at=NOON + MINUTE, now=NOON + MINUTE)
    tell_team(acacia.pk, event.pk, now=NOON + MINUTE)

    assert [kind for kind, _, _ in letters()] == ["alarm_raised"]
    assert outcomes() == [("raised", "told"), ("cleared", "needless")]


def test_a_flood_is_held_back_and_summed_up_when_the_hour_is_over(acacia: Tenant) -> None:
    make_channel_account(tenant=acacia)
    make_member(tenant=acacia)
    rule, other = make_alarm_rule(tenant=acacia), make_alarm_rule(tenant=acacia, name="Outra")
    alarms = [ring(rule, place(acacia)) for _ in range(MOST_AN_HOUR + 3)]

    for event in alarms:
        tell_team(acacia.pk, event.pk, now=NOON + 2 * MINUTE)
    tell_team(acacia.pk, ring(other, place(acacia)).pk, now=NOON + 3 * MINUTE)
    tell_all(acacia.pk, now=NOON + 59 * MINUTE)
    assert len(letters()) == MOST_AN_HOUR + 1

    assert tenants_to_tell(NOON + HOUR) == [acacia.pk]
    tell_all(acacia.pk, now=NOON + HOUR)
    tell_all(acacia.pk, now=NOON + HOUR + MINUTE)

    assert [kind for kind, _, _ in letters()][-1] == "alarm_summary"
    assert len(letters()) == MOST_AN_HOUR + 2
    assert "tocou mais 3 vezes, em 3 medidores. Hora: 12:00 às 13:00." in letters()[-1][2]
    assert tenants_to_tell(NOON + HOUR + 2 * MINUTE) == []


def test_a_lost_ring_is_found_by_the_sweep(acacia: Tenant, baobab: Tenant) -> None:
    make_channel_account(tenant=acacia)
    make_member(tenant=acacia)
    event = ring(make_alarm_rule(tenant=acacia), place(acacia))

    assert tenants_to_tell(NOON) == [acacia.pk]
    assert tell_all(acacia.pk, now=NOON) == 1
    assert tell_all(acacia.pk, now=NOON) == 0
    clear_event(event, "value", at=NOON, now=NOON + MINUTE)
    assert tenants_to_tell(NOON + MINUTE) == [acacia.pk]
    assert tell_all(acacia.pk, now=NOON + MINUTE) == 1

    assert [kind for kind, _, _ in letters()] == ["alarm_raised", "alarm_cleared"]
    assert tenants_to_tell(NOON + MINUTE) == []


def test_alarms_ring_for_monitoring() -> None:
    assert tell_of_alarm in alarm_raised.subscribers
    assert tell_of_alarm in alarm_cleared.subscribers


@pytest.mark.commits
def test_the_letter_leaves_by_the_tenants_own_account(acacia: Tenant) -> None:
    with acting_for(acacia.pk):
        make_channel_account(tenant=acacia)
        user = make_member(tenant=acacia)
        event = ring(make_alarm_rule(tenant=acacia), place(acacia))
    tell_team(acacia.pk, event.pk, now=datetime.now(tz=UTC))

    deliver_due(5)

    with acting_for(acacia.pk):
        message = Message.objects.get()
        assert (message.status, message.address) == ("sent", user.email)
