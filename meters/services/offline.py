"""Alarms about silence: asked on a timer by when data last came, since silence rings no bell."""

# ruff: noqa: E501 - SQL reads better unbroken

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Final

from django.db import connection

from clients.kernel.tenancy import acting_for, current_tenant_id
from meters.models import AlarmEvent, AlarmKind, AlarmProgress, AlarmRule, ClearReason
from meters.selectors.alarm_samples import Place, hours_of, places_of, reached, reaches, silence_of
from meters.services.alarm_events import clear_event, raise_event
from meters.services.alarms import held_rules

TENANTS_AT_ONCE: Final = 1_000
_LOCK: Final = "SELECT pg_try_advisory_xact_lock(hashtext('meters.offline'), hashint8(%s))"
# The newest instant has the newest arrival, but for what an outage left behind: `heard_at` knows that.
_LAST: Final = """
    SELECT m.id, r.received_at FROM unnest(%(meters)s::bigint[]) AS m (id)
    CROSS JOIN LATERAL (
        SELECT received_at FROM meters_reading r
        WHERE r.tenant_id = %(tenant)s AND r.meter_id = m.id ORDER BY r.measured_at DESC LIMIT 1
    ) r
"""


def tenants_to_watch() -> list[int]:
    """Tenants with a rule about silence, or with an open alarm that may have lost its meter."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT meters_alarm_tenants(%s)", [TENANTS_AT_ONCE])
        return [row[0] for row in cursor.fetchall()]


def watch_silence(tenant_id: int, *, now: datetime) -> int:
    """Raise and end alarms about silence, and end those that apply to their meter no more.

    The number of alarms that changed. Safe to call twice and at once: one call works, others leave.
    """
    with acting_for(tenant_id):
        with connection.cursor() as cursor:
            cursor.execute(_LOCK, [tenant_id])
            if not cursor.fetchone()[0]:
                return 0
        rules = held_rules()
        places = places_of()
        events = list(AlarmEvent.objects.open().select_related("rule", "meter"))
        changed = sum(_left(event, places, now) for event in events)
        silent = [rule for rule in rules if rule.kind == AlarmKind.OFFLINE]
        return changed + (_judge(silent, places, events, now) if silent else 0)


def _left(event: AlarmEvent, places: dict[int, Place], now: datetime) -> bool:
    place = places.get(event.meter_id)
    if place is not None and reaches(event.rule, place):
        return False
    return clear_event(event, ClearReason.OUT_OF_SCOPE, at=now, now=now)


def _judge(
    rules: list[AlarmRule], places: dict[int, Place], events: list[AlarmEvent], now: datetime
) -> int:
    watched = {place.meter_id: reached(rules, place) for place in places.values()}
    last = _last_heard([meter_id for meter_id, its in watched.items() if its])
    progress = AlarmProgress.objects.filter(rule__in=rules, heard_at__isnull=False)
    later = {(row.rule_id, row.meter_id): row.heard_at for row in progress}
    opened = {(event.rule_id, event.meter_id): event for event in events if not event.cleared_at}
    changed = 0
    for meter_id, its in watched.items():
        if meter_id not in last:
            continue  # it never spoke, so it has not fallen silent
        for rule in its:
            key = (rule.pk, meter_id)
            heard = max(filter(None, [last[meter_id], later.get(key)]))
            changed += _decide(rule, places[meter_id], heard, opened.get(key), now)
    return changed


def _decide(
    rule: AlarmRule, place: Place, heard: datetime, event: AlarmEvent | None, now: datetime
) -> bool:
    """Whether something changed."""
    silent_after = silence_of(rule, place)
    if now - heard < silent_after:
        if event is None or heard <= event.since_at:
            return False
        silence = (heard - event.since_at).total_seconds()
        return clear_event(event, ClearReason.DATA, at=heard, now=now, value=silence)
    hours = hours_of(rule, place.zone)
    if event is not None or (hours is not None and not hours.cover(now)):
        return False
    at = max(heard + silent_after, rule.active_since)
    raise_event(rule, place.meter_id, since=heard, at=min(at, now), now=now)
    return True


def _last_heard(meter_ids: Collection[int]) -> dict[int, datetime]:
    with connection.cursor() as cursor:
        cursor.execute(_LAST, {"tenant": current_tenant_id(), "meters": list(meter_ids)})
        return dict(cursor.fetchall())
