"""What happens to an alarm: it is raised, a person takes note of it, it ends."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from clients.kernel.live import publish
from clients.kernel.tenancy import current_actor, current_tenant_id
from meters.events import alarm_cleared, alarm_raised
from meters.models import AlarmEvent, AlarmRule, AlarmState, ClearReason
from meters.models.alarm_event import OPEN
from meters.selectors.alarm_machine import Cleared, Raised


def raise_event(
    rule: AlarmRule,
    meter_id: int,
    *,
    since: datetime,
    at: datetime,
    now: datetime,
    **fields: Any,
) -> AlarmEvent:
    """A new alarm, announced after the commit. The database allows one open per rule and meter."""
    event = AlarmEvent.objects.create(
        rule=rule,
        meter_id=meter_id,
        severity=rule.severity,
        kind=rule.kind,
        metric=rule.metric,
        operator=rule.operator,
        threshold=rule.threshold,
        since_at=since,
        raised_at=at,
        heard_at=now,
        **fields,
    )
    alarm_raised.announce(tenant_id=event.tenant_id, event_id=event.pk)
    _tell_pages(event, "meters.alarm_raised")
    return event


def note_past_event(
    rule: AlarmRule, meter_id: int, raised: Raised, cleared: Cleared, *, now: datetime
) -> AlarmEvent:
    """An alarm that was over before anybody knew: raised and ended at once."""
    event = raise_event(
        rule,
        meter_id,
        since=raised.since,
        at=raised.at,
        now=now,
        value=raised.value,
        extreme_value=cleared.extreme,
        state=AlarmState.CLEARED,
        cleared_at=cleared.at,
        clear_heard_at=now,
        clear_reason=cleared.reason,
        value_at_clear=cleared.value,
    )
    alarm_cleared.announce(tenant_id=event.tenant_id, event_id=event.pk)
    return event


def clear_event(
    event: AlarmEvent,
    reason: str,
    *,
    at: datetime,
    now: datetime,
    value: float | None = None,
    extreme: float | None = None,
) -> bool:
    """End an open alarm; False, and no change, when it has ended already."""
    ended = {
        "state": AlarmState.CLEARED,
        "cleared_at": max(at, event.since_at),
        "clear_heard_at": now,
        "clear_reason": reason,
        "value_at_clear": value,
    }
    if extreme is not None:
        ended["extreme_value"] = extreme
    if not AlarmEvent.objects.filter(pk=event.pk, state__in=OPEN).update(**ended):
        return False
    for name, new in ended.items():
        setattr(event, name, new)
    alarm_cleared.announce(tenant_id=current_tenant_id(), event_id=event.pk)
    _tell_pages(event, "meters.alarm_cleared")
    return True


def clear_of_rule(rule: AlarmRule, reason: ClearReason, *, now: datetime) -> None:
    """End all open alarms of a rule."""
    for event in AlarmEvent.objects.open().filter(rule=rule).select_related("rule", "meter"):
        clear_event(event, reason, at=now, now=now)


def acknowledge(event: AlarmEvent, *, note: str = "", now: datetime) -> AlarmEvent:
    """The member on whose behalf this runs takes care of it, also when it is over.

    Safe to call twice: who was first stays.
    """
    actor = current_actor()
    free = AlarmEvent.objects.filter(pk=event.pk, acknowledged_at=None)
    free.update(
        acknowledged_at=now, acknowledged_by=actor.user_id if actor else None, note=note[:500]
    )
    AlarmEvent.objects.filter(
        pk=event.pk, state=AlarmState.RAISED, acknowledged_at__isnull=False
    ).update(state=AlarmState.ACKNOWLEDGED)
    event.refresh_from_db()
    return event


def _tell_pages(event: AlarmEvent, fact: str) -> None:
    publish(
        event.tenant_id,
        fact,
        {
            "event": str(event.public_id),
            "rule": event.rule.name,
            "meter": event.meter.serial,
            "severity": event.severity,
        },
    )
