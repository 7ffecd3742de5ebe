"""Alarms: the list, the page of one with the values around it, and where else they show."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from django import forms
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RelatedDropdownFilter
from unfold.decorators import display
from unfold.enums import ActionVariant
from unfold.views import ChangeList
from unfold.widgets import UnfoldAdminTextInputWidget

from clients.kernel import when
from clients.kernel.admin import office_page
from clients.kernel.charts import Columns, Mark
from clients.kernel.chips import chip, look
from clients.kernel.detail import DetailAdmin
from clients.kernel.forms import BaseDialog
from clients.kernel.listing import Card, state_cards
from clients.kernel.panels import Figure, panel
from clients.kernel.verbs import verb
from clients.kernel.work import Verb, WorkItem, work
from meters.admin.alarm_rule import event_rows
from meters.models import AlarmEvent, AlarmKind, AlarmRule, AlarmSeverity, AlarmState, Meter
from meters.models.alarm_metrics import METRICS
from meters.selectors import alarm_words
from meters.selectors.alarm_samples import QUARTER, Span, lookback, read, series_of
from meters.selectors.places import client_of, name_of, with_serving, zone_of
from meters.services.alarm_events import acknowledge

look("raised", "bad", "notifications_active")
look("acknowledged", "warn", "visibility")
look("cleared", "good", "check_circle")
AROUND = timedelta(hours=1)
LONGEST_CHART = timedelta(days=2)
SHOWN = 20
NAMED = 2


class AcknowledgeDialog(BaseDialog):
    note = forms.CharField(
        label=gettext_lazy("Note"),
        required=False,
        max_length=500,
        widget=UnfoldAdminTextInputWidget,
        help_text=gettext_lazy("What you found or do. The team sees it."),
    )


@office_page(AlarmEvent)
class AlarmEventAdmin(DetailAdmin):
    list_display = ("subject", "what", "raised", "situation", "grave", "lasted")
    list_select_related = ("rule", "meter")
    list_filter = [
        ("state", ChoicesDropdownFilter),
        ("severity", ChoicesDropdownFilter),
        ("rule", RelatedDropdownFilter),
    ]
    search_fields = ("rule__name", "meter__serial", "meter__installations__metering_point__name")
    search_help_text = gettext_lazy("Rule, meter or place")
    date_hierarchy = "raised_at"
    actions_detail = ("acknowledge",)
    list_before_template = "meters/alarm_cards.html"
    head_template = "meters/alarm_head.html"
    overview_template = "meters/alarm_overview.html"
    overview_slug = "alarme"
    overview_title = gettext_lazy("Alarm")
    has_form = False
    has_timeline = False
    page_module = "meters/alarm.js"
    empty_icon = "notifications"
    empty_title = gettext_lazy("Nothing has rung")
    empty_text = gettext_lazy("Alarms of your rules will be here, with the values around them.")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False  # it is a record; a verb acknowledges it

    def get_queryset(self, request: HttpRequest) -> QuerySet[AlarmEvent]:
        events: QuerySet[AlarmEvent] = super().get_queryset(request)
        events = events.select_related("rule", "meter", "acknowledged_by")
        return events.prefetch_related(with_serving())

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        event = self.get_object(request, str(object_id))
        shown = super().get_actions_detail(request, object_id)
        return [] if event is None or event.acknowledged_at else shown

    def list_cards(self, request: HttpRequest, cl: ChangeList) -> list[Card]:
        whole = cl.get_queryset(request, exclude_parameters=["state__exact"])
        rows = AlarmEvent.objects.filter(pk__in=whole.order_by().values("pk")).order_by()
        counts = {row["state"]: row["n"] for row in rows.values("state").annotate(n=Count("pk"))}
        return state_cards(cl, "state__exact", [("", _("All")), *AlarmState.choices], counts)

    def page_context(self, request: HttpRequest, subject: Any) -> dict[str, Any]:
        zone = zone_of(subject.meter)
        return {
            "title": name_of(subject.meter),
            "client": client_of(subject.meter),
            "what": alarm_words.what_happened(subject),
            "late": alarm_words.late_words(subject),
            "raised": when.moment(subject.raised_at, zone),
            "figures": own_figures(subject, zone),
            "chart": chart_of(subject, timezone.now()),
        }

    @display(description=gettext_lazy("Meter"), header=True, ordering="meter__serial")
    def subject(self, event: AlarmEvent) -> list[str]:
        client = client_of(event.meter)
        second = " · ".join(filter(None, [str(client) if client else "", event.rule.name]))
        return [name_of(event.meter), second]

    @display(description=gettext_lazy("What"))
    def what(self, event: AlarmEvent) -> str:
        return alarm_words.what_happened(event)

    @display(description=gettext_lazy("When"), ordering="raised_at")
    def raised(self, event: AlarmEvent) -> str:
        text = when.ago(event.raised_at)
        if event.late_by is None:
            return text
        late = alarm_words.late_words(event)
        return format_html('{} <span class="p-faint" title="{}">{}</span>', text, late, _("late"))

    @display(description=gettext_lazy("Situation"), ordering="state")
    def situation(self, event: AlarmEvent) -> str:
        return chip(event.state, event.get_state_display())

    @display(description=gettext_lazy("Severity"), ordering="severity")
    def grave(self, event: AlarmEvent) -> str:
        return chip(event.severity, event.get_severity_display(), quiet=True)

    @display(description=gettext_lazy("Lasted"))
    def lasted(self, event: AlarmEvent) -> str:
        return when.duration(event.lasted(timezone.now()))

    @verb(
        gettext_lazy("Acknowledge"),
        icon="visibility",
        title=gettext_lazy("Acknowledge this alarm"),
        text=gettext_lazy("The team sees that you take care of it. It ends by itself."),
        submit=gettext_lazy("Acknowledge"),
        form=AcknowledgeDialog,
        variant=ActionVariant.PRIMARY,
    )
    def acknowledge(self, request: HttpRequest, form: Any, event: AlarmEvent) -> str:
        acknowledge(event, note=form.cleaned_data["note"], now=timezone.now())
        return _("You take care of it.")


def own_figures(event: AlarmEvent, zone: Any) -> list[Figure]:
    """When it began and ended, and the values that say why."""
    now = timezone.now()
    began = when.moment(event.since_at, zone)
    end = when.moment(event.cleared_at, zone) if event.cleared_at else ""
    lasted = Figure(
        _("Lasted"), when.duration(event.lasted(now)), _("since %(at)s") % {"at": began}
    )
    found = [lasted]
    if event.kind != AlarmKind.OFFLINE:
        limit = alarm_words.condition_words(event.operator, event.metric, event.threshold)
        value = alarm_words.amount(event.metric, event.value)
        found.append(Figure(_("When raised"), value, _("limit: %(limit)s") % {"limit": limit}))
        worst = alarm_words.amount(event.metric, event.extreme_value)
        found.append(Figure(_("Worst"), worst or "—"))
    reason = str(event.get_clear_reason_display()) if event.clear_reason else ""
    found.append(Figure(pgettext("alarm", "Ended"), end or _("not yet"), reason))
    return found


def chart_of(event: AlarmEvent, now: datetime) -> dict[str, Any] | None:
    """The values from an hour before to an hour after, with the limit; None of silence."""
    metric = METRICS.get(event.metric)
    if metric is None:
        return None
    start = event.since_at - AROUND
    end = min((event.cleared_at or now) + AROUND, start + LONGEST_CHART)
    span = Span(event.meter_id, start - lookback(event.rule), end)
    series = series_of(event.rule, read([span], [event.metric])[0]).between(start, end)
    if not series.times:
        return None
    t = [int(at.timestamp()) for at in series.times]
    longest = int(QUARTER.total_seconds()) * 2
    holes = [Mark(a, b, "missing") for a, b in pairwise(t) if b - a > longest]
    limit = alarm_words.exact(event.metric, event.threshold)
    return {
        "columns": Columns(t, list(series.values), marks=holes).as_json(),
        "zone": zone_of(event.meter).key,
        "unit": metric.unit,
        "places": metric.places,
        "label": str(metric.label),
        "limit": {"value": event.threshold, "label": _("limit %(value)s") % {"value": limit}},
    }


@panel(
    Meter,
    "alarmes",
    title=gettext_lazy("Alarms"),
    template="meters/panels/alarms.html",
    order=20,
    permission="meters.view_alarmevent",
    count=lambda meter: AlarmEvent.objects.open().filter(meter=meter).count() or None,
)
def meter_alarms(request: HttpRequest, meter: Meter) -> dict[str, Any]:
    events = AlarmEvent.objects.filter(meter=meter).select_related("rule", "meter")
    rows = events.prefetch_related(with_serving())[:SHOWN]
    has_rules = AlarmRule.objects.filter(is_enabled=True).exists()
    return {"rows": event_rows(rows), "has_rules": has_rules}


@work("meters.change_alarmevent")
def rang(now: datetime) -> list[WorkItem]:
    """Open alarms that nobody has acknowledged: one line for each severity, but not for notes."""
    waiting = AlarmEvent.objects.filter(state=AlarmState.RAISED).exclude(
        severity=AlarmSeverity.INFO
    )
    events = list(
        waiting.select_related("rule", "meter")
        .prefetch_related(with_serving())
        .order_by("raised_at")
    )
    items = []
    for severity in (AlarmSeverity.CRITICAL, AlarmSeverity.WARNING):
        own = [event for event in events if event.severity == severity]
        if own:
            items.append(_waiting(severity, own))
    return items


def _waiting(severity: AlarmSeverity, events: list[AlarmEvent]) -> WorkItem:
    count = len(events)
    if severity == AlarmSeverity.CRITICAL:
        title = ngettext("%(n)d critical alarm", "%(n)d critical alarms", count) % {"n": count}
    else:
        title = ngettext("%(n)d alarm is open", "%(n)d alarms are open", count) % {"n": count}
    newest = [
        f"{name_of(event.meter)}: {alarm_words.what_happened(event)}" for event in events[:NAMED]
    ]
    if count > NAMED:
        more = _("%(names)s and %(n)d more") % {"names": "; ".join(newest), "n": count - NAMED}
        newest = [more]
    listed = reverse("admin:meters_alarmevent_changelist")
    link = f"{listed}?state__exact=raised&severity__exact={severity}"
    if count == 1:
        link = reverse("admin:meters_alarmevent_change", args=[events[0].public_id])
    verb_ = Verb(_("See the alarm") if count == 1 else _("See the alarms"), link)
    return WorkItem(
        f"alarms_{severity}",
        severity.value,
        "notifications_active",
        title,
        "; ".join(newest),
        events[0].raised_at,
        verb_,
    )
