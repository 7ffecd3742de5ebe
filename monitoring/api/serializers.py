from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from clients.kernel.api_fields import StrictInstant


class ChangeSerializer(serializers.Serializer[Any]):
    field = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment] # a field of ours, not DRF's label
    before = serializers.CharField(allow_null=True)
    after = serializers.CharField(allow_null=True)


class PersonSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField(source="user_public_id")
    name = serializers.CharField(source="who")


class AuditEntrySerializer(serializers.Serializer[Any]):
    """One change of one row: who, what, before and after, when, why."""

    at = serializers.DateTimeField()
    verb = serializers.ChoiceField(choices=["created", "changed", "deleted"])
    model = serializers.CharField()
    object_id = serializers.CharField(help_text="The row's id, when it has one.")
    subject = serializers.CharField(help_text="What the row called itself then.")
    user = serializers.SerializerMethodField()
    task = serializers.CharField(help_text="The task that did it, when nobody did.")
    reason = serializers.CharField()
    request_id = serializers.CharField()
    changes = ChangeSerializer(many=True)

    @extend_schema_field(PersonSerializer(allow_null=True))
    def get_user(self, entry: Any) -> Any:
        return PersonSerializer(entry).data if entry.user_public_id else None


class AuditPageSerializer(serializers.Serializer[Any]):
    results = AuditEntrySerializer(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class AuditQuestionSerializer(serializers.Serializer[Any]):
    """The query parameters."""

    model = serializers.CharField(default="", help_text="For example `clients.client`.")
    object_id = serializers.UUIDField(required=False)
    user = serializers.UUIDField(required=False)
    since = StrictInstant(required=False)
    until = StrictInstant(required=False)
