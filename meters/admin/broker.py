"""MQTT brokers: where devices publish, and what was heard there."""

from __future__ import annotations

from typing import Any

from django import forms
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import display
from unfold.enums import ActionVariant
from unfold.widgets import UnfoldAdminPasswordWidget

from clients.kernel import show, when
from clients.kernel.admin import TenantAdmin, office_page
from clients.kernel.chips import chip, look
from clients.kernel.fields import opened
from clients.kernel.forms import TenantForm
from clients.kernel.verbs import verb
from meters.models import MqttBroker
from meters.services.connections import sentence_of
from meters.services.listening import listen_again, listened_to, stop_listening

look("broker_new", "plain", "hourglass_empty")
look("broker_connected", "good", "sensors")
look("broker_failing", "bad", "sensors_off")


class BrokerForm(TenantForm):
    """The password is written here and never shown again; left empty it stays."""

    password = forms.CharField(
        label=gettext_lazy("Password"),
        max_length=200,
        required=False,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
        help_text=gettext_lazy("Left empty it stays."),
    )

    class Meta:
        model = MqttBroker
        fields = ("name", "host", "port", "is_tls", "username", "password")

    def clean_password(self) -> str:
        typed: str = self.cleaned_data["password"]
        return typed or (opened(self.instance, "password") if self.instance.pk else "")


@office_page(MqttBroker)
class MqttBrokerAdmin(TenantAdmin):
    form = BrokerForm
    list_display = ("subject", "place", "situation", "heard", "devices", "trouble")
    search_fields = ("name", "host")
    search_help_text = gettext_lazy("Name or address")
    fieldsets = (
        (
            gettext_lazy("Broker"),
            {"fields": ["name", ("host", "port"), "is_tls", ("username", "password")]},
        ),
        (
            gettext_lazy("How it goes"),
            {"fields": [("situation", "heard"), "trouble", "counts", "misunderstood"]},
        ),
    )
    readonly_fields = ("situation", "heard", "trouble", "counts", "misunderstood")
    actions_detail = ("pause", "resume")
    settings_icon = "sensors"
    settings_text = gettext_lazy("Where Tasmota, Shelly and Zigbee2MQTT devices publish")
    empty_icon = "sensors"
    empty_title = gettext_lazy("No broker yet")
    empty_text = gettext_lazy(
        "Devices publish on a broker of yours; type its address, then connect each meter by topic."
    )

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """What does not exist yet has no state."""
        return self.fieldsets if obj else self.fieldsets[:1]

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        row = self.get_object(request, str(object_id))
        hidden = "pause" if row is None or not row.is_active else "resume"
        shown: list[Any] = super().get_actions_detail(request, object_id)
        return [action for action in shown if action.path != hidden]

    @display(description=gettext_lazy("Broker"), ordering="name")
    def subject(self, row: MqttBroker) -> str:
        return row.name

    @display(description=gettext_lazy("Address"), ordering="host")
    def place(self, row: MqttBroker) -> str:
        return f"{row.where} · TLS" if row.is_tls else row.where

    @display(description=gettext_lazy("Situation"), ordering="state")
    def situation(self, row: MqttBroker) -> str:
        if not row.is_active:
            return chip("paused", _("Paused"))
        return chip(f"broker_{row.state}", row.get_state_display())

    @display(description=gettext_lazy("Last message"), ordering="heard_at")
    def heard(self, row: MqttBroker) -> str:
        return when.ago(row.heard_at) if row.heard_at else _("never")

    @display(description=gettext_lazy("Devices"))
    def devices(self, row: MqttBroker) -> str:
        return show.number(len(listened_to(row)))

    @display(description=gettext_lazy("Trouble"))
    def trouble(self, row: MqttBroker) -> str:
        return sentence_of(row.last_error, {}) or "—"

    @display(description=gettext_lazy("Since it was set up"))
    def counts(self, row: MqttBroker) -> str:
        return _(
            "%(messages)s messages, %(readings)s new readings; %(malformed)s not understood, "
            "%(unknown)s of nobody, %(undated)s without a time after a pause"
        ) % {
            name: show.number(getattr(row, name))
            for name in ("messages", "readings", "malformed", "unknown", "undated")
        }

    @display(description=gettext_lazy("Last one that was not understood"))
    def misunderstood(self, row: MqttBroker) -> str:
        found = row.last_malformed
        return f"{found['topic']} · {found['reason']}" if found else "—"

    @verb(
        gettext_lazy("Pause"),
        icon="pause_circle",
        title=gettext_lazy("Stop listening to this broker?"),
        text=gettext_lazy("What devices say meanwhile waits at the broker, if it keeps it."),
        submit=gettext_lazy("Pause"),
    )
    def pause(self, request: HttpRequest, form: Any, row: MqttBroker) -> str:
        stop_listening(row)
        return _("Nobody listens to this broker any more.")

    @verb(
        gettext_lazy("Resume"),
        icon="play_circle",
        title=gettext_lazy("Listen to this broker again?"),
        text=gettext_lazy("It begins within seconds."),
        submit=gettext_lazy("Resume"),
        variant=ActionVariant.PRIMARY,
    )
    def resume(self, request: HttpRequest, form: Any, row: MqttBroker) -> str:
        listen_again(row)
        return _("We listen to this broker again.")
