"""Device keys: made and revoked by verbs; the secret is shown once."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import display
from unfold.enums import ActionVariant
from unfold.widgets import UnfoldAdminSelectMultipleWidget, UnfoldAdminTextInputWidget

from clients.kernel import when
from clients.kernel.admin import TenantAdmin, office_page
from clients.kernel.chips import chip
from clients.kernel.forms import BaseDialog
from clients.kernel.verbs import verb
from meters.models import DeviceKey, Meter
from meters.services.keys import create_key, revoke_key, rotate_key, set_meters

MOST_NAMED = 50


class NewKeyDialog(BaseDialog):
    name = forms.CharField(
        label=gettext_lazy("Device or gateway"), max_length=120, widget=UnfoldAdminTextInputWidget
    )
    meters = forms.ModelMultipleChoiceField(
        label=gettext_lazy("Meters it reports"),
        queryset=Meter.objects.none(),
        widget=UnfoldAdminSelectMultipleWidget,
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # Any: the dialog's own arguments
        super().__init__(*args, **kwargs)
        field: Any = self.fields["meters"]
        field.queryset = Meter.objects.filter(is_active=True)


class MetersDialog(BaseDialog):
    meters = forms.ModelMultipleChoiceField(
        label=gettext_lazy("Meters it reports"),
        queryset=Meter.objects.none(),
        widget=UnfoldAdminSelectMultipleWidget,
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # Any: the dialog's own arguments
        super().__init__(*args, **kwargs)
        field: Any = self.fields["meters"]
        field.queryset = Meter.objects.filter(is_active=True)
        key = DeviceKey.objects.filter(public_id=self.object_id).first()
        field.initial = [meter.pk for meter in key.meters.all()] if key else []


@office_page(DeviceKey)
class DeviceKeyAdmin(TenantAdmin):
    list_display = ("subject", "prefix", "situation", "used")
    search_fields = ("name", "prefix")
    search_help_text = gettext_lazy("Name or beginning of the key")
    fields = (
        ("name", "prefix"),
        "meters_reported",
        "rate_per_minute",
        ("time_zone", "epoch_unit"),
        "stamps_arrival",
        ("expires_at", "last_used_at"),
    )
    readonly_fields = ("prefix", "last_used_at", "expires_at", "meters_reported")
    actions_list = ("create",)
    actions_detail = ("choose_meters", "rotate", "revoke")
    settings_icon = "key"
    settings_text = gettext_lazy("What devices and gateways show to send readings")
    empty_icon = "key"
    empty_title = gettext_lazy("No device key yet")
    empty_text = gettext_lazy("A device shows its key each time it sends readings.")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    @display(description=gettext_lazy("Key"), ordering="name")
    def subject(self, key: DeviceKey) -> str:
        return key.name

    @display(description=gettext_lazy("Situation"))
    def situation(self, key: DeviceKey) -> str:
        now = timezone.now()
        if key.revoked_at:
            return chip("closed", _("Revoked"))
        if key.expires_at and key.expires_at <= now:
            return chip("closed", _("Expired"))
        return chip("active", _("Works"))

    @display(description=gettext_lazy("Last used"), ordering="last_used_at")
    def used(self, key: DeviceKey) -> str:
        return when.ago(key.last_used_at) if key.last_used_at else _("never")

    @display(description=gettext_lazy("Meters it reports"))
    def meters_reported(self, key: DeviceKey) -> str:
        return ", ".join(str(meter) for meter in key.meters.all()[:MOST_NAMED]) or "—"

    def told_once(self, request: HttpRequest, secret: str, key: DeviceKey) -> HttpResponse:
        address = reverse("meters:chirpstack")
        context = {
            "secret": secret,
            "key": key,
            "link": self.page_of(key),
            "chirpstack": settings.PUBLIC_URL.rstrip("/") + address,
        }
        return render(request, "meters/key_once.html", context)

    @verb(
        gettext_lazy("New key"),
        icon="add",
        submit=gettext_lazy("Create key"),
        form=NewKeyDialog,
        variant=ActionVariant.PRIMARY,
    )
    def create(self, request: HttpRequest, form: Any) -> HttpResponse:
        made = create_key(form.cleaned_data["name"], form.cleaned_data["meters"])
        return self.told_once(request, made.secret, made.key)

    @verb(
        gettext_lazy("Meters"),
        icon="speed",
        title=gettext_lazy("Which meters does this key report?"),
        submit=gettext_lazy("Save the meters"),
        form=MetersDialog,
    )
    def choose_meters(self, request: HttpRequest, form: Any, key: DeviceKey) -> str:
        set_meters(key, form.cleaned_data["meters"])
        return _("The key reports these meters now.")

    @verb(
        gettext_lazy("Replace"),
        icon="autorenew",
        title=gettext_lazy("Replace this key?"),
        text=gettext_lazy("A new key for the same meters. The old one works a while longer."),
        submit=gettext_lazy("Make the new key"),
    )
    def rotate(self, request: HttpRequest, form: Any, key: DeviceKey) -> HttpResponse:
        made = rotate_key(key, now=timezone.now())
        return self.told_once(request, made.secret, made.key)

    @verb(
        gettext_lazy("Revoke"),
        icon="block",
        title=gettext_lazy("Revoke this key?"),
        text=gettext_lazy("Devices that use it stop within two seconds. What they sent stays."),
        submit=gettext_lazy("Revoke the key"),
        variant=ActionVariant.DANGER,
    )
    def revoke(self, request: HttpRequest, form: Any, key: DeviceKey) -> str:
        revoke_key(key, now=timezone.now())
        return _("The key does not work any more.")
