"""Telling the team of alarms: one message for each turn of an alarm and each person, never more.

The row `AlarmNotice` is written with the messages, and the database allows one for each turn: so a
ring that comes twice, or late by the sweep, tells once. A rule tells at most `MOST_AN_HOUR` alarms
in a clock hour; what comes after is held back and told in one summary when the hour is over.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from django.db import connection
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from clients.kernel import when
from clients.kernel.tenancy import acting_for, current_tenant_id
from clients.models import Membership, Role, Tenant
from messaging.services.kinds import DefaultText, MessageKind, register_kind
from messaging.services.outbox import Draft, queue_messages
from meters.models import AlarmEvent, AlarmRule, Audience, ClearReason
from meters.models.alarm_metrics import METRICS
from meters.selectors import alarm_words
from meters.selectors.places import client_of, name_of, zone_of
from monitoring.models import AlarmNotice, NoticeOutcome, Transition

MOST_AN_HOUR: Final = 10
HOUR: Final = timedelta(hours=1)
STALE: Final = timedelta(days=1)  # who was not told within a day is not told
TENANTS_AT_ONCE: Final = 1_000
ROLES: Final[dict[str, tuple[str, ...]]] = {
    Audience.NOBODY: (),
    Audience.OWNERS: (Role.OWNER,),
    Audience.MANAGERS: (Role.OWNER, Role.MANAGER),
    Audience.OPERATORS: (Role.OWNER, Role.MANAGER, Role.OPERATOR),
}
DONE_BY_A_PERSON: Final = (ClearReason.RULE_CHANGED, ClearReason.RULE_DISABLED)
EXAMPLES: Final = {
    "rule": "Tensão baixa",
    "severity": "Aviso",
    "client": "Padaria Trigo Bom",
    "meter": "Quadro geral",
    "metric": "tensão L1",
    "value": "195 V",
    "operator": "<",
    "threshold": "198 V",
    "what": "tensão L1 em 195 V (limite: abaixo de 198 V)",
    "when": "25 nov, 14:05",
    "late": "Os dados chegaram 3 h depois.",
}
RAISED: Final = register_kind(
    MessageKind(
        key="alarm_raised",
        label=gettext_lazy("Alarm"),
        variables=EXAMPLES,
        texts={
            "pt-br": DefaultText(
                subject="{severity}: {meter} ({client}), {rule}",
                body="{rule}. {meter}, {client}: {what}. Hora: {when}. {late}",
            ),
            "en": DefaultText(
                subject="{severity}: {meter} ({client}), {rule}",
                body="{rule}. {meter}, {client}: {what}. Time: {when}. {late}",
            ),
        },
    )
)
CLEARED: Final = register_kind(
    MessageKind(
        key="alarm_cleared",
        label=gettext_lazy("End of an alarm"),
        variables={**EXAMPLES, "reason": "O valor voltou ao normal", "duration": "12 min"},
        texts={
            "pt-br": DefaultText(
                subject="Terminou: {meter} ({client}), {rule}",
                body=(
                    "{rule}. {meter}, {client}: terminou. Hora: {when}. {reason}. "
                    "Durou {duration}. {late}"
                ),
            ),
            "en": DefaultText(
                subject="Over: {meter} ({client}), {rule}",
                body=(
                    "{rule}. {meter}, {client}: it is over. Time: {when}. {reason}. "
                    "It lasted {duration}. {late}"
                ),
            ),
        },
    )
)
SUMMARY: Final = register_kind(
    MessageKind(
        key="alarm_summary",
        label=gettext_lazy("Alarms of an hour"),
        variables={"rule": "Tensão baixa", "count": "37", "meters": "12", "when": "14:00 às 15:00"},
        texts={
            "pt-br": DefaultText(
                subject="{rule}: mais {count} alarmes em uma hora",
                body=(
                    "{rule} tocou mais {count} vezes, em {meters} medidores. Hora: {when}. "
                    "Para não encher sua caixa, juntamos tudo nesta mensagem. "
                    "Veja a lista em Alarmes."
                ),
            ),
            "en": DefaultText(
                subject="{rule}: {count} more alarms in an hour",
                body=(
                    "{rule} rang {count} more times, on {meters} meters. Time: {when}. "
                    "To keep your inbox usable, this is one message for all of them. "
                    "See the list under Alarms."
                ),
            ),
        },
    )
)


def tell_team(tenant_id: int, event_id: int, *, now: datetime) -> None:
    """Queue the messages about the turns of this alarm that nobody decided about yet.

    Safe to call twice and at once: each turn is decided once.
    """
    with acting_for(tenant_id):
        event = AlarmEvent.objects.select_related("rule", "meter").get(pk=event_id)
        _one_at_a_time(event.rule)
        decided = AlarmNotice.objects.filter(event=event)
        outcomes = dict(decided.values_list("transition", "outcome"))
        if Transition.RAISED not in outcomes:
            outcomes[Transition.RAISED] = _decide_raise(event, now)
            if outcomes[Transition.RAISED] == NoticeOutcome.TOLD and event.cleared_at:
                _note(event, Transition.CLEARED, NoticeOutcome.NEEDLESS, now)
                return
        if event.cleared_at and Transition.CLEARED not in outcomes:
            _decide_clear(event, outcomes[Transition.RAISED], now)


def tell_all(tenant_id: int, *, now: datetime) -> int:
    """What rings were lost for, and the summaries of hours that are over; how many were found."""
    with acting_for(tenant_id):
        untold = [row.pk for row in _untold(now - STALE)]
    for event_id in untold:
        tell_team(tenant_id, event_id, now=now)
    return len(untold) + _sum_up(tenant_id, now)


def tenants_to_tell(now: datetime) -> list[int]:
    """Tenants with an alarm that the team was not told of, or with a summary that is due."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT tenants_with_untold_alarms(%s, %s, %s)",
            [now - STALE, _hour(now), TENANTS_AT_ONCE],
        )
        return [row[0] for row in cursor.fetchall()]


def _untold(since: datetime) -> Iterable[AlarmEvent]:
    return AlarmEvent.objects.raw(
        "SELECT e.id FROM meters_alarmevent e WHERE e.tenant_id = %s AND ("
        "(e.heard_at >= %s AND NOT EXISTS (SELECT FROM monitoring_alarmnotice n "
        "WHERE n.event_id = e.id AND n.transition = 'raised')) OR "
        "(e.clear_heard_at >= %s AND NOT EXISTS (SELECT FROM monitoring_alarmnotice n "
        "WHERE n.event_id = e.id AND n.transition = 'cleared'))) ORDER BY e.id",
        [current_tenant_id(), since, since],
    )


def _one_at_a_time(rule: AlarmRule) -> None:
    """Two who tell of one rule must see each other's count."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(hashtext('monitoring.alarms'), hashint8(%s))", [rule.pk]
        )


def _decide_raise(event: AlarmEvent, now: datetime) -> NoticeOutcome:
    people = _people(event.rule)
    told = AlarmNotice.objects.filter(
        rule=event.rule,
        hour_at=_hour(now),
        transition=Transition.RAISED,
        outcome=NoticeOutcome.TOLD,
    )
    if not people:
        outcome = NoticeOutcome.NOBODY
    elif told.count() >= MOST_AN_HOUR:
        outcome = NoticeOutcome.HELD
    else:
        outcome = NoticeOutcome.TOLD
        _queue(event, RAISED, Transition.RAISED, people, now)
    _note(event, Transition.RAISED, outcome, now)
    return outcome


def _decide_clear(event: AlarmEvent, raised: str, now: datetime) -> None:
    """The end is told to those who were told of the beginning, unless a person made it end."""
    outcome = NoticeOutcome.NEEDLESS
    people = _people(event.rule)
    if raised == NoticeOutcome.TOLD and event.clear_reason not in DONE_BY_A_PERSON and people:
        outcome = NoticeOutcome.TOLD
        _queue(event, CLEARED, Transition.CLEARED, people, now)
    _note(event, Transition.CLEARED, outcome, now)


def _note(event: AlarmEvent, transition: Transition, outcome: NoticeOutcome, now: datetime) -> None:
    AlarmNotice.objects.create(
        event=event,
        rule=event.rule,
        transition=transition,
        outcome=outcome,
        hour_at=_hour(now),
        decided_at=now,
    )


def _people(rule: AlarmRule) -> list[Membership]:
    members = Membership.objects.filter(
        role__in=ROLES[rule.tells], is_active=True, user__is_active=True
    )
    return list(members.select_related("user").order_by("pk"))


def _queue(
    event: AlarmEvent,
    kind: MessageKind,
    transition: Transition,
    people: list[Membership],
    now: datetime,
) -> None:
    locale = Tenant.objects.get(pk=event.tenant_id).locale
    drafts = []
    for member in people:
        with translation.override(member.user.language or locale):
            words = _raised_words(event) if transition == Transition.RAISED else _end_words(event)
        key = f"{kind.key}:{event.public_id}:{member.public_id}"
        drafts.append(Draft(member, kind.key, words, key, valid_until=now + STALE))
    queue_messages(drafts)


def _raised_words(event: AlarmEvent) -> dict[str, str]:
    metric = METRICS.get(event.metric)
    zone = zone_of(event.meter)
    late = [alarm_words.late_words(event)]
    if event.cleared_at is not None:
        late.append(_("It was over at %(time)s.") % {"time": when.moment(event.cleared_at, zone)})
    return {
        "rule": event.rule.name,
        "severity": str(event.get_severity_display()),
        "client": str(client_of(event.meter) or "—"),
        "meter": name_of(event.meter),
        "metric": str(metric.label) if metric else "",
        "value": alarm_words.amount(event.metric, event.value),
        "operator": event.operator,
        "threshold": alarm_words.amount(event.metric, event.threshold),
        "what": alarm_words.what_happened(event),
        "when": when.moment(event.raised_at, zone),
        "late": " ".join(filter(None, late)),
    }


def _end_words(event: AlarmEvent) -> dict[str, str]:
    assert event.cleared_at is not None  # noqa: S101 - asked of ended ones only
    zone = zone_of(event.meter)
    return {
        **_raised_words(event),
        "value": alarm_words.amount(event.metric, event.value_at_clear),
        "when": when.moment(event.cleared_at, zone),
        "late": alarm_words.late_words(event),
        "reason": str(event.get_clear_reason_display()),
        "duration": when.duration(event.cleared_at - event.since_at),
    }


def _sum_up(tenant_id: int, now: datetime) -> int:
    """One summary for each rule and hour in which alarms were held back."""
    with acting_for(tenant_id):
        held = AlarmNotice.objects.filter(outcome=NoticeOutcome.HELD, hour_at__lt=_hour(now))
        hours = sorted(set(held.values_list("rule_id", "hour_at")))
        for rule_id, hour in hours:
            rule = AlarmRule.objects.get(pk=rule_id)
            _one_at_a_time(rule)
            rows = held.filter(rule=rule, hour_at=hour)
            meters = set(rows.values_list("event__meter_id", flat=True))
            count = rows.update(outcome=NoticeOutcome.SUMMED)
            if count:
                _queue_summary(rule, hour, count, len(meters), now)
        return len(hours)


def _queue_summary(rule: AlarmRule, hour: datetime, count: int, meters: int, now: datetime) -> None:
    tenant = Tenant.objects.get(pk=rule.tenant_id)
    drafts = []
    for member in _people(rule):
        with translation.override(member.user.language or tenant.locale):
            span = when.span(hour, hour + HOUR, tenant.zone)
        words = {"rule": rule.name, "count": str(count), "meters": str(meters), "when": span}
        key = f"{SUMMARY.key}:{rule.public_id}:{hour:%Y%m%d%H}:{member.public_id}"
        drafts.append(Draft(member, SUMMARY.key, words, key, valid_until=now + STALE))
    if drafts:
        queue_messages(drafts)


def _hour(at: datetime) -> datetime:
    return at.replace(minute=0, second=0, microsecond=0)
