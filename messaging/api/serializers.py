from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from clients.kernel.api_fields import (
    PublicIdField,
    PublicKeyField,
    StrictChoice,
    StrictInstant,
    StrictSerializer,
    StrictText,
    TenantSerializer,
)
from clients.models import Client
from messaging.models import ChannelAccount, ChannelKind, Message, Template
from messaging.selectors.messages import explain
from messaging.services.accounts import SECRETS, SETTINGS, is_simulated, webhook_path


class DecisionSerializer(serializers.Serializer[Any]):
    """One line of why a message went, waits or did not go."""

    at = serializers.DateTimeField()
    verdict = serializers.CharField()
    reason = serializers.CharField()
    text = serializers.CharField()
    code = serializers.CharField(help_text="The provider's own code, if it gave one.")


class MessageSerializer(TenantSerializer):
    """To a client, or to a member of the team: the other one is null."""

    id = PublicIdField()
    client = PublicKeyField(read_only=True, allow_null=True)
    member = PublicKeyField(read_only=True, allow_null=True)
    trail = serializers.SerializerMethodField()

    class Meta:
        model = Message
        fields = [
            "id",
            "client",
            "member",
            "kind",
            "channel",
            "address",
            "subject",
            "body",
            "status",
            "dedupe_key",
            "due_at",
            "valid_until",
            "created_at",
            "sent_at",
            "delivered_at",
            "read_at",
            "failed_at",
            "trail",
        ]
        read_only_fields = fields

    @extend_schema_field(DecisionSerializer(many=True))
    def get_trail(self, message: Message) -> Any:
        return DecisionSerializer(explain(message), many=True).data


class NewMessageSerializer(StrictSerializer):
    """A message to write: of a registered kind with its variables, or in words of your own."""

    client = PublicKeyField(Client)
    kind = StrictText(max_length=60, required=False)
    values = serializers.DictField(
        child=StrictText(max_length=4000, allow_blank=True), required=False
    )
    subject = StrictText(max_length=200, required=False, allow_blank=True)
    text = StrictText(max_length=16_000, required=False)
    channel = StrictChoice(choices=ChannelKind.choices, required=False)
    due_at = StrictInstant(required=False)
    valid_until = StrictInstant(required=False)
    dedupe_key = StrictText(
        max_length=200,
        required=False,
        help_text="The same key again is the same message. Without one, each is its own.",
    )

    default_error_messages = {"what": _("Give either a kind or a text.")}

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("kind" in attrs) == ("text" in attrs):
            self.fail("what")
        return attrs


class TemplateSerializer(TenantSerializer):
    """The tenant's words. A change makes the next version; `id` names a version."""

    id = PublicIdField()

    class Meta:
        model = Template
        fields = [
            "id",
            "key",
            "channel",
            "language",
            "subject",
            "body",
            "provider_name",
            "version",
            "is_current",
            "created_at",
        ]
        read_only_fields = ["version", "is_current", "created_at"]


class ChannelAccountSerializer(TenantSerializer):
    """An account with a provider. Secrets are written and never read; `has_secrets` names them."""

    id = PublicIdField()
    credentials = serializers.DictField(
        child=StrictText(max_length=1000, allow_blank=True),
        required=False,
        write_only=True,
        help_text="E-mail: host, port, security (starttls, tls, none), username, password. "
        "WhatsApp: phone_number_id, access_token, app_secret, verify_token.",
    )
    has_secrets = serializers.SerializerMethodField()
    settings = serializers.SerializerMethodField()
    is_simulated = serializers.SerializerMethodField()
    webhook_path = serializers.SerializerMethodField()

    class Meta:
        model = ChannelAccount
        fields = [
            "id",
            "kind",
            "name",
            "sender",
            "credentials",
            "settings",
            "has_secrets",
            "is_simulated",
            "is_default",
            "is_active",
            "paused_until",
            "paused_reason",
            "webhook_path",
            "created_at",
        ]
        read_only_fields = ["paused_until", "paused_reason", "created_at"]

    default_error_messages = {"unknown_setting": _("This channel has no setting “{name}”.")}

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        kind = self.instance.kind if self.instance else attrs.get("kind", "")
        for name in attrs.get("credentials", {}):
            if name not in SETTINGS.get(kind, ()):
                self.fail("unknown_setting", name=name)
        return attrs

    def get_has_secrets(self, account: ChannelAccount) -> list[str]:
        return sorted(
            name for name, value in account.credentials.items() if value and name in SECRETS
        )

    @extend_schema_field(serializers.DictField(child=serializers.CharField()))
    def get_settings(self, account: ChannelAccount) -> dict[str, str]:
        known = account.credentials
        return {
            name: known[name]
            for name in SETTINGS[account.kind]
            if name in known and name not in SECRETS
        }

    def get_is_simulated(self, account: ChannelAccount) -> bool:
        return is_simulated(account)

    def get_webhook_path(self, account: ChannelAccount) -> str:
        return webhook_path(account)


class KindSerializer(serializers.Serializer[Any]):
    key = serializers.CharField()
    name = serializers.CharField(source="label")
    variables = serializers.DictField(
        child=serializers.CharField(), source="examples", help_text="Name and example."
    )
