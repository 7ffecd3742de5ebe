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
    UnfoldBooleanSwitchWidget,
)

from clients.kernel.errors import DomainError
from clients.kernel.forms import BaseDialog, MomentField
from clients.kernel.periods import Period
from meters.errors import Doubtful
from meters.models import Meter, MeteringPoint, Method

REGISTER = {
    "required": False,
    "min_value": 0,
    "widget": UnfoldAdminIntegerFieldWidget,
    "help_text": _("In Wh or litres, as the register shows it. Empty when unknown."),
}
MULTIPLIER = {
    "min_value": Decimal("0.0001"),
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


class AskAgainDialog(BaseDialog):
    """Asks once more, with the reason, before something is done that is hardly meant."""

    anyway = forms.BooleanField(
        label=_("Do it anyway"), required=False, widget=forms.HiddenInput, help_text=""
    )

    def refused(self, error: DomainError) -> None:
        super().refused(error)
        if isinstance(error, Doubtful):
            self.fields["anyway"].widget = UnfoldBooleanSwitchWidget()


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
        kinds = Meter.objects.filter(public_id=self.object_id).values("kind")
        free = free.filter(kind__in=kinds)
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
        kinds = Meter.objects.filter(public_id=self.object_id).values("kind")
        field.queryset = Meter.objects.filter(is_active=True, kind__in=kinds).exclude(busy)


class RemoveDialog(BaseDialog):
    since = MomentField(label=_("Since"))
    end_register = forms.IntegerField(label=_("Last reading"), **REGISTER)


class MultiplierDialog(BaseDialog):
    since = MomentField(label=_("Since"))
    multiplier = forms.DecimalField(label=_("Multiplier"), **MULTIPLIER)
    register = forms.IntegerField(label=_("What the register showed then"), **REGISTER)


class TimeDialog(BaseDialog):
    """From when until when."""

    start = MomentField(label=_("From"), help_text=_("Empty: now."))
    end = MomentField(label=_("Until"), help_text="")

    def clean(self) -> dict[str, Any]:
        said: dict[str, Any] = super().clean() or self.cleaned_data
        if said.get("start") and said.get("end"):
            if said["start"] >= said["end"]:
                self.add_error("end", _("The end must come after the beginning."))
            else:
                said["period"] = Period(said["start"], said["end"])
        return said


class StretchDialog(TimeDialog):
    """A stretch of whole quarter-hours, and why it is filled."""

    start = MomentField(label=_("From"), help_text=_("On a quarter-hour: 14:00, 14:15 …"))
    reason = forms.CharField(
        label=_("Why"), min_length=3, max_length=200, widget=UnfoldAdminTextInputWidget
    )
    field_order: Any = ("start", "end", "reason")


class CountAgainDialog(TimeDialog):
    """Which readings; the seconds of a single one may be said."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # Any: the dialog's own arguments
        super().__init__(*args, **kwargs)
        for name in ("start", "end"):
            self.fields[name].required = True
            self.fields[name].widget.attrs["step"] = "1"
        self.fields["start"].help_text = ""
        self.fields["end"].help_text = _("A reading of this very instant is not among them.")


class LeaveOutDialog(CountAgainDialog):
    reason = forms.CharField(
        label=_("Why"), min_length=3, max_length=200, widget=UnfoldAdminTextInputWidget
    )
    field_order = ("start", "end", "reason")


class FillInDialog(StretchDialog, AskAgainDialog):
    amount = forms.DecimalField(
        label=_("Used in all (kWh or m³)"),
        min_value=0,
        max_digits=12,
        decimal_places=3,
        widget=UnfoldAdminDecimalFieldWidget,
    )
    field_order = ("start", "end", "amount", "reason", "anyway")


class EstimateDialog(StretchDialog):
    method = forms.ChoiceField(
        label=_("How"),
        choices=list(reversed(Method.choices)),
        widget=UnfoldAdminSelectWidget,
    )
    field_order = ("start", "end", "method", "reason")
