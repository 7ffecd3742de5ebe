"""Receiving accounts: where the money arrives. Secrets are written, never shown."""

from __future__ import annotations

from typing import Any

from django import forms
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display
from unfold.widgets import UnfoldAdminPasswordWidget

from billing.models import GatewayAccount
from clients.kernel.admin import TenantAdmin, office_page
from clients.kernel.chips import chip
from clients.kernel.forms import TenantForm


class GatewayForm(TenantForm):
    """A secret that is left empty stays as it was."""

    client_secret = forms.CharField(
        label=_("Client secret"),
        required=False,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
        help_text=_("Empty keeps the one that is there."),
    )

    class Meta:
        model = GatewayAccount
        fields = (
            "name",
            "kind",
            "pix_key",
            "receiver_name",
            "receiver_city",
            "base_url",
            "client_id",
            "client_secret",
            "is_default",
            "is_active",
        )

    def clean_client_secret(self) -> str:
        return str(self.cleaned_data["client_secret"] or self.instance.client_secret)


@office_page(GatewayAccount)
class GatewayAdmin(TenantAdmin):
    form = GatewayForm
    list_display = ("subject", "kind", "pix_key", "situation")
    fieldsets = (
        (_("Account"), {"fields": [("name", "kind"), ("is_default", "is_active")]}),
        (_("Pix"), {"fields": ["pix_key", ("receiver_name", "receiver_city")]}),
        (_("Bank's API"), {"fields": ["base_url", ("client_id", "client_secret")]}),
    )
    settings_icon = "account_balance"
    settings_text = _("Pix key and bank: where clients' money arrives")
    empty_icon = "account_balance"
    empty_title = _("No receiving account yet")
    empty_text = _("With a Pix key every invoice carries its code.")
    empty_verb = _("Add a Pix key")

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.fieldsets

    @display(description=_("Account"), ordering="name")
    def subject(self, account: GatewayAccount) -> str:
        return account.name

    @display(description=_("Situation"), ordering="is_active")
    def situation(self, account: GatewayAccount) -> str:
        if not account.is_active:
            return chip("paused", str(_("Switched off")))
        return chip(
            "active", str(_("Used for new invoices") if account.is_default else _("Active"))
        )
