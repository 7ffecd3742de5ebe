"""Connections: how meters are reached, whether they answer, and what to do when they do not."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django import forms
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display
from unfold.enums import ActionVariant
from unfold.views import ChangeList
from unfold.widgets import (
    UnfoldAdminSelectWidget,
)

from clients.kernel import show, when
from clients.kernel.admin import TenantAdmin, office_page
from clients.kernel.chips import chip, look
from clients.kernel.forms import BaseDialog
from clients.kernel.listing import Card, state_cards
from clients.kernel.panels import panel
from clients.kernel.verbs import verb
from clients.kernel.work import Verb, WorkItem, work
from meters.admin.connection_form import (
    FIELDSETS,
    LABELS,
    ORDERS,
    ConnectionForm,
    order_choices,
)
from meters.admin.next_steps import ways_in
from meters.drivers.profiles import EXTRA
from meters.models import Connection, ConnectionDriver, ConnectionState, Meter
from meters.models.quantities import QUANTITIES
from meters.models.quantity_words import label
from meters.selectors.places import name_of, with_serving
from meters.services.connections import (
    Tested,
    adopt_profile,
    ask_soon,
    pause_connection,
    profile_choices,
    resume_connection,
    sentence_of,
    test_connection,
)

look("connection_new", "plain", "hourglass_empty")
look("connection_ok", "good", "sensors")
look("connection_failing", "bad", "sensors_off")
look("connection_wrong", "warn", "warning")
look("connection_paused", "plain", "pause_circle")
UNITS = {quantity.name: quantity.unit for quantity in QUANTITIES}
NAMED = 2


class AdoptDialog(BaseDialog):
    profile = forms.ChoiceField(label=gettext_lazy("Profile"), widget=UnfoldAdminSelectWidget)
    word_order = forms.ChoiceField(
        label=gettext_lazy("Order of words"),
        choices=order_choices,
        required=False,
        widget=UnfoldAdminSelectWidget,
    )
    byte_order = forms.ChoiceField(
        label=gettext_lazy("Order of bytes"),
        choices=order_choices,
        required=False,
        widget=UnfoldAdminSelectWidget,
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # Any: the dialog's own arguments
        super().__init__(*args, **kwargs)
        field: Any = self.fields["profile"]
        field.choices = profile_choices()
        asked = self.request.GET
        for name in ("profile", "word_order", "byte_order"):
            if name in asked:
                self.initial[name] = asked[name]


@office_page(Connection)
class ConnectionAdmin(TenantAdmin):
    form = ConnectionForm
    list_display = ("subject", "how", "situation", "answered", "trouble")
    list_filter = [("driver", ChoicesDropdownFilter), ("state", ChoicesDropdownFilter)]
    search_fields = ("meter__serial", "host", "serial_path", "address")
    search_help_text = gettext_lazy("Serial number or address")
    autocomplete_fields = ("meter",)
    state_fields = ("state", "last_ok_at", "said")
    fieldsets = FIELDSETS
    actions_detail = ("test", "adopt", "pause", "resume")
    settings_icon = "lan"
    settings_text = gettext_lazy("How meters are reached, and whether they answer")
    empty_icon = "lan"
    empty_title = gettext_lazy("No connection yet")
    empty_text = gettext_lazy("A connection says how a meter is asked: address, unit and profile.")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Connection]:
        serving = with_serving()
        rows: QuerySet[Connection] = super().get_queryset(request)
        return rows.select_related("meter").prefetch_related(serving)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """How it goes is not known of a new one."""
        return FIELDSETS if obj else FIELDSETS[:-1]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return [*super().get_readonly_fields(request, obj), "said", *(["meter"] if obj else [])]

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        """What is paused is resumed; what speaks by itself is not tested."""
        row = self.get_object(request, str(object_id))
        is_paused = bool(row and row.state == ConnectionState.PAUSED)
        hidden = {"pause" if is_paused else "resume"}
        if row and row.driver != ConnectionDriver.MODBUS:
            hidden.add("adopt")
        shown = super().get_actions_detail(request, object_id)
        return [action for action in shown if action.path not in hidden]

    def list_cards(self, request: HttpRequest, cl: ChangeList) -> list[Card]:
        whole = cl.get_queryset(request, exclude_parameters=["state__exact"])
        rows = Connection.objects.filter(pk__in=whole.order_by().values("pk"))
        counts = {row["state"]: row["n"] for row in rows.values("state").annotate(n=Count("pk"))}
        return state_cards(cl, "state__exact", [("", _("All")), *ConnectionState.choices], counts)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        ask_soon(obj)

    def response_post_save_add(self, request: HttpRequest, obj: Any) -> HttpResponse:
        """On to its page, where it is tested."""
        return HttpResponseRedirect(self.page_of(obj))

    @display(description=gettext_lazy("Meter"), header=True, ordering="meter__serial")
    def subject(self, row: Any) -> list[str]:
        number = row.meter.serial if row.meter.serving else ""  # else it is the name
        return [name_of(row.meter), " · ".join(filter(None, [row.meter.model, number]))]

    @display(description=gettext_lazy("How"), ordering="bus")
    def how(self, row: Connection) -> str:
        unit = _("unit %(n)d") % {"n": row.unit_id}
        parts = [row.get_driver_display(), row.where]
        return " · ".join([*parts, unit] if row.driver == ConnectionDriver.MODBUS else parts)

    @display(description=gettext_lazy("Situation"), ordering="state")
    def situation(self, row: Connection) -> str:
        return chip(f"connection_{row.state}", row.get_state_display())

    @display(description=gettext_lazy("Last answer"), ordering="last_ok_at")
    def answered(self, row: Connection) -> str:
        return when.ago(row.last_ok_at) if row.last_ok_at else _("never")

    @display(description=gettext_lazy("Trouble"))
    def trouble(self, row: Connection) -> str:
        return sentence_of(row.last_error, row.error_facts)

    @display(description=gettext_lazy("Trouble"))
    def said(self, row: Connection) -> str:
        return sentence_of(row.last_error, row.error_facts) or "—"

    @verb(
        gettext_lazy("Test connection"),
        icon="sensors",
        title=gettext_lazy("Ask this device now?"),
        text=gettext_lazy("Its values are shown and not stored. It may take some seconds."),
        submit=gettext_lazy("Test"),
        variant=ActionVariant.PRIMARY,
    )
    def test(self, request: HttpRequest, form: Any, row: Connection) -> HttpResponse:
        tested = test_connection(row)
        context = {
            "tested": tested,
            "row": row,
            "values": values_of(tested.values),
            "suggestions": suggested(row, tested),
            "link": self.page_of(row),
        }
        return render(request, "meters/connection_tested.html", context)

    @verb(
        gettext_lazy("Change profile"),
        icon="switch",
        title=gettext_lazy("Read this device with another profile?"),
        text=gettext_lazy("It is asked again within seconds. What was stored stays."),
        submit=gettext_lazy("Use this profile"),
        form=AdoptDialog,
    )
    def adopt(self, request: HttpRequest, form: Any, row: Connection) -> str:
        filled = form.cleaned_data
        adopt_profile(
            row,
            filled["profile"],
            word_order=filled["word_order"],
            byte_order=filled["byte_order"],
        )
        return _("The device is read with this profile now.")

    @verb(
        gettext_lazy("Pause"),
        icon="pause_circle",
        title=gettext_lazy("Stop asking this device?"),
        text=gettext_lazy("Nothing is read until you resume. What was read stays."),
        submit=gettext_lazy("Pause"),
    )
    def pause(self, request: HttpRequest, form: Any, row: Connection) -> str:
        pause_connection(row)
        return _("The device is not asked any more.")

    @verb(
        gettext_lazy("Resume"),
        icon="play_circle",
        title=gettext_lazy("Ask this device again?"),
        text=gettext_lazy("It is asked within seconds."),
        submit=gettext_lazy("Resume"),
        variant=ActionVariant.PRIMARY,
    )
    def resume(self, request: HttpRequest, form: Any, row: Connection) -> str:
        resume_connection(row)
        return _("The device is asked again.")


def values_of(said: Any) -> list[tuple[str, str]]:
    """Names and values with their units, as people write them."""
    return [(label(name.removeprefix(EXTRA)), written(name, value)) for name, value in said]


def written(name: str, value: float) -> str:
    """`220,3 V`, `12.345.678 Wh`, `0,960`."""
    unit = UNITS.get(name, "")
    if name.endswith(("_wh", "_varh", "_l")):
        return show.measure(value, unit or "Wh")
    places = 3 if unit in ("1", "A") else 2
    return show.number(value, places) if unit in ("", "1") else show.measure(value, unit, places)


def suggested(row: Connection, tested: Tested) -> list[dict[str, Any]]:
    """Maps that would fit, each with the address of the window that takes it."""
    found = []
    for each in tested.suggestions:
        link = reverse("admin:meters_connection_adopt", args=[row.public_id])
        asked = {
            "profile": each.profile,
            "word_order": each.word_order,
            "byte_order": each.byte_order,
        }
        query = "&".join(f"{name}={value}" for name, value in asked.items() if value)
        shown = ("voltage_l1_v", "frequency_hz", "power_w", "energy_import_wh")
        values = [(name, each.values[name]) for name in shown if name in each.values]
        said = {"word_order": each.word_order, "byte_order": each.byte_order}
        orders = [f"{LABELS[name]}: {ORDERS[order]}" for name, order in said.items() if order]
        found.append(
            {
                "title": " · ".join([each.title, *orders]),
                "values": ", ".join(text for _name, text in values_of(values)),
                "link": f"{link}?{query}",
            }
        )
    return found


@panel(
    Meter,
    "conexao",
    title=gettext_lazy("Connection"),
    template="meters/panels/connections.html",
    order=40,
    permission="meters.view_connection",
)
def connections_of(request: HttpRequest, meter: Meter) -> dict[str, Any]:
    """How this meter is reached."""
    rows = [
        {
            "row": row,
            "state": f"connection_{row.state}",
            "trouble": sentence_of(row.last_error, row.error_facts),
        }
        for row in Connection.objects.filter(meter=meter).select_related("meter")
    ]
    return {"rows": rows, **ways_in(meter)}


@work("meters.change_connection")
def unreached(now: datetime) -> list[WorkItem]:
    """Connections that need a person: a wrong profile, or settings that cannot work."""
    wrong: Any = Connection.objects.filter(state=ConnectionState.WRONG).select_related("meter")
    rows = list(wrong.order_by("last_tried_at")[: NAMED + 1])
    if not rows:
        return []
    count = wrong.count()
    title = ngettext(
        "%(n)d meter is read with a profile that does not fit",
        "%(n)d meters are read with a profile that does not fit",
        count,
    ) % {"n": count}
    names = ", ".join(row.meter.serial for row in rows[:NAMED])
    link = reverse("admin:meters_connection_changelist")
    verb = Verb(_("See the connections"), f"{link}?state__exact=wrong")
    since = rows[0].last_tried_at or now
    detail = _("Nothing of %(names)s is stored until it is corrected.") % {"names": names}
    return [WorkItem("wrong_profile", "warning", "lan", title, detail, since, verb)]
