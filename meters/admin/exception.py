"""The inbox of what the validation rules do not believe, and a page for each stretch."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.contrib import admin, messages
from django.contrib.admin import SimpleListFilter
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display
from unfold.enums import ActionVariant
from unfold.views import ChangeList

from clients.kernel import show, when
from clients.kernel.admin import office_page
from clients.kernel.charts import Mark
from clients.kernel.chips import chip, look
from clients.kernel.detail import DetailAdmin
from clients.kernel.listing import Card
from clients.kernel.panels import panel
from clients.kernel.tenancy import actor_label
from clients.kernel.verbs import verb
from clients.kernel.work import Verb, WorkItem, work
from clients.models import Client
from meters.admin import evidence
from meters.admin.dialogs import NoteDialog
from meters.admin.places import client_cell
from meters.models import (
    UNDECIDED,
    ExceptionState,
    Meter,
    MeterException,
    Resolution,
    Severity,
)
from meters.selectors import exceptions as asked
from meters.selectors.places import client_of, name_of, zone_of
from meters.services.validation.catalogue import CATALOGUE
from meters.services.validation.decisions import (
    accept_exception,
    accept_exceptions,
    acknowledge_exception,
    disregard_exception,
    estimate_exception,
    readings_in,
    reopen_exception,
)

look("suspect_fail", "bad", "error")
look("suspect_warn", "warn", "warning")
look("suspect_info", "info", "info")
look("suspect_acknowledged", "info", "visibility")
look("suspect_resolved", "good", "check_circle")
look("suspect_healed", "plain", "check_circle")
SHOWN = 20
A_SECOND = timedelta(seconds=1)
BY_ITSELF = {Resolution.HEALED, Resolution.WITHDRAWN}


class LeaveOutDialog(NoteDialog):
    preview_template = "meters/admin/leave_out.html"

    def preview(self, object_id: str | None) -> dict[str, object]:
        row = MeterException.objects.filter(public_id=object_id).first() if object_id else None
        return {"count": readings_in(row) if row else 0}


class QueueFilter(SimpleListFilter):
    """What waits, by how serious it is; what is looked at; what is decided."""

    title = gettext_lazy("Situation")
    parameter_name = "queue"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        serious = [(code, name) for code, name in reversed(Severity.choices)]
        rest = [
            (ExceptionState.ACKNOWLEDGED.value, ExceptionState.ACKNOWLEDGED.label),
            (ExceptionState.RESOLVED.value, ExceptionState.RESOLVED.label),
            ("all", gettext_lazy("All")),
        ]
        return [*serious, *rest]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        chosen = self.value()
        if chosen == "all":
            return queryset
        if chosen in Severity.values:
            return queryset.filter(state=ExceptionState.OPEN, severity=chosen)
        if chosen in ExceptionState.values:
            return queryset.filter(state=chosen)
        return queryset.filter(state__in=UNDECIDED)


class ClientFilter(SimpleListFilter):
    """Clients about whose meters something waits."""

    title = gettext_lazy("Client")
    parameter_name = "client"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        meters = asked.undecided().values("meter_id")
        clients = Client.objects.filter(
            sites__metering_points__installations__meter__in=meters,
            sites__metering_points__installations__ends_at__isnull=True,
        )
        return [(str(c.public_id), c.name) for c in clients.distinct().order_by("name")[:SHOWN]]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        chosen = self.value()
        if chosen is None or chosen not in {code for code, _name in self.lookup_choices}:
            return queryset
        meters = Meter.objects.filter(
            installations__ends_at__isnull=True,
            installations__metering_point__site__client__public_id=chosen,
        )
        return queryset.filter(meter__in=meters.values("pk"))


@office_page(MeterException)
class MeterExceptionAdmin(DetailAdmin):
    list_display = ("subject", "customer", "stretch", "situation", "evidence_")
    list_filter = [
        QueueFilter,
        ("rule", ChoicesDropdownFilter),
        ClientFilter,
    ]
    search_fields = ("meter__serial", "meter__installations__metering_point__name")
    search_help_text = gettext_lazy("Serial number or place")
    date_hierarchy = "starts_at"
    head_template = "meters/admin/finding_head.html"
    overview_template = "meters/admin/exception_overview.html"
    page_module = "meters/exception.js"
    has_form = False
    has_timeline = False
    fields = ("meter", "rule", "severity", "starts_at", "ends_at", "state", "resolution", "note")
    readonly_fields = fields
    actions = ("accept_many",)
    actions_detail = ("accept", "leave_out", "estimate", "look_at", "reopen")
    empty_icon = "task_alt"
    empty_title = gettext_lazy("No reading waits for you")
    empty_text = gettext_lazy("What the rules do not believe would be here, with the reason.")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return asked.with_place(super().get_queryset(request))

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        """Only the verbs that the exception's state allows."""
        row = self.get_object(request, str(object_id))
        shown = set()
        if row and row.state in UNDECIDED:
            shown = {"accept", "look_at"}
            if CATALOGUE[row.rule].can_leave_out:
                shown.add("leave_out")
            if CATALOGUE[row.rule].can_estimate:
                shown.add("estimate")
            if row.state == ExceptionState.ACKNOWLEDGED:
                shown.discard("look_at")
        elif row and row.resolution not in BY_ITSELF:
            shown = {"reopen"}
        found = super().get_actions_detail(request, object_id)
        return [action for action in found if action.path in shown]

    def list_cards(self, request: HttpRequest, cl: ChangeList) -> list[Card]:
        rows = MeterException.objects.order_by().values("state", "severity")
        counts: dict[str, int] = {}
        for row in rows.annotate(n=Count("pk")):
            is_open = row["state"] == ExceptionState.OPEN
            box = row["severity"] if is_open else row["state"]
            counts[box] = counts.get(box, 0) + row["n"]
        waiting = sum(n for box, n in counts.items() if box != ExceptionState.RESOLVED)
        boxes = [
            ("", _("To decide"), waiting),
            *((code, name, counts.get(code, 0)) for code, name in reversed(Severity.choices)),
            *(
                (state.value, state.label, counts.get(state.value, 0))
                for state in (ExceptionState.ACKNOWLEDGED, ExceptionState.RESOLVED)
            ),
        ]
        current = request.GET.get("queue", "")
        return [
            Card(
                name,
                count,
                show.number(count),
                cl.get_query_string({"queue": code} if code else {}, ["p", "queue"]),
                current == code,
            )
            for code, name, count in boxes
        ]

    def page_context(self, request: HttpRequest, subject: Any) -> dict[str, Any]:
        entry = CATALOGUE[subject.rule]
        zone = zone_of(subject.meter)
        found = asked.drawn(subject, entry.looks_at, now=timezone.now())
        (line,) = found.lines
        # A single reading has no width of its own.
        step = found.step_s or 0
        margin = step if (subject.ends_at - subject.starts_at).total_seconds() < step else 0
        stretch = Mark(
            int(subject.starts_at.timestamp()) - margin,
            int(subject.ends_at.timestamp()) + margin,
            "suspect",
            str(_("suspect")),
        )
        return {
            "head_icon": "rule",
            "title": str(subject.get_rule_display()),
            "entry": entry,
            "chip": situation(subject),
            "place": name_of(subject.meter),
            "client": client_of(subject.meter),
            "when": stretch_of(subject, zone),
            "lines": evidence.lines(subject.values),
            "decided_by": subject.decided_by or _("Pulso"),
            "is_by_itself": subject.resolution in BY_ITSELF,
            "meter_link": meter_link(subject, zone),
            "chart": {
                "unit": line.unit,
                "zone": zone.key,
                "t": found.t,
                "v": line.v,
                "marks": [asdict(mark) for mark in [*found.marks, stretch]],
            },
            "has_data": any(value is not None for value in line.v),
        }

    @display(description=gettext_lazy("Suspicion"), header=True, ordering="rule")
    def subject(self, row: Any) -> list[str]:
        return [str(row.get_rule_display()), f"{name_of(row.meter)} · {row.meter.serial}"]

    @display(description=gettext_lazy("Client"))
    def customer(self, row: Any) -> str:
        return client_cell(row.meter)

    @display(description=gettext_lazy("When"), ordering="starts_at")
    def stretch(self, row: Any) -> str:
        return " · ".join(filter(None, [when.moment(row.starts_at), lasted(row)]))

    @display(description=gettext_lazy("Situation"), ordering="severity")
    def situation(self, row: Any) -> str:
        return situation(row)

    @display(description=gettext_lazy("Evidence"))
    def evidence_(self, row: Any) -> str:
        return evidence.brief(row.values)

    @admin.action(description=gettext_lazy("Keep as it is"), permissions=["work"])
    def accept_many(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        count = accept_exceptions(queryset.order_by("pk"), author=actor_label(), now=timezone.now())
        said = ngettext(
            "%(n)d stretch is kept as it is.", "%(n)d stretches are kept as they are.", count
        ) % {"n": count}
        self.message_user(request, said, messages.SUCCESS)

    @verb(
        gettext_lazy("Keep"),
        icon="check_circle",
        title=gettext_lazy("Keep these readings as they are?"),
        text=gettext_lazy("They are right, and go on to count. The rule will not ask again."),
        submit=gettext_lazy("Keep the readings"),
        form=NoteDialog,
        variant=ActionVariant.PRIMARY,
    )
    def accept(self, request: HttpRequest, form: Any, row: MeterException) -> str:
        note = form.cleaned_data["note"]
        accept_exception(row, author=actor_label(), note=note, now=timezone.now())
        return _("The readings are kept as they are.")

    @verb(
        gettext_lazy("Leave out"),
        icon="block",
        title=gettext_lazy("Leave these readings out?"),
        text=gettext_lazy(
            "They stay stored, but nothing is computed from them. You can take it back."
        ),
        submit=gettext_lazy("Leave them out"),
        form=LeaveOutDialog,
    )
    def leave_out(self, request: HttpRequest, form: Any, row: MeterException) -> str:
        note = form.cleaned_data["note"]
        disregard_exception(row, author=actor_label(), note=note, now=timezone.now())
        return _("The readings are left out; use is computed again.")

    @verb(
        gettext_lazy("Estimate"),
        icon="query_stats",
        title=gettext_lazy("Fill this stretch with an estimate?"),
        text=gettext_lazy(
            "Readings that are not believed are left out, and the stretch is filled like similar "
            "days. The estimate is always shown as one."
        ),
        submit=gettext_lazy("Estimate the stretch"),
        form=NoteDialog,
    )
    def estimate(self, request: HttpRequest, form: Any, row: MeterException) -> str:
        note = form.cleaned_data["note"]
        estimate_exception(row, author=actor_label(), note=note, now=timezone.now())
        return _("The stretch is estimated, and shown as such.")

    @verb(
        gettext_lazy("I look at it"),
        icon="visibility",
        title=gettext_lazy("Say that you look at it"),
        text=gettext_lazy("It stays here, and others see that somebody is at it."),
        submit=gettext_lazy("I look at it"),
        form=NoteDialog,
    )
    def look_at(self, request: HttpRequest, form: Any, row: MeterException) -> str:
        note = form.cleaned_data["note"]
        acknowledge_exception(row, author=actor_label(), note=note, now=timezone.now())
        return _("Others see now that you look at it.")

    @verb(
        gettext_lazy("Take it back"),
        icon="undo",
        title=gettext_lazy("Take the decision back?"),
        text=gettext_lazy("Readings that were left out count again, and this waits here again."),
        submit=gettext_lazy("Take it back"),
        form=NoteDialog,
    )
    def reopen(self, request: HttpRequest, form: Any, row: MeterException) -> str:
        note = form.cleaned_data["note"]
        reopen_exception(row, author=actor_label(), note=note, now=timezone.now())
        return _("The decision is taken back.")


def situation(row: MeterException) -> str:
    """How serious it is while it waits, else what became of it."""
    if row.state == ExceptionState.OPEN:
        return chip(f"suspect_{row.severity}", row.get_severity_display())
    if row.state == ExceptionState.ACKNOWLEDGED:
        return chip("suspect_acknowledged", row.get_state_display())
    code = "suspect_healed" if row.resolution in BY_ITSELF else "suspect_resolved"
    return chip(code, row.get_resolution_display())


def lasted(row: MeterException) -> str:
    """How long it was; "" for a single reading."""
    length = row.ends_at - row.starts_at
    return when.duration(length) if length > A_SECOND else ""


def stretch_of(row: MeterException, zone: ZoneInfo) -> str:
    """`24 mar, 09:00 · 17 h`, in the place's zone; without a length for a single reading."""
    return " · ".join(filter(None, [when.moment(row.starts_at, zone), lasted(row)]))


def meter_link(row: MeterException, zone: ZoneInfo) -> str:
    """The meter's page on that day."""
    page = reverse("admin:meters_meter_change", args=[row.meter.public_id])
    on = row.starts_at.astimezone(zone).date()
    return f"{page}?{urlencode({'view': 'day', 'on': on.isoformat()})}"


@panel(
    Meter,
    "suspeitas",
    title=gettext_lazy("Suspect readings"),
    template="meters/panels/exceptions.html",
    order=12,
    permission="meters.view_meterexception",
    count=asked.waiting_of,
)
def suspicions(request: HttpRequest, meter: Meter) -> dict[str, Any]:
    """What waits about this meter, then what was decided lately."""
    zone = zone_of(meter)
    rows = MeterException.objects.filter(meter=meter).order_by("-starts_at")
    shown = [*rows.filter(state__in=UNDECIDED)[:SHOWN], *rows.exclude(state__in=UNDECIDED)[:SHOWN]]
    return {
        "rows": [
            {
                "row": row,
                "when": stretch_of(row, zone),
                "chip": situation(row),
                "evidence": evidence.brief(row.values),
                "link": reverse("admin:meters_meterexception_change", args=[row.public_id]),
            }
            for row in shown
        ]
    }


@work("meters.change_meterexception")
def suspect_readings(now: datetime) -> list[WorkItem]:
    """What the rules do not believe: one line for all of it, without mere notices."""
    found = asked.waiting()
    if not found.count or found.since is None:
        return []
    title = ngettext(
        "%(n)d suspect reading waits for a decision",
        "%(n)d suspect readings wait for a decision",
        found.count,
    ) % {"n": found.count}
    detail = ngettext("On %(n)d meter.", "On %(n)d meters.", found.meters) % {"n": found.meters}
    if found.serious:
        serious = ngettext(
            "%(n)d of them is serious.", "%(n)d of them are serious.", found.serious
        ) % {"n": found.serious}
        detail = f"{detail} {serious}"
    link = reverse("admin:meters_meterexception_changelist")
    severity = "warning" if found.serious else "info"
    return [
        WorkItem("suspect", severity, "rule", title, detail, found.since, Verb(_("Decide"), link))
    ]
