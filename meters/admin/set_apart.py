"""Readings that were set apart: what was said, and what a person decides about it."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from django import forms
from django.db.models import Count
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html_join
from django.utils.safestring import mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display
from unfold.enums import ActionVariant
from unfold.views import ChangeList
from unfold.widgets import (
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from clients.kernel import show, when
from clients.kernel.admin import PublicChangeList, TenantAdmin, office_page
from clients.kernel.chips import chip, look
from clients.kernel.forms import BaseDialog, MomentField
from clients.kernel.listing import Card, state_cards
from clients.kernel.verbs import verb
from clients.kernel.work import Verb, WorkItem, work
from meters.admin.dialogs import NoteDialog
from meters.models import Conflict, Handling, Quarantine
from meters.models.quantities import NAMES
from meters.models.quantity_words import UNITS, label
from meters.selectors.clocks import differences, waiting_in_quarantine
from meters.services.quarantine import acknowledge, discard, release, release_stretch

look("waiting", "warn", "schedule")
look("released", "good", "check_circle")
look("discarded", "plain", "block")
look("acknowledged", "plain", "visibility")


class ReleaseDialog(BaseDialog):
    measured_at = MomentField(
        label=gettext_lazy("When it was really measured"),
        help_text=gettext_lazy("Shown is when it came."),
    )
    stretch = forms.BooleanField(
        label=gettext_lazy("Move all waiting readings of this meter by as much"),
        required=False,
        initial=True,
        widget=UnfoldBooleanSwitchWidget,
        help_text=gettext_lazy("A clock that was never set runs on from a wrong beginning."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # Any: the dialog's own arguments
        super().__init__(*args, **kwargs)
        row = Quarantine.objects.filter(public_id=self.object_id).first()
        field = self.fields["measured_at"]
        field.required = True
        if row is not None:
            field.initial = f"{timezone.localtime(row.received_at):%Y-%m-%dT%H:%M:%S}"


class DiscardDialog(BaseDialog):
    reason = forms.CharField(
        label=gettext_lazy("Why"), max_length=300, widget=UnfoldAdminTextInputWidget
    )


class SetApartAdmin(TenantAdmin):
    """Read, never edited: decided by verbs."""

    list_select_related = ("meter",)
    search_fields = ("meter__serial",)
    search_help_text = gettext_lazy("Serial number")
    date_hierarchy = "received_at"

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return [str(name) for name in self.get_fields(request, obj)]

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        """Nothing is decided twice."""
        found = self.get_object(request, str(object_id))
        if found is None or found.status != Handling.WAITING:
            return []
        actions: list[Any] = super().get_actions_detail(request, object_id)
        return actions

    def list_cards(self, request: HttpRequest, cl: ChangeList) -> list[Card]:
        whole = cl.get_queryset(request, exclude_parameters=["status__exact"])
        rows = whole.order_by().values_list("status").annotate(n=Count("id"))
        counts = dict(rows.values_list("status", "n"))
        states = [("", gettext_lazy("All")), *Handling.choices]
        used = [state for state in states if not state[0] or counts.get(state[0])]
        return state_cards(cl, "status__exact", used, counts)

    @display(description=gettext_lazy("Meter"), ordering="meter__serial")
    def subject(self, row: Any) -> str:
        return str(row.meter)

    @display(description=gettext_lazy("Says it measured"), ordering="measured_at")
    def said_at(self, row: Any) -> str:
        return moment(row.measured_at)

    @display(description=gettext_lazy("Came"), ordering="received_at")
    def came(self, row: Any) -> str:
        return when.ago(row.received_at)

    @display(description=gettext_lazy("Situation"), ordering="status")
    def situation(self, row: Any) -> str:
        return chip(row.status, row.get_status_display())

    @display(description=gettext_lazy("What was said"))
    def said(self, row: Any) -> str:
        return said_in(row.reading)


def said_in(reading: dict[str, Any]) -> str:
    """All that a reading says, as people call it."""
    lines = [(label(name), amount(name, reading[name])) for name in NAMES if name in reading]
    if "extra" in reading:
        lines.append((_("Other values"), json.dumps(reading["extra"], ensure_ascii=False)))
    return format_html_join(" · ", "<span>{} <b>{}</b></span>", lines)


def amount(name: str, value: Any) -> str:
    if not isinstance(value, int | float):
        return "—" if value is None else json.dumps(value, ensure_ascii=False)
    places = 0 if isinstance(value, int) or value == int(value) else 3
    unit = UNITS.get(name, "")
    return show.number(value, places) + (f" {unit}" if unit else "")


def moment(at: datetime) -> str:
    """To the second, as clocks are looked at here; with the year when it is not this one."""
    local = timezone.localtime(at)
    return f"{when.day(local.date())}, {local:%H:%M:%S}"


@office_page(Quarantine)
class QuarantineAdmin(SetApartAdmin):
    list_display = ("subject", "why", "said_at", "came", "situation", "said")
    list_filter = [("status", ChoicesDropdownFilter), ("reason", ChoicesDropdownFilter)]
    fields = (
        "meter",
        "reason",
        "said_at",
        "arrived",
        "said",
        "situation",
        "decided",
        "note",
        "stored_as",
    )
    actions_detail = ("release", "discard")
    settings_icon = "schedule"
    settings_text = gettext_lazy("Readings whose clock cannot be right, kept for a decision")
    empty_icon = "task_alt"
    empty_title = gettext_lazy("No clock is wrong")
    empty_text = gettext_lazy("Readings from 1970 or from the future would wait here.")

    @display(description=gettext_lazy("Why"), ordering="reason")
    def why(self, row: Quarantine) -> str:
        return row.get_reason_display()

    @display(description=gettext_lazy("Came"))
    def arrived(self, row: Quarantine) -> str:
        return moment(row.received_at)

    @display(description=gettext_lazy("Decided"))
    def decided(self, row: Quarantine) -> str:
        return decision(row)

    @verb(
        gettext_lazy("Store with the right time"),
        icon="check_circle",
        title=gettext_lazy("When was it measured?"),
        text=gettext_lazy("The reading counts from then on. Intervals are computed again."),
        submit=gettext_lazy("Store"),
        form=ReleaseDialog,
        variant=ActionVariant.PRIMARY,
    )
    def release(self, request: HttpRequest, form: Any, row: Quarantine) -> str:
        do = release_stretch if form.cleaned_data["stretch"] else release
        done = do(row, measured_at=form.cleaned_data["measured_at"], now=timezone.now())
        return ngettext(
            "%(n)d reading was stored, %(known)d were known.",
            "%(n)d readings were stored, %(known)d were known.",
            done.answer.accepted,
        ) % {"n": done.answer.accepted, "known": done.count - done.answer.accepted}

    @verb(
        gettext_lazy("Discard"),
        icon="block",
        title=gettext_lazy("Leave this reading out for good?"),
        text=gettext_lazy("It stays here with your reason, and never counts."),
        submit=gettext_lazy("Discard the reading"),
        form=DiscardDialog,
        variant=ActionVariant.DANGER,
    )
    def discard(self, request: HttpRequest, form: Any, row: Quarantine) -> str:
        discard(row, reason=form.cleaned_data["reason"], now=timezone.now())
        return _("The reading is left out.")


class ConflictList(PublicChangeList):
    """A page of conflicts with what was kept, in one query."""

    result_list: Any

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        rows: list[Any] = list(self.result_list)
        found = differences(rows)
        for row in rows:
            row.differing = found[row.pk]
        self.result_list = rows  # the page that templates read


@office_page(Conflict)
class ConflictAdmin(SetApartAdmin):
    list_display = ("subject", "said_at", "came", "situation", "both")
    list_filter = [("status", ChoicesDropdownFilter)]
    fields = ("meter", "said_at", "arrived", "both", "said", "situation", "decided", "note")
    actions_detail = ("acknowledge",)
    settings_icon = "compare_arrows"
    settings_text = gettext_lazy("Second, different values for an instant: the first one counts")
    empty_icon = "task_alt"
    empty_title = gettext_lazy("No meter contradicts itself")
    empty_text = gettext_lazy("A second, different value for the same instant would be here.")

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return ConflictList

    @display(description=gettext_lazy("Counts → came later"))
    def both(self, row: Conflict) -> str:
        found = getattr(row, "differing", None) or differences([row])[row.pk]
        return format_html_join(
            mark_safe("<br>"),
            "{} <b>{}</b> → {}",
            (
                (label(d.quantity), amount(d.quantity, d.kept), amount(d.quantity, d.said))
                for d in found
            ),
        )

    @display(description=gettext_lazy("Came"))
    def arrived(self, row: Conflict) -> str:
        return moment(row.received_at)

    @display(description=gettext_lazy("Decided"))
    def decided(self, row: Conflict) -> str:
        return decision(row)

    @verb(
        gettext_lazy("Mark as seen"),
        icon="visibility",
        text=gettext_lazy("The first value goes on to count; what came later stays here."),
        submit=gettext_lazy("Mark as seen"),
        form=NoteDialog,
        variant=ActionVariant.PRIMARY,
    )
    def acknowledge(self, request: HttpRequest, form: Any, row: Conflict) -> str:
        acknowledge(row, note=form.cleaned_data["note"], now=timezone.now())
        return _("The contradiction is marked as seen.")


def decision(row: Any) -> str:
    if row.handled_at is None:
        return "—"
    who = row.handled_by or _("Pulso")
    return _("%(time)s by %(who)s") % {"time": when.moment(row.handled_at), "who": who}


@work("meters.change_quarantine")
def impossible_clocks(now: datetime) -> list[WorkItem]:
    """Readings that wait because of their clock: one line for all of them."""
    waiting = waiting_in_quarantine()
    if not waiting.readings or waiting.since is None:
        return []
    title = ngettext(
        "%(n)d reading waits because of its clock",
        "%(n)d readings wait because of their clock",
        waiting.readings,
    ) % {"n": waiting.readings}
    detail = ngettext(
        "%(n)d meter has a clock that cannot be right; what it measured does not count yet.",
        "%(n)d meters have a clock that cannot be right; what they measured does not count yet.",
        waiting.meters,
    ) % {"n": waiting.meters}
    link = reverse("admin:meters_quarantine_changelist") + "?status__exact=waiting"
    verb_ = Verb(_("See the readings"), link)
    return [WorkItem("clock", "warning", "schedule", title, detail, waiting.since, verb_)]
