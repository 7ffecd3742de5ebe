"""Device keys: made and revoked by verbs; the secret is shown once."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from django import forms
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html_join
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import display
from unfold.enums import ActionVariant
from unfold.widgets import UnfoldAdminSelectMultipleWidget, UnfoldAdminTextInputWidget

from clients.kernel import when
from clients.kernel.admin import TenantAdmin, office_page
from clients.kernel.chips import chip, look
from clients.kernel.forms import BaseDialog
from clients.kernel.verbs import verb
from meters.admin.next_steps import asked_row
from meters.models import Connection, ConnectionDriver, DeviceKey, Meter, MeterKind
from meters.selectors.places import name_of, with_serving
from meters.services.forwarding import PATH as INGEST
from meters.services.keys import (
    NewKey,
    create_key,
    overlap_end,
    revoke_key,
    rotate_key,
    set_meters,
)

look("key_ending", "warn", "hourglass_empty")
look("key_revoked", "bad", "block")
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
        asked = asked_row(field.queryset, self.request.GET.get("meter"))
        if asked:
            self.initial |= {"meters": [asked.pk], "name": name_of(asked)}


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


class RotateDialog(BaseDialog):
    """Says until which day the old key goes on."""

    preview_template = "meters/key_rotated.html"

    def preview(self, object_id: str | None) -> dict[str, object]:
        key = asked_row(DeviceKey.objects.all(), object_id)
        return {"until": overlap_end(key, timezone.now()) if key else None}


@office_page(DeviceKey)
class DeviceKeyAdmin(TenantAdmin):
    list_display = ("subject", "prefix", "situation", "used")
    search_fields = ("name", "prefix")
    search_help_text = gettext_lazy("Name or beginning of the key")
    fields = (
        "situation",
        ("name", "prefix"),
        "meters_reported",
        "rate_per_minute",
        ("time_zone", "epoch_unit"),
        "stamps_arrival",
        ("expires_at", "last_used_at"),
    )
    readonly_fields = ("situation", "prefix", "last_used_at", "expires_at", "meters_reported")
    actions_list = ("create",)
    actions_detail = ("choose_meters", "rotate", "revoke")
    settings_icon = "key"
    settings_text = gettext_lazy("What devices and gateways show to send readings")
    empty_icon = "key"
    empty_title = gettext_lazy("No device key yet")
    empty_text = gettext_lazy("A device shows its key each time it sends readings.")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        """A revoked key can only be read."""
        key = self.get_object(request, str(object_id))
        shown: list[Any] = super().get_actions_detail(request, object_id)
        return [] if key and key.revoked_at else shown

    @display(description=gettext_lazy("Key"), ordering="name")
    def subject(self, key: DeviceKey) -> str:
        return key.name

    @display(description=gettext_lazy("Situation"))
    def situation(self, key: DeviceKey) -> str:
        if key.revoked_at:
            return chip("key_revoked", f"{_('Revoked')} · {when.moment(key.revoked_at)}")
        if key.expires_at is None:
            return chip("active", _("Works"))
        if key.expires_at <= timezone.now():
            return chip("closed", _("Expired"))
        until = {"when": when.moment(key.expires_at)}
        return chip("key_ending", _("Works until %(when)s") % until)

    @display(description=gettext_lazy("Last used"), ordering="last_used_at")
    def used(self, key: DeviceKey) -> str:
        return when.ago(key.last_used_at) if key.last_used_at else _("never")

    @display(description=gettext_lazy("Meters it reports"))
    def meters_reported(self, key: DeviceKey) -> str:
        meters = key.meters.prefetch_related(with_serving("installations"))[:MOST_NAMED]
        links = [(_page_of_meter(meter), _named(meter)) for meter in meters]
        return format_html_join(", ", '<a class="p-link" href="{}">{}</a>', links) or "—"

    def told_once(
        self, request: HttpRequest, made: NewKey, old: DeviceKey | None = None
    ) -> HttpResponse:
        """The secret and how to send with it; `old` is the key that it replaces."""
        meters = list(made.key.meters.all())
        speaks = Connection.objects.filter(
            meter__in=meters, driver=ConnectionDriver.CHIRPSTACK
        ).exists()
        context = {
            "secret": made.secret,
            "key": made.key,
            "link": self.page_of(made.key),
            "example": example_of(made.secret, meters[0] if meters else None, timezone.now()),
            "old_until": old.expires_at if old else None,
            "chirpstack": public(reverse("meters:chirpstack")),
            "is_chirpstack": speaks,
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
        return self.told_once(request, made)

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
        text=gettext_lazy("A new key for the same meters."),
        submit=gettext_lazy("Make the new key"),
        form=RotateDialog,
    )
    def rotate(self, request: HttpRequest, form: Any, key: DeviceKey) -> HttpResponse:
        made = rotate_key(key, now=timezone.now())
        return self.told_once(request, made, old=key)

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


def _page_of_meter(meter: Meter) -> str:
    return reverse("admin:meters_meter_change", args=[meter.public_id])


def _named(meter: Meter) -> str:
    name = name_of(meter)
    return name if name == meter.serial else f"{name} · {meter.serial}"


def public(address: str) -> str:
    """The address as devices call it, from outside."""
    return f"{settings.PUBLIC_URL.rstrip('/')}{address}"


def example_of(secret: str, meter: Meter | None, now: datetime) -> str:
    """A command that sends one reading of this meter with this key."""
    is_water = meter is not None and meter.kind == MeterKind.WATER
    reading = {
        "meter": meter.serial if meter else "…",
        "measured_at": timezone.localtime(now).isoformat(timespec="seconds"),
        "volume_l" if is_water else "energy_import_wh": 1_234_500,
    }
    body = json.dumps(reading, ensure_ascii=False).replace("'", "'\\''")
    return f"""curl {public(INGEST)} \\
  -H 'Authorization: Bearer {secret}' \\
  -d '{body}'"""
