"""What installing and exchanging a meter asks for."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django import forms
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminDecimalFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from clients.kernel.errors import DomainError
from clients.kernel.forms import BaseDialog, MomentField
from clients.kernel.periods import Period
from meters.admin.register_field import RegisterField, unit_shown
from meters.errors import Doubtful
from meters.models import Meter, MeteringPoint, MeterKind, Method

MULTIPLIER = {
    "min_value": Decimal("0.0001"),
    "max_value": Decimal(1_000_000),
    "max_digits": 12,
    "decimal_places": 4,
    "initial": Decimal(1),
    "widget": UnfoldAdminDecimalFieldWidget,
    "help_text": _("CT × PT: what one unit of the register stands for. 1 without transformers."),
}


def free_points() -> QuerySet[MeteringPoint]:
    """Where no meter is now."""
    taken = Q(installations__ends_at__isnull=True, installations__isnull=False)
    return MeteringPoint.objects.exclude(taken).select_related("site__client")


def place_in_words(point: MeteringPoint) -> str:
    """Points of different clients have the same names."""
    return f"{point.site.client} · {point.site} · {point}"


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


class RegisterDialog(BaseDialog):
    """Asks for what a meter's register shows, in the unit in which it shows it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # Any: the dialog's own arguments
        super().__init__(*args, **kwargs)
        meter = Meter.objects.filter(public_id=self.object_id).first()
        self.unit = unit_shown(meter.kind if meter else MeterKind.ENERGY)
        for field in self.fields.values():
            if isinstance(field, RegisterField):
                field.name_unit(self.unit)


class InstallDialog(RegisterDialog):
    metering_point = forms.ModelChoiceField(
        label=_("Place"), queryset=MeteringPoint.objects.none(), widget=UnfoldAdminSelectWidget
    )
    since = MomentField(label=_("Since"))
    start_register = RegisterField(label=_("First reading"))
    multiplier = forms.DecimalField(label=_("Multiplier"), **MULTIPLIER)

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # Any: the dialog's own arguments
        super().__init__(*args, **kwargs)
        kinds = Meter.objects.filter(public_id=self.object_id).values("kind")
        field: Any = self.fields["metering_point"]
        field.queryset = free_points().filter(kind__in=kinds)
        field.label_from_instance = place_in_words


class ExchangeDialog(RegisterDialog):
    new_meter = forms.ModelChoiceField(
        label=_("New meter"), queryset=Meter.objects.none(), widget=UnfoldAdminSelectWidget
    )
    since = MomentField(label=_("Since"))
    end_register = RegisterField(label=_("Last reading of the old meter"))
    start_register = RegisterField(label=_("First reading of the new meter"))
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


class RemoveDialog(RegisterDialog):
    since = MomentField(label=_("Since"))
    end_register = RegisterField(label=_("Last reading"))


class MultiplierDialog(RegisterDialog):
    since = MomentField(label=_("Since"))
    multiplier = forms.DecimalField(label=_("Multiplier"), **MULTIPLIER)
    register = RegisterField(label=_("What the register showed then"))


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


class StretchDialog(TimeDialog, RegisterDialog):
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
    amount = RegisterField(label=_("Used in all"), required=True, help_text="")
    field_order = ("start", "end", "amount", "reason", "anyway")


class EstimateDialog(StretchDialog):
    method = forms.ChoiceField(
        label=_("How"),
        choices=list(reversed(Method.choices)),
        widget=UnfoldAdminSelectWidget,
    )
    field_order = ("start", "end", "method", "reason")
