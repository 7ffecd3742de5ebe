"""What billing's verbs ask for, and what they show before anything happens."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any, Final

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminDateWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
)

from billing.models import Invoice, PaymentMethod
from billing.services.runs import preview_billing
from clients.kernel.forms import BaseDialog, MoneyField
from clients.kernel.periods import Period, month_of
from clients.kernel.tenancy import current_tenant_id
from clients.models import Tenant

FIRST_MONTH: Final = date(2000, 1, 1)  # nothing here was supplied before


class PaidDialog(BaseDialog):
    """Money that came outside the bank's own confirmation."""

    amount = MoneyField(label=_("Amount received"))
    method = forms.ChoiceField(
        label=_("How it was paid"), choices=PaymentMethod.choices, widget=UnfoldAdminSelectWidget
    )
    received_on = forms.DateField(label=_("When"), widget=UnfoldAdminDateWidget)
    note = forms.CharField(
        label=_("Note"), required=False, max_length=200, widget=UnfoldAdminTextInputWidget
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # Any: the dialog's own arguments
        super().__init__(*args, **kwargs)
        invoice = Invoice.objects.filter(public_id=self.object_id).first()
        if invoice is not None:
            self.fields["amount"].initial = invoice.open_cents
        self.fields["received_on"].initial = timezone.localdate()

    def clean_received_on(self) -> date:
        chosen: date = self.cleaned_data["received_on"]
        if chosen > timezone.localdate() + timedelta(days=1):
            raise forms.ValidationError(_("This day has not come yet."))
        if chosen < FIRST_MONTH:
            raise forms.ValidationError(_("This day is too long ago."))
        return chosen


class VoidDialog(BaseDialog):
    reason = forms.CharField(
        label=_("Why"), min_length=3, max_length=200, widget=UnfoldAdminTextInputWidget
    )


class DecideDialog(BaseDialog):
    note = forms.CharField(
        label=_("Why"), min_length=3, max_length=200, widget=UnfoldAdminTextInputWidget
    )


class BillDialog(BaseDialog):
    """A month to bill, with what would happen."""

    preview_template = "billing/admin/bill_preview.html"
    month = forms.DateField(
        label=_("Month"),
        input_formats=["%Y-%m"],
        widget=forms.TextInput(attrs={"type": "month", "class": "p-input"}),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # Any: the dialog's own arguments
        super().__init__(*args, **kwargs)
        self.fields["month"].initial = f"{last_month():%Y-%m}"

    def clean_month(self) -> date:
        chosen: date = self.cleaned_data["month"]
        if not FIRST_MONTH <= chosen <= timezone.localdate():
            raise forms.ValidationError(_("This month cannot be billed yet, or any more."))
        return chosen

    def preview(self, object_id: str | None) -> dict[str, object]:
        asked = self.cleaned_data.get("month") if self.is_bound and self.is_valid() else None
        month = asked or last_month()
        return {"preview": preview_billing(billed_month(month), now=timezone.now()), "month": month}


def last_month() -> date:
    return timezone.localdate().replace(day=1) - timedelta(days=1)


def billed_month(day: date) -> Period:
    """The tenant's month that holds `day`."""
    return month_of(day, Tenant.objects.get(pk=current_tenant_id()).zone)
