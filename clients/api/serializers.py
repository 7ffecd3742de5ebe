from __future__ import annotations

from typing import Any

from django.conf import settings
from rest_framework import serializers

from clients.kernel.api_fields import (
    PublicIdField,
    StrictChoice,
    StrictSerializer,
    StrictText,
    TenantSerializer,
)
from clients.models import Client, ContactPoint, Membership, StoredFile, Tenant
from clients.services.clients import save_client


class ContactPointSerializer(TenantSerializer):
    id = PublicIdField()

    class Meta:
        model = ContactPoint
        fields = ["id", "kind", "value", "label", "is_preferred"]


class ClientSerializer(TenantSerializer):
    """A client. Sending `contact_points` replaces all of them."""

    id = PublicIdField()
    document = StrictText(max_length=20, required=False, allow_blank=True)  # with punctuation
    postal_code = StrictText(max_length=10, required=False, allow_blank=True)
    contact_points = ContactPointSerializer(many=True, required=False)

    class Meta:
        model = Client
        fields = [
            "id",
            "name",
            "kind",
            "status",
            "document",
            "language",
            "address",
            "city",
            "state",
            "postal_code",
            "notes",
            "contact_points",
            "created_at",
        ]
        read_only_fields = ["created_at"]

    def store(self, instance: Client, values: dict[str, Any]) -> Client:
        return save_client(instance, values, values.pop("contact_points", None))


class TenantProfileSerializer(TenantSerializer):
    """The operator's own company."""

    id = PublicIdField()
    locale = StrictChoice(choices=settings.LANGUAGES, required=False)

    class Meta:
        model = Tenant
        fields = [
            "id",
            "name",
            "slug",
            "trade",
            "status",
            "legal_name",
            "document",
            "address",
            "city",
            "state",
            "currency",
            "locale",
            "time_zone",
            "is_demo",
            "created_at",
        ]
        read_only_fields = ["slug", "status", "trade", "currency", "is_demo", "created_at"]


class TeamPersonSerializer(serializers.Serializer[Any]):
    id = PublicIdField()
    email = serializers.EmailField(read_only=True)
    name = serializers.CharField(read_only=True)


class MembershipSerializer(TenantSerializer):
    id = PublicIdField()
    user = TeamPersonSerializer(read_only=True)

    class Meta:
        model = Membership
        fields = ["id", "user", "role", "is_active", "created_at"]
        read_only_fields = ["created_at"]


class StoredFileSerializer(TenantSerializer):
    id = PublicIdField()

    class Meta:
        model = StoredFile
        fields = ["id", "kind", "name", "content_type", "size_bytes", "created_at", "expires_at"]
        read_only_fields = fields


class CredentialsSerializer(StrictSerializer):
    email = serializers.EmailField()
    password = StrictText(trim_whitespace=False, max_length=1000, write_only=True)


class RefreshSerializer(StrictSerializer):
    refresh = StrictText(max_length=4000)


class TokensSerializer(serializers.Serializer[Any]):
    access = serializers.CharField(read_only=True)
    refresh = serializers.CharField(read_only=True)


class NewPasswordSerializer(StrictSerializer):
    old_password = StrictText(trim_whitespace=False, max_length=1000, write_only=True)
    new_password = StrictText(trim_whitespace=False, max_length=1000, write_only=True)


class MyTenantSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    name = serializers.CharField()
    is_open = serializers.BooleanField(help_text="Whether this request acts for it.")
    role = serializers.CharField(allow_null=True, help_text="Known for the open company.")


class MeSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField(source="public_id")
    email = serializers.EmailField()
    name = serializers.CharField()
    language = serializers.CharField()
    memberships = MyTenantSerializer(many=True)
