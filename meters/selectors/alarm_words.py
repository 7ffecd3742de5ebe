"""Alarm rules and alarms in plain sentences, for pages, answers and messages."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from clients.kernel import show, when
from meters.models import AlarmEvent, AlarmKind, AlarmRule, Operator, Scope
from meters.models.alarm_metrics import METRICS
from meters.selectors.places import name_of, zone_of

CONDITIONS: Final[dict[str, Any]] = {
    Operator.ABOVE: gettext_lazy("rises above %(limit)s"),
    Operator.AT_LEAST: gettext_lazy("reaches %(limit)s or more"),
    Operator.BELOW: gettext_lazy("falls below %(limit)s"),
    Operator.AT_MOST: gettext_lazy("reaches %(limit)s or less"),
    Operator.EQUAL: gettext_lazy("is exactly %(limit)s"),
    Operator.OTHER: gettext_lazy("is not %(limit)s"),
}
LIMITS: Final[dict[str, Any]] = {
    Operator.ABOVE: gettext_lazy("above %(limit)s"),
    Operator.AT_LEAST: gettext_lazy("%(limit)s or more"),
    Operator.BELOW: gettext_lazy("below %(limit)s"),
    Operator.AT_MOST: gettext_lazy("%(limit)s or less"),
    Operator.EQUAL: gettext_lazy("exactly %(limit)s"),
    Operator.OTHER: gettext_lazy("other than %(limit)s"),
}
MOST_PLACES: Final = 7


def amount(metric_name: str, value: float | None) -> str:
    """`195,3 V`; "" for no value. Zeros after the comma are left out."""
    if value is None:
        return ""
    metric = METRICS.get(metric_name)
    unit, places = (metric.unit, metric.places) if metric else ("", 2)
    while places < MOST_PLACES and round(value, places) != value and abs(value) < 1:
        places += 1
    if round(value, places) == int(value):
        places = 0
    return show.measure(value, unit, places) if unit else show.number(value, places)


def exact(metric_name: str, value: float | None) -> str:
    """`500,5 W`: what a person typed, with all its digits."""
    if value is None:
        return ""
    metric = METRICS.get(metric_name)
    places = next((n for n in range(MOST_PLACES) if round(value, n) == value), MOST_PLACES)
    unit = metric.unit if metric else ""
    return show.measure(value, unit, places) if unit else show.number(value, places)


def condition_words(operator: str, metric: str, threshold: float | None) -> str:
    """`below 198 V`."""
    if operator not in LIMITS:
        return ""
    return str(LIMITS[operator]) % {"limit": exact(metric, threshold)}


def sentence(rule: AlarmRule) -> str:
    """What the rule does, as one would say it: `Tell when the voltage L1 of … falls below …`."""
    place, time = scope_words(rule), time_words(rule.for_seconds)
    if rule.kind == AlarmKind.OFFLINE:
        if rule.for_seconds:
            text = _("Tell when %(place)s sends nothing for %(time)s")
        else:
            text = _("Tell when %(place)s misses three of its readings")
        return text % {"place": place, "time": time} + hours_words(rule)
    if rule.metric not in METRICS or rule.operator not in CONDITIONS:
        return ""
    what = str(METRICS[rule.metric].phrase)
    if rule.kind == AlarmKind.RATE:
        window = time_words(rule.window_seconds or 0)
        what = _("the change of %(what)s in %(time)s") % {"what": what, "time": window}
    said = {
        "what": what,
        "place": place,
        "does": str(CONDITIONS[rule.operator]) % {"limit": exact(rule.metric, rule.threshold)},
        "time": time,
    }
    if rule.for_seconds:
        text = _("Tell when %(what)s of %(place)s %(does)s for %(time)s")
    else:
        text = _("Tell when %(what)s of %(place)s %(does)s")
    return text % said + hours_words(rule)


def time_words(seconds: int) -> str:
    """`5 min`, `2 min 30 s`: a limit is told exactly."""
    rest = seconds % 60
    whole = when.duration(timedelta(seconds=seconds))
    return f"{whole} {show.measure(rest, 's')}" if rest and seconds > rest else whole


def scope_words(rule: AlarmRule) -> str:
    """Whom the rule is about: `any meter of Padaria`, `Entrada`."""
    if rule.scope == Scope.METER and rule.meter is not None:
        return name_of(rule.meter)
    if rule.scope == Scope.SITE and rule.site is not None:
        return _("any meter of %(name)s") % {"name": rule.site}
    if rule.scope == Scope.CLIENT and rule.client is not None:
        return _("any meter of %(name)s") % {"name": rule.client}
    return _("any meter")


def hours_words(rule: AlarmRule) -> str:
    """`, only Mon, Tue, 22:00 to 06:00`; "" for always."""
    parts = []
    if rule.weekdays:
        names = when.WEEKDAYS[show.language()].split()
        parts.append(", ".join(names[day] for day in rule.weekdays))
    if rule.daily_from is not None and rule.daily_until is not None:
        times = {"start": f"{rule.daily_from:%H:%M}", "end": f"{rule.daily_until:%H:%M}"}
        parts.append(_("%(start)s to %(end)s") % times)
    return _(", only %(hours)s") % {"hours": ", ".join(parts)} if parts else ""


def what_happened(event: AlarmEvent) -> str:
    """`voltage L1 at 195 V (limit: below 198 V)`; of silence, since when."""
    if event.kind == AlarmKind.OFFLINE:
        zone = zone_of(event.meter)
        return _("no data since %(time)s") % {"time": when.moment(event.since_at, zone)}
    label = str(METRICS[event.metric].label) if event.metric in METRICS else event.metric
    if event.kind == AlarmKind.RATE:
        label = _("change of %(what)s") % {"what": label}
    return _("%(what)s at %(value)s (limit: %(limit)s)") % {
        "what": label,
        "value": amount(event.metric, event.value),
        "limit": condition_words(event.operator, event.metric, event.threshold),
    }


def late_words(event: AlarmEvent) -> str:
    """`The data came 3 h late.`; "" when it did not."""
    if event.late_by is None:
        return ""
    return _("The data came %(time)s late.") % {"time": when.duration(event.late_by)}
