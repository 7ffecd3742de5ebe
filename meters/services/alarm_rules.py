"""Alarm rules begin anew when what they ask for changes: nobody is told of yesterday's limits."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from django.db import transaction

from meters.models import AlarmProgress, AlarmRule, ClearReason
from meters.services.alarm_events import clear_of_rule

# With another of these it is another question; name, severity and audience are not part of it.
ASKED: Final = (
    "kind",
    "metric",
    "operator",
    "threshold",
    "for_seconds",
    "window_seconds",
    "hysteresis",
    "weekdays",
    "daily_from",
    "daily_until",
    "scope",
    "client_id",
    "site_id",
    "meter_id",
    "is_enabled",
)


def save_rule(rule: AlarmRule, *, now: datetime) -> AlarmRule:
    """Keep a checked rule. When its question changed, its open alarms end and it starts over."""
    with transaction.atomic():
        before = AlarmRule.objects.select_for_update().filter(pk=rule.pk).first()
        is_other = before is None or any(
            getattr(before, name) != getattr(rule, name) for name in ASKED
        )
        if is_other:
            rule.active_since = now
        rule.save()
        if before is not None and is_other:
            off = before.is_enabled and not rule.is_enabled
            reason = ClearReason.RULE_DISABLED if off else ClearReason.RULE_CHANGED
            clear_of_rule(rule, reason, now=now)
            AlarmProgress.objects.filter(rule=rule).delete()
    return rule


def switch_rule(rule: AlarmRule, *, on: bool, now: datetime) -> AlarmRule:
    """Switch a rule on or off. Safe to call twice."""
    rule.is_enabled = on
    return save_rule(rule, now=now)
