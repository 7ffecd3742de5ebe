"""The hours that distributors call peak, and the days without them."""

from __future__ import annotations

from datetime import date
from typing import Any

from django import forms
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import display
from unfold.enums import ActionVariant
from unfold.widgets import UnfoldAdminDateWidget, UnfoldAdminSelectWidget

from clients.kernel import when
from clients.kernel.admin import TenantAdmin, office_page
from clients.kernel.chips import chip, look
from clients.kernel.forms import BaseDialog
from clients.kernel.verbs import verb
from meters.models import Holiday, PeakHours
from meters.services.peak_hours import copy_peak_hours, known_distributors

look("confirmed", "good", "verified")
look("to_confirm", "warn", "warning")
look("off_peak", "plain", "event")


class CopyDialog(BaseDialog):
    """Whose hours, and since when they are used."""

    distributor = forms.ChoiceField(
        label=gettext_lazy("Distributor"), widget=UnfoldAdminSelectWidget
    )
    starts_on = forms.DateField(label=gettext_lazy("Valid from"), widget=UnfoldAdminDateWidget)

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # Any: the dialog's own arguments
        super().__init__(*args, **kwargs)
        field: Any = self.fields["distributor"]
        field.choices = [(name, name) for name in known_distributors()]
        self.fields["starts_on"].initial = timezone.localdate().replace(month=1, day=1)


@office_page(PeakHours)
class PeakHoursAdmin(TenantAdmin):
    list_display = ("subject", "hours", "since", "situation", "source")
    search_fields = ("distributor", "source")
    search_help_text = gettext_lazy("Distributor or source")
    fields = (
        ("distributor", "posto"),
        ("from_time", "until_time"),
        ("starts_on", "ends_on"),
        "source",
        "is_confirmed",
    )
    actions_list = ("copy",)
    settings_icon = "schedule"
    settings_text = gettext_lazy("Peak and intermediate hours of distributors, with their source")
    empty_icon = "schedule"
    empty_title = gettext_lazy("No peak hours yet")
    empty_text = gettext_lazy(
        "They differ by distributor and are on its bill. Some are known here."
    )
    empty_verb = gettext_lazy("Enter hours")

    @display(description=gettext_lazy("Distributor"), ordering="distributor")
    def subject(self, row: PeakHours) -> str:
        return f"{row.distributor} · {row.get_posto_display()}"

    @display(description=gettext_lazy("Hours"), ordering="from_time")
    def hours(self, row: PeakHours) -> str:
        return f"{row.from_time:%H:%M}–{row.until_time:%H:%M}"

    @display(description=gettext_lazy("Since"), ordering="starts_on")
    def since(self, row: PeakHours) -> str:
        return when.day(row.starts_on, date.min)  # with its year, always: hours are of a year

    @display(description=gettext_lazy("Situation"), ordering="is_confirmed")
    def situation(self, row: PeakHours) -> str:
        if row.is_confirmed:
            return chip("confirmed", _("Confirmed"))
        return chip("to_confirm", _("To confirm"))

    @verb(
        gettext_lazy("Copy known hours"),
        icon="download",
        title=gettext_lazy("Copy the known hours of a distributor"),
        text=gettext_lazy(
            "They come from published texts. Compare them with the bill, then confirm."
        ),
        submit=gettext_lazy("Copy"),
        form=CopyDialog,
        permissions=("add",),
        variant=ActionVariant.PRIMARY,
    )
    def copy(self, request: HttpRequest, form: Any) -> str:
        filled = form.cleaned_data
        rows = copy_peak_hours(filled["distributor"], starts_on=filled["starts_on"])
        return _("%(n)d stretches of %(distributor)s wait to be confirmed.") % {
            "n": len(rows),
            "distributor": filled["distributor"],
        }


@office_page(Holiday)
class HolidayAdmin(TenantAdmin):
    list_display = ("subject", "since", "situation", "source")
    search_fields = ("name", "source")
    search_help_text = gettext_lazy("Name or source")
    fields = (("day", "name"), "is_off_peak", "source")
    settings_icon = "event"
    settings_text = gettext_lazy("Days that you add to those without peak hours, or take from them")
    empty_icon = "event"
    empty_title = gettext_lazy("No day of your own yet")
    empty_text = gettext_lazy(
        "National holidays, Carnival Tuesday and Corpus Christi are known already."
    )
    empty_verb = gettext_lazy("Enter a day")

    @display(description=gettext_lazy("Holiday"), ordering="name")
    def subject(self, row: Holiday) -> str:
        return row.name

    @display(description=gettext_lazy("Day"), ordering="day")
    def since(self, row: Holiday) -> str:
        return when.weekday(row.day)

    @display(description=gettext_lazy("Situation"), ordering="is_off_peak")
    def situation(self, row: Holiday) -> str:
        text = _("Without peak hours") if row.is_off_peak else _("With peak hours")
        return chip("off_peak", text, quiet=True)
