"""Alarm rules: each as a sentence, with how often it would have rung."""

from __future__ import annotations

from typing import Any

from django import forms
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display
from unfold.enums import ActionVariant
from unfold.views import ChangeList
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
)

from clients.kernel import show, when
from clients.kernel.admin import office_page
from clients.kernel.chips import chip, look
from clients.kernel.detail import DetailAdmin
from clients.kernel.forms import TenantForm
from clients.kernel.listing import Card, state_cards
from clients.kernel.panels import panel
from clients.kernel.verbs import verb
from meters.models import AlarmEvent, AlarmRule
from meters.models.alarm_metrics import METRICS, Metric
from meters.models.quantity_words import titled
from meters.selectors import alarm_words
from meters.selectors.alarm_preview import DAYS, preview
from meters.selectors.places import name_of, with_serving
from meters.services.alarm_rules import save_rule, switch_rule

look("rule_on", "good", "notifications_active")
look("rule_off", "plain", "notifications_off")
SECONDS = 60
WEEKDAYS = (
    (0, gettext_lazy("Monday")),
    (1, gettext_lazy("Tuesday")),
    (2, gettext_lazy("Wednesday")),
    (3, gettext_lazy("Thursday")),
    (4, gettext_lazy("Friday")),
    (5, gettext_lazy("Saturday")),
    (6, gettext_lazy("Sunday")),
)


def typed_number(**options: Any) -> forms.FloatField:  # Any: FloatField's own
    """A number as people write it: `198,5`."""
    widget = UnfoldAdminTextInputWidget(attrs={"inputmode": "decimal", "autocomplete": "off"})
    return forms.FloatField(localize=True, widget=widget, **options)


class MinutesField(forms.FloatField):
    """Minutes for people, whole seconds inside."""

    def __init__(self, **options: Any) -> None:  # Any: FloatField's own
        widget = UnfoldAdminTextInputWidget(attrs={"inputmode": "decimal", "autocomplete": "off"})
        super().__init__(localize=True, widget=widget, min_value=0, **options)

    def clean(self, value: object) -> Any:  # Any: seconds, where the stubs say a float
        minutes = super().clean(value)
        return None if minutes is None else round(minutes * SECONDS)

    def prepare_value(self, value: object) -> object:
        if isinstance(value, int):
            return show.number(value / SECONDS, 0 if value % SECONDS == 0 else 2)
        return value


class AlarmRuleForm(TenantForm):
    threshold = typed_number(label=gettext_lazy("Limit"), required=False)
    hysteresis = typed_number(
        label=gettext_lazy("Margin to end"),
        required=False,
        min_value=0,
        help_text=AlarmRule._meta.get_field("hysteresis").help_text,
    )
    for_seconds = MinutesField(
        label=gettext_lazy("For at least (min)"),
        required=False,
        help_text=AlarmRule._meta.get_field("for_seconds").help_text,
    )
    window_seconds = MinutesField(
        label=gettext_lazy("Change within (min)"),
        required=False,
        help_text=AlarmRule._meta.get_field("window_seconds").help_text,
    )
    weekdays = forms.TypedMultipleChoiceField(
        label=gettext_lazy("Only on"),
        choices=WEEKDAYS,
        coerce=int,
        required=False,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text=gettext_lazy("Empty: every day."),
    )
    metric = forms.ChoiceField(
        label=gettext_lazy("Value"), required=False, widget=UnfoldAdminSelectWidget
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # Any: the form's own
        super().__init__(*args, **kwargs)
        if "metric" in self.fields:
            field: Any = self.fields["metric"]
            field.choices = [("", "—"), *((one.name, named(one)) for one in METRICS.values())]

    def clean_hysteresis(self) -> float:
        return self.cleaned_data["hysteresis"] or 0.0

    def clean_for_seconds(self) -> int:
        return self.cleaned_data["for_seconds"] or 0


def named(metric: Metric) -> str:
    """`Voltage L1 (V)`."""
    return titled(metric.label, metric.unit)


@office_page(AlarmRule)
class AlarmRuleAdmin(DetailAdmin):
    form = AlarmRuleForm
    list_display = ("subject", "situation", "severity_", "tells", "rang")
    list_select_related = ("client", "site", "meter")
    list_filter = [("severity", ChoicesDropdownFilter), ("kind", ChoicesDropdownFilter)]
    search_fields = ("name", "client__name", "site__name", "meter__serial")
    search_help_text = gettext_lazy("Name, client, site or meter")
    autocomplete_fields = ("client", "site", "meter")
    fieldsets = (
        (None, {"fields": [("name", "severity")]}),
        (
            gettext_lazy("When"),
            {
                "fields": [
                    ("kind", "metric"),
                    ("operator", "threshold"),
                    ("for_seconds", "hysteresis"),
                    "window_seconds",
                ]
            },
        ),
        (gettext_lazy("For whom"), {"fields": ["scope", ("client", "site", "meter")]}),
        (gettext_lazy("Only at times"), {"fields": ["weekdays", ("daily_from", "daily_until")]}),
        (gettext_lazy("Who is told"), {"fields": ["tells"]}),
    )
    head_template = "meters/rule_head.html"
    overview_template = "meters/rule_overview.html"
    overview_slug = "regra"
    overview_title = gettext_lazy("Rule")
    form_title = gettext_lazy("Change")
    has_timeline = False
    actions_detail = ("switch_off", "switch_on")
    empty_icon = "notifications"
    empty_title = gettext_lazy("No alarm rule yet")
    empty_text = gettext_lazy("Say once what must not happen; you are told when it does.")
    empty_verb = gettext_lazy("Add the first rule")
    settings_icon = "notifications"
    settings_text = gettext_lazy("What the team is told about meters, when and whom")

    def get_queryset(self, request: HttpRequest) -> QuerySet[AlarmRule]:
        rules: QuerySet[AlarmRule] = super().get_queryset(request)
        return rules.annotate(
            open_count=Count("events", filter=Q(events__cleared_at__isnull=True)),
            event_count=Count("events"),
        ).prefetch_related(with_serving())

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        """Only the switch that changes something."""
        rule = self.get_object(request, str(object_id))
        hidden = "switch_on" if rule and rule.is_enabled else "switch_off"
        shown = super().get_actions_detail(request, object_id)
        return [action for action in shown if action.path != hidden]

    def save_model(self, request: HttpRequest, obj: AlarmRule, form: Any, change: bool) -> None:
        save_rule(obj, now=timezone.now())

    def list_cards(self, request: HttpRequest, cl: ChangeList) -> list[Card]:
        whole = cl.get_queryset(request, exclude_parameters=["severity__exact"])
        rows = AlarmRule.objects.filter(pk__in=whole.order_by().values("pk"))
        counts = {r["severity"]: r["n"] for r in rows.values("severity").annotate(n=Count("pk"))}
        choices = AlarmRule._meta.get_field("severity").choices or ()
        return state_cards(cl, "severity__exact", [("", _("All")), *choices], counts)

    def page_context(self, request: HttpRequest, subject: Any) -> dict[str, Any]:
        events = AlarmEvent.objects.filter(rule=subject).select_related("meter", "rule")
        events = events.prefetch_related(with_serving())
        return {
            "title": subject.name,
            "sentence": alarm_words.sentence(subject),
            "events": event_rows(events[:10]),
        }

    @display(description=gettext_lazy("Rule"), header=True, ordering="name")
    def subject(self, rule: AlarmRule) -> list[str]:
        return [rule.name, alarm_words.sentence(rule)]

    @display(description=gettext_lazy("Situation"), ordering="is_enabled")
    def situation(self, rule: AlarmRule) -> str:
        if rule.is_enabled:
            return chip("rule_on", _("On"))
        return chip("rule_off", _("Off"))

    @display(description=gettext_lazy("Severity"), ordering="severity")
    def severity_(self, rule: AlarmRule) -> str:
        return chip(rule.severity, rule.get_severity_display(), quiet=True)

    @display(description=gettext_lazy("Alarms"))
    def rang(self, rule: Any) -> str:
        if not rule.event_count:
            return format_html('<span class="p-faint">{}</span>', _("none"))
        link = reverse("admin:meters_alarmevent_changelist") + f"?{urlencode({'q': rule.name})}"
        text = show.number(rule.event_count)
        if rule.open_count:
            text = _("%(all)s, %(open)s open") % {"all": text, "open": rule.open_count}
        return format_html('<a class="p-link" href="{}">{}</a>', link, text)

    @verb(
        gettext_lazy("Switch off"),
        icon="notifications_off",
        title=gettext_lazy("Switch this rule off?"),
        text=gettext_lazy("Its open alarms end. Nobody is told any more until it is on again."),
        submit=gettext_lazy("Switch off"),
    )
    def switch_off(self, request: HttpRequest, form: Any, rule: AlarmRule) -> str:
        switch_rule(rule, on=False, now=timezone.now())
        return _("The rule is off.")

    @verb(
        gettext_lazy("Switch on"),
        icon="notifications_active",
        title=gettext_lazy("Switch this rule on?"),
        text=gettext_lazy("It watches what comes from now on."),
        submit=gettext_lazy("Switch on"),
        variant=ActionVariant.PRIMARY,
    )
    def switch_on(self, request: HttpRequest, form: Any, rule: AlarmRule) -> str:
        switch_rule(rule, on=True, now=timezone.now())
        return _("The rule is on.")


def event_rows(events: Any) -> list[dict[str, Any]]:
    """Alarms ready to show in a small table."""
    now = timezone.now()
    return [
        {
            "event": event,
            "meter": name_of(event.meter),
            "what": alarm_words.what_happened(event),
            "ago": when.ago(event.raised_at, now),
            "lasted": when.duration(event.lasted(now)),
        }
        for event in events
    ]


@panel(
    AlarmRule,
    "previa",
    title=gettext_lazy("Preview"),
    template="meters/panels/rule_preview.html",
    order=10,
    permission="meters.view_alarmrule",
)
def rule_preview(request: HttpRequest, rule: AlarmRule) -> dict[str, Any]:
    """How often it would have rung in the last 30 days."""
    found = preview(rule, now=timezone.now())
    return {
        "found": found,
        "days": DAYS,
        "rows": [
            {
                "meter": name_of(ring.meter),
                "ring": ring,
                "value": alarm_words.amount(rule.metric, ring.value),
                "lasted": when.duration((ring.until or found.end) - ring.at),
            }
            for ring in found.newest
        ],
        "time_raised": when.duration(found.time_raised),
        "sentence": alarm_words.sentence(rule),
    }
