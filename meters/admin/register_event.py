"""Registers that did not simply count up: what Pulso made of it, to confirm or correct."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django import forms
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
from unfold.widgets import (
    UnfoldAdminDecimalFieldWidget,
    UnfoldAdminSelectWidget,
)

from clients.kernel import when
from clients.kernel.admin import office_page
from clients.kernel.chips import chip, look
from clients.kernel.detail import DetailAdmin
from clients.kernel.listing import Card, state_cards
from clients.kernel.tenancy import actor_label
from clients.kernel.verbs import dialog_done, verb
from clients.kernel.work import Verb, WorkItem, work
from meters.admin.dialogs import NoteDialog
from meters.admin.places import client_cell
from meters.admin.register_field import RegisterField, unit_of_register
from meters.models import EventKind, EventState, Meter, RegisterEvent
from meters.selectors import register_events as asked
from meters.selectors.places import client_of, name_of
from meters.services.register_events import (
    CORRECTIONS,
    confirm_event,
    correct_event,
    reopen_event,
)

look("detected", "warn", "help")
look("confirmed", "good", "check_circle")
look("corrected", "info", "edit")
MEANINGS = {
    EventKind.ROLLOVER: gettext_lazy(
        "The register was full and went on from zero; all use counts."
    ),
    EventKind.RESET: gettext_lazy("The register began at zero again; what it shows since counts."),
    EventKind.DIP: gettext_lazy("It fell and came back; the readings in between are left out."),
    EventKind.SPIKE: gettext_lazy("It rose and came back; the readings in between are left out."),
    EventKind.SCALE: gettext_lazy("From here on it counts in another unit; values are converted."),
    EventKind.DROP: gettext_lazy(
        "It fell and nothing explains it; no use is counted until you decide."
    ),
    EventKind.JUMP: gettext_lazy(
        "It rose by more than can be delivered; no use is counted until you decide."
    ),
    EventKind.REAL: gettext_lazy("The values are right as they are."),
    EventKind.EXCHANGE: gettext_lazy("Another meter took over; no use is counted across it."),
    EventKind.RATIO: gettext_lazy(
        "Other transformers from here on; each stretch has its own factor."
    ),
    EventKind.CLOCK: gettext_lazy(
        "The device's clock is wrong; its instants are not to be believed."
    ),
}


class CorrectDialog(NoteDialog):
    kind = forms.ChoiceField(
        label=gettext_lazy("What it was"),
        choices=[(kind.value, kind.label) for kind in CORRECTIONS],
        widget=UnfoldAdminSelectWidget,
    )
    used = RegisterField(
        label=gettext_lazy("Used in between"),
        help_text=gettext_lazy("Only when the value is right and you know how much was used."),
    )
    factor = forms.DecimalField(
        label=gettext_lazy("Multiply by"),
        required=False,
        min_value=0,
        max_digits=12,
        decimal_places=6,
        widget=UnfoldAdminDecimalFieldWidget,
        help_text=gettext_lazy(
            "Only for a changed unit: 0.001 when it now counts 1,000 times finer."
        ),
    )
    field_order = ("kind", "used", "factor", "note")

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # Any: the dialog's own arguments
        super().__init__(*args, **kwargs)
        event = RegisterEvent.objects.filter(public_id=self.object_id).first()
        field: Any = self.fields["used"]
        field.name_unit(unit_of_register(event.register if event else ""))


@office_page(RegisterEvent)
class RegisterEventAdmin(DetailAdmin):
    list_display = ("subject", "customer", "stretch", "situation", "change", "used")
    list_filter = [("state", ChoicesDropdownFilter), ("kind", ChoicesDropdownFilter)]
    search_fields = ("meter__serial", "meter__installations__metering_point__name")
    search_help_text = gettext_lazy("Serial number or place")
    date_hierarchy = "starts_at"
    head_template = "meters/admin/finding_head.html"
    overview_template = "meters/admin/register_event_overview.html"
    has_form = False
    has_timeline = False
    fields = ("meter", "register", "kind", "starts_at", "ends_at", "state", "note")
    readonly_fields = fields
    actions_detail = ("confirm", "correct", "reopen")
    empty_icon = "task_alt"
    empty_title = gettext_lazy("Every register simply counts up")
    empty_text = gettext_lazy("A register that restarts, falls or leaps would be here, explained.")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return asked.with_place(super().get_queryset(request))

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        """Only the verbs that the event's state allows."""
        row = self.get_object(request, str(object_id))
        shown: set[str] = set()
        if row and row.register:
            shown = {"correct"}
            shown.add("confirm" if row.state == EventState.DETECTED else "reopen")
        found = super().get_actions_detail(request, object_id)
        return [action for action in found if action.path in shown]

    def list_cards(self, request: HttpRequest, cl: ChangeList) -> list[Card]:
        rows = RegisterEvent.objects.order_by().values("state").annotate(n=Count("pk"))
        counts = {row["state"]: row["n"] for row in rows}
        boxes = [("", _("All")), *EventState.choices]
        return state_cards(cl, "state__exact", boxes, counts)

    def page_context(self, request: HttpRequest, subject: Any) -> dict[str, Any]:
        return {
            "head_icon": "speed",
            "title": str(subject.get_kind_display()),
            "chip": self.situation(subject),
            "place": name_of(subject.meter),
            "client": client_of(subject.meter),
            "meter_link": reverse("admin:meters_meter_change", args=[subject.meter.public_id]),
            "when": self.stretch(subject),
            "meaning": MEANINGS[EventKind(subject.kind)],
            "lines": lines(subject),
        }

    @display(description=gettext_lazy("Event"), header=True, ordering="kind")
    def subject(self, row: Any) -> list[str]:
        return [str(row.get_kind_display()), f"{name_of(row.meter)} · {row.meter.serial}"]

    @display(description=gettext_lazy("Client"))
    def customer(self, row: Any) -> str:
        return client_cell(row.meter)

    @display(description=gettext_lazy("When"), ordering="starts_at")
    def stretch(self, row: Any) -> str:
        lasted = row.ends_at - row.starts_at
        moment = when.moment(row.starts_at)
        return f"{moment} · {when.duration(lasted)}" if lasted else moment

    @display(description=gettext_lazy("Situation"), ordering="state")
    def situation(self, row: Any) -> str:
        return chip(row.state, row.get_state_display())

    @display(description=gettext_lazy("Register"))
    def change(self, row: Any) -> str:
        before = asked.measure(row.register, row.value_before)
        return f"{before} → {asked.measure(row.register, row.value_after)}"

    @display(description=gettext_lazy("Counts as used"))
    def used(self, row: Any) -> str:
        return asked.measure(row.register, asked.used_in(row)) if row.register else "—"

    @verb(
        gettext_lazy("Confirm"),
        icon="check_circle",
        title=gettext_lazy("Confirm what it was?"),
        text=gettext_lazy("Readings that come late no longer change it."),
        submit=gettext_lazy("Confirm"),
        form=NoteDialog,
        variant=ActionVariant.PRIMARY,
    )
    def confirm(self, request: HttpRequest, form: Any, row: RegisterEvent) -> str:
        confirm_event(row, author=actor_label(), now=timezone.now(), note=form.cleaned_data["note"])
        return _("Confirmed.")

    @verb(
        gettext_lazy("Correct"),
        icon="edit",
        title=gettext_lazy("Say what it was"),
        text=gettext_lazy("Use is computed again within a minute. You can take it back."),
        submit=gettext_lazy("Correct"),
        form=CorrectDialog,
    )
    def correct(self, request: HttpRequest, form: Any, row: RegisterEvent) -> str:
        said = form.cleaned_data
        correct_event(
            row,
            said["kind"],
            author=actor_label(),
            now=timezone.now(),
            note=said["note"],
            used=said["used"],
            factor=said["factor"],
        )
        return _("Corrected; use is computed again.")

    @verb(
        gettext_lazy("Take it back"),
        icon="undo",
        title=gettext_lazy("Take the decision back?"),
        text=gettext_lazy("The readings alone say again what it was."),
        submit=gettext_lazy("Take it back"),
    )
    def reopen(self, request: HttpRequest, form: Any, row: RegisterEvent) -> Any:
        reopen_event(row)
        page = reverse("admin:meters_registerevent_changelist")
        return dialog_done(request, page, _("The decision is taken back."))


def lines(event: RegisterEvent) -> list[tuple[str, str]]:
    """The event's values, each with its unit."""
    found = [(_("Before"), asked.measure(event.register, event.value_before))]
    if event.left_out:
        found.append((_("In between"), asked.measure(event.register, event.value_between)))
        found.append((_("Readings left out"), str(event.left_out)))
    found.append((_("After"), asked.measure(event.register, event.value_after)))
    if event.factor not in (None, 1):
        found.append((_("Multiplied by"), f"{event.factor.normalize():f}".replace(".", ",")))
    if event.register:
        used = asked.used_in(event)
        said = _("not known") if used is None else asked.measure(event.register, used)
        found.append((_("Counts as used"), said))
    return found


@work("meters.change_registerevent")
def events_to_check(now: datetime) -> list[WorkItem]:
    """Drops and jumps: nothing is counted until somebody decides. One line for all of them."""
    open_ones = asked.to_check().filter(kind__in=[EventKind.DROP, EventKind.JUMP])
    count = open_ones.count()
    if not count:
        return []
    title = ngettext(
        "%(n)d register changed for no known reason",
        "%(n)d registers changed for no known reason",
        count,
    ) % {"n": count}
    since = open_ones.order_by("created_at").values_list("created_at", flat=True)[0]
    link = reverse("admin:meters_registerevent_changelist") + "?state__exact=detected"
    detail = _("What was used across it does not count until you decide.")
    item = WorkItem("events", "warning", "speed", title, detail, since, Verb(_("Decide"), link))
    return [item]


def events_of(meter: Meter) -> list[dict[str, Any]]:
    """The meter's events, those to check first, ready to show."""
    rows = RegisterEvent.objects.filter(meter=meter)
    shown = [
        *rows.filter(state=EventState.DETECTED)[:20],
        *rows.exclude(state=EventState.DETECTED)[:20],
    ]
    return [
        {
            "row": row,
            "link": reverse("admin:meters_registerevent_change", args=[row.public_id]),
            "chip": chip(row.state, row.get_state_display()),
            "before": asked.measure(row.register, row.value_before),
            "after": asked.measure(row.register, row.value_after),
            "used": asked.measure(row.register, asked.used_in(row)) if row.register else "—",
        }
        for row in shown
    ]
