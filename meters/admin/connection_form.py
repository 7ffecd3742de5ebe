"""The form of a connection: each option and secret that a driver declares is a field."""

from __future__ import annotations

import json
from typing import Any, Final

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminPasswordWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
)

from clients.kernel.fields import opened
from clients.kernel.forms import TenantForm
from meters.drivers.checks import LAST_CHANNEL
from meters.drivers.profiles import GENERIC
from meters.drivers.takes import CHOICES, OF_LINE, SECRETS, TAKES
from meters.drivers.tuya_map import point_maps
from meters.models import Connection, MqttBroker
from meters.services.connections import map_choices, profile_choices
from meters.services.listening import BROKER, CHANNEL

# An order of words or bytes, as people say it.
ORDERS: Final = {
    "high_first": gettext_lazy("Most significant first"),
    "low_first": gettext_lazy("Least significant first"),
}
LABELS: Final = {
    "word_order": gettext_lazy("Order of words"),
    "byte_order": gettext_lazy("Order of bytes"),
    "version": gettext_lazy("Protocol version"),
    "region": gettext_lazy("Data centre"),
    "local_key": gettext_lazy("Local key"),
    "client_id": gettext_lazy("Client id of the project"),
    "secret": gettext_lazy("Client secret of the project"),
    "password": gettext_lazy("Password of the device"),
}
EMPTY: Final = {
    "word_order": gettext_lazy("As the profile says"),
    "byte_order": gettext_lazy("As the profile says"),
    "version": gettext_lazy("3.3, the usual one"),
    "region": gettext_lazy("us, the usual one"),
}
# What a driver calls the name of a device.
ADDRESSES: Final = {
    "tasmota": gettext_lazy("Topic of the device"),
    "shelly": gettext_lazy("Topic or id of the device"),
    "zigbee2mqtt": gettext_lazy("Friendly name of the device"),
    "chirpstack": gettext_lazy("DevEUI"),
    "tuya": gettext_lazy("Device id"),
    "tuya_cloud": gettext_lazy("Device id"),
}
POLLED_BY_PROFILE: Final = "modbus"


def order_choices() -> list[tuple[str, Any]]:
    """The orders, and the profile's own."""
    return [("", EMPTY["word_order"]), *ORDERS.items()]


def _option_field(name: str) -> forms.ChoiceField:
    said = [(value, ORDERS.get(value, value)) for value in CHOICES[name]]
    return forms.ChoiceField(
        label=LABELS[name],
        choices=[("", EMPTY[name]), *said],
        required=False,
        widget=UnfoldAdminSelectWidget,
    )


def _secret_field(name: str) -> forms.CharField:
    return forms.CharField(
        label=LABELS[name],
        max_length=200,
        required=False,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
        help_text=gettext_lazy("Kept encrypted and never shown. Left empty it stays."),
    )


class ConnectionForm(TenantForm):
    """The connection. What is secret is never shown; left empty, it stays."""

    profile = forms.ChoiceField(
        label=gettext_lazy("Profile"),
        required=False,
        widget=UnfoldAdminSelectWidget,
        help_text=gettext_lazy("Which registers the device has, and what they mean."),
    )
    broker = forms.ChoiceField(
        label=gettext_lazy("Broker"),
        required=False,
        widget=UnfoldAdminSelectWidget,
        help_text=gettext_lazy("Where the device publishes. Empty: your oldest one."),
    )
    channel = forms.IntegerField(
        label=gettext_lazy("Channel"),
        required=False,
        min_value=0,
        max_value=LAST_CHANNEL,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text=gettext_lazy("Of a Shelly that measures several circuits; the first is 0."),
    )
    word_order = _option_field("word_order")
    byte_order = _option_field("byte_order")
    version = _option_field("version")
    region = _option_field("region")
    local_key = _secret_field("local_key")
    client_id = _secret_field("client_id")
    secret = _secret_field("secret")
    password = _secret_field("password")

    class Meta:
        model = Connection
        fields = "__all__"  # the page names them
        labels = {"options": gettext_lazy("More options (JSON)")}
        help_texts = {
            "options": gettext_lazy(
                "Only for registers, fields or data points that you spell out yourself."
            )
        }
        widgets = {"options": UnfoldAdminTextareaWidget(attrs={"rows": 4})}

    class Media:
        js = ("meters/connection.js",)

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # Any: the form's own arguments
        super().__init__(*args, **kwargs)
        if "profile" not in self.fields:  # it is only read
            return
        fields: dict[str, Any] = self.fields
        fields["profile"].choices = [("", "—"), *profile_choices(), *map_choices()]
        brokers = MqttBroker.objects.order_by("name")
        fields[BROKER].choices = [("", "—"), *((str(b.public_id), b.name) for b in brokers)]
        if "driver" in fields:
            fields["driver"].widget.attrs["data-takes"] = json.dumps(takes())
        options = self.instance.options if isinstance(self.instance.options, dict) else {}
        for name in (BROKER, CHANNEL, *CHOICES):
            self.initial.setdefault(name, options.get(name))
        self.initial["options"] = {n: v for n, v in options.items() if n not in self._named}

    @property
    def _named(self) -> tuple[str, ...]:
        """Options with a field of their own."""
        return (BROKER, CHANNEL, *CHOICES)

    def clean(self) -> dict[str, Any]:
        """Options and secrets with a field of their own go where the driver looks for them."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        takes = TAKES.get(cleaned.get("driver", self.instance.driver))
        if takes is None or "profile" not in self.fields:
            return cleaned
        others = cleaned.get("options")
        if isinstance(others, dict):
            used = {*takes.columns, *takes.choices}
            said = {name: cleaned.get(name) for name in self._named if name in used}
            kept = {name: value for name, value in said.items() if value not in (None, "")}
            cleaned["options"] = {n: v for n, v in others.items() if n not in said} | kept
        if self.instance.pk and not opened(self.instance, "secrets"):
            self.instance.secrets = ""  # nobody can open it: it is to be typed again
        known = _secrets_of(self.instance)
        typed = {name: cleaned[name] for name in takes.secrets if cleaned.get(name)}
        if typed:
            self.instance.secrets = json.dumps(known | typed)
        return cleaned

    def _update_errors(self, errors: ValidationError) -> None:
        """What the model says of secrets stands under the field of the first that is asked."""
        said: Any = errors
        wrong = getattr(said, "error_dict", {})
        if "secrets" in wrong and "secrets" not in self.fields:
            takes = TAKES.get(self.cleaned_data.get("driver", ""))
            shown = takes.secrets[0] if takes and takes.secrets else "driver"
            wrong[shown] = wrong.pop("secrets")
        super()._update_errors(errors)  # type: ignore[misc] # Django's own, not in the stubs


def _secrets_of(row: Connection) -> dict[str, Any]:
    try:
        known = json.loads(row.secrets) if row.pk and row.secrets else {}
    except ValueError:
        return {}
    return known if isinstance(known, dict) else {}


def takes() -> dict[str, Any]:
    """What the page shows for each driver, in the words of `connection.js`."""
    modbus, tuya = [name for name, _title in profile_choices()], list(point_maps())
    drivers = {
        driver: {
            "fields": [*each.columns, *each.choices, *each.secrets],
            "profiles": modbus if driver == POLLED_BY_PROFILE else tuya,
            "options": [GENERIC] if driver == POLLED_BY_PROFILE else each.is_open,
            "address": str(ADDRESSES.get(driver, "")),
        }
        for driver, each in TAKES.items()
    }
    return {"drivers": drivers, "lines": OF_LINE}


FIELDSETS: Final = (
    (gettext_lazy("Device"), {"fields": [("meter", "driver"), "profile"]}),
    (
        gettext_lazy("Where it is"),
        {
            "fields": [
                ("transport", "unit_id"),
                ("host", "port"),
                "serial_path",
                ("baud", "parity", "stop_bits"),
                "address",
                ("broker", "channel"),
            ]
        },
    ),
    (
        gettext_lazy("How to get in"),
        {"fields": ["version", "region", *SECRETS]},
    ),
    (gettext_lazy("How often"), {"fields": [("poll_every_seconds", "timeout_ms")]}),
    (
        gettext_lazy("How it is read"),
        {"fields": [("word_order", "byte_order"), "options"]},
    ),
    (gettext_lazy("How it goes"), {"fields": [("state", "last_ok_at"), "said"]}),
)
