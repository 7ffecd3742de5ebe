"""What installing and exchanging a meter asks for."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django import forms
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminDecimalFieldWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
)

from clients.kernel.forms import BaseDialog, MomentField
from clients.kernel.periods import Period
from meters.models import Meter, MeteringPoint, Method

REGISTER = {
    "required": False,
    "min_value": 0,
    "widget": UnfoldAdminIntegerFieldWidget,
    "help_text": _("In Wh or litres, as the register shows it. Empty when unknown."),
}
MULTIPLIER = {
    "min_value": Decimal("0.0001"),
    "max_value": Decimal(1_000_000),
    "max_digits": 12,
    "decimal_places": 4,
    "initial": Decimal(1),
    "widget": UnfoldAdminDecimalFieldWidget,
    "help_text": _("CT × PT: what one unit of the register stands for. 1 without transformers."),
}


class NoteDialog(BaseDialog):
    """A decision, with a word about it if somebody wants to say one."""

    note = forms.CharField(
        label=_("Note"), max_length=200, required=False, widget=UnfoldAdminTextInputWidget
    )


class InstallDialog(BaseDialog):
    metering_point = forms.ModelChoiceField(
        label=_("Place"), queryset=MeteringPoint.objects.none(), widget=UnfoldAdminSelectWidget
    )
    since = MomentField(label=_("Since"))
    start_register = forms.IntegerField(label=_("First reading"), **REGISTER)
    multiplier = forms.DecimalField(label=_("Multiplier"), **MULTIPLIER)

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # Any: the dialog's own arguments
        super().__init__(*args, **kwargs)
        taken = Q(installations__ends_at__isnull=True, installations__isnull=False)
        free = MeteringPoint.objects.exclude(taken).select_related("site__client")
        field: Any = self.fields["metering_point"]
        field.queryset = free
        field.label_from_instance = lambda point: f"{point.site.client} · {point}"


class ExchangeDialog(BaseDialog):
    new_meter = forms.ModelChoiceField(
        label=_("New meter"), queryset=Meter.objects.none(), widget=UnfoldAdminSelectWidget
    )
    since = MomentField(label=_("Since"))
    end_register = forms.IntegerField(label=_("Last reading of the old meter"), **REGISTER)
    start_register = forms.IntegerField(label=_("First reading of the new meter"), **REGISTER)
    multiplier = forms.DecimalField(
        label=_("Multiplier"),
        required=False,
        **{**MULTIPLIER, "initial": None, "help_text": _("Empty: as before.")},
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # Any: the dialog's own arguments
        super().__init__(*args, **kwargs)
        busy = Q(installations__ends_at__isnull=True, installations__isnull=False)
        field: Any = self.fields["new_meter"]
        field.queryset = Meter.objects.filter(is_active=True).exclude(busy)


class RemoveDialog(BaseDialog):
    since = MomentField(label=_("Since"))
    end_register = forms.IntegerField(label=_("Last reading"), **REGISTER)


class MultiplierDialog(BaseDialog):
    since = MomentField(label=_("Since"))
    multiplier = forms.DecimalField(label=_("Multiplier"), **MULTIPLIER)
    register = forms.IntegerField(label=_("What the register showed then"), **REGISTER)


class StretchDialog(BaseDialog):
    """A stretch of whole quarter-hours, and why it is filled."""

    start = MomentField(label=_("From"), help_text=_("On a quarter-hour: 14:00, 14:15 …"))
    end = MomentField(label=_("Until"), help_text="")
    reason = forms.CharField(
        label=_("Why"), min_length=3, max_length=200, widget=UnfoldAdminTextInputWidget
    )

    def clean(self) -> dict[str, Any]:
        said: dict[str, Any] = super().clean() or self.cleaned_data
        if said.get("start") and said.get("end"):
            if said["start"] >= said["end"]:
                self.add_error("end", _("The end must come after the beginning."))
            else:
                said["period"] = Period(said["start"], said["end"])
        return said


class FillInDialog(StretchDialog):
    amount = forms.DecimalField(
        label=_("Used in all (kWh or m³)"),
        min_value=0,
        max_digits=12,
        decimal_places=3,
        widget=UnfoldAdminDecimalFieldWidget,
    )
    field_order = ("start", "end", "amount", "reason")


class EstimateDialog(StretchDialog):
    method = forms.ChoiceField(
        label=_("How"),
        choices=list(reversed(Method.choices)),
        widget=UnfoldAdminSelectWidget,
    )
    field_order = ("start", "end", "method", "reason")
