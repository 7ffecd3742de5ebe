"""Readings that were set apart: impossible clocks, and second values for one instant."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from clients.kernel.api import TenantViewSet
from clients.kernel.api_fields import (
    PublicIdField,
    PublicKeyField,
    StrictBoolean,
    StrictInstant,
    StrictSerializer,
    StrictText,
    TenantSerializer,
)
from clients.kernel.api_lists import TenantFilterSet
from meters.api.views import told
from meters.models import Conflict, Handling, Quarantine, QuarantineReason
from meters.selectors.clocks import differences, values_in
from meters.services.quarantine import acknowledge, discard, release, release_stretch

FIELDS = [
    "id",
    "meter",
    "measured_at",
    "received_at",
    "reading",
    "status",
    "handled_at",
    "handled_by",
    "note",
]


@extend_schema_field(
    {"type": "object", "description": "Quantities with their values, and `extra`."}
)
class SaidField(serializers.DictField):
    """What a reading says: quantities, with their units in the names."""

    def to_representation(self, value: Any) -> Any:
        return values_in(value)


class QuarantineSerializer(TenantSerializer):
    """A reading that does not count until its time is settled. `measured_at` is what it said."""

    id = PublicIdField()
    meter = PublicKeyField(read_only=True)
    reading = SaidField(read_only=True)

    class Meta:
        model = Quarantine
        fields = [*FIELDS, "reason", "stored_as"]
        read_only_fields = fields


class DifferenceSerializer(serializers.Serializer[Any]):
    """A quantity of which two values were said."""

    quantity = serializers.CharField()
    kept = serializers.JSONField(allow_null=True)
    said = serializers.JSONField(allow_null=True)


class ConflictSerializer(TenantSerializer):
    """The second reading of an instant, and where it differs from the one that counts."""

    id = PublicIdField()
    meter = PublicKeyField(read_only=True)
    reading = SaidField(read_only=True)
    differences = serializers.SerializerMethodField()

    class Meta:
        model = Conflict
        fields = [*FIELDS, "differences"]
        read_only_fields = fields

    @extend_schema_field(DifferenceSerializer(many=True))
    def get_differences(self, row: Conflict) -> list[dict[str, Any]]:
        return [asdict(found) for found in self._differing()[row.pk]]

    def _differing(self) -> dict[int, Any]:
        """Of the whole page in one query."""
        if self._found is None:
            shown: Any = self.parent.instance if self.parent else [self.instance]
            self._found = differences(list(shown))
        return self._found

    _found: dict[int, Any] | None = None


class ReleaseSerializer(StrictSerializer):
    """When the reading was really measured; `stretch` moves all alike of the meter with it."""

    measured_at = StrictInstant()
    stretch = StrictBoolean(default=False)


class ReleasedSerializer(serializers.Serializer[Any]):
    """What became of the readings that were let in."""

    released = serializers.IntegerField()
    accepted = serializers.IntegerField()
    duplicates = serializers.IntegerField()
    conflicts = serializers.IntegerField()


class DiscardSerializer(StrictSerializer):
    """Why the reading is left out."""

    reason = StrictText(max_length=300)


class AcknowledgeSerializer(StrictSerializer):
    """That somebody has seen it, and what they say."""

    note = StrictText(max_length=300, required=False, allow_blank=True, default="")


class SetApartFilter(TenantFilterSet):
    meter = filters.UUIDFilter(field_name="meter__public_id")
    status = filters.ChoiceFilter(choices=Handling.choices)
    received_from = filters.IsoDateTimeFilter(field_name="received_at", lookup_expr="gte")
    received_until = filters.IsoDateTimeFilter(field_name="received_at", lookup_expr="lt")


class QuarantineFilter(SetApartFilter):
    reason = filters.ChoiceFilter(choices=QuarantineReason.choices)

    class Meta:
        model = Quarantine
        fields: tuple[str, ...] = ()


class ConflictFilter(SetApartFilter):
    class Meta:
        model = Conflict
        fields: tuple[str, ...] = ()


class QuarantineViewSet(TenantViewSet):
    """Readings whose clock cannot be right. They count once they are released with a right one."""

    model = Quarantine
    serializer_class = QuarantineSerializer
    filterset_class = QuarantineFilter
    ordering_fields, ordering = ("received_at", "measured_at"), "-received_at"
    verbs = {"release": "change", "discard": "change"}

    def get_queryset(self) -> QuerySet[Quarantine]:
        return Quarantine.objects.select_related("meter")

    @extend_schema(request=ReleaseSerializer, responses=ReleasedSerializer)
    @action(detail=True, methods=["post"])
    def release(self, request: Request, **kwargs: Any) -> Response:
        """Store the reading as of its real instant."""
        row: Quarantine = self.get_object()
        said = told(ReleaseSerializer, request)
        do = release_stretch if said["stretch"] else release
        done = do(row, measured_at=said["measured_at"], now=timezone.now())
        told_back = {
            "released": done.count,
            "accepted": done.answer.accepted,
            "duplicates": done.answer.duplicates,
            "conflicts": done.answer.conflicts,
        }
        return Response(ReleasedSerializer(told_back).data)

    @extend_schema(request=DiscardSerializer, responses=QuarantineSerializer)
    @action(detail=True, methods=["post"])
    def discard(self, request: Request, **kwargs: Any) -> Response:
        """Leave the reading out for good. It stays here with the reason."""
        row: Quarantine = self.get_object()
        discard(row, reason=told(DiscardSerializer, request)["reason"], now=timezone.now())
        return self.answer(row)


class ConflictViewSet(TenantViewSet):
    """Second, different values for an instant. The first one counts."""

    model = Conflict
    serializer_class = ConflictSerializer
    filterset_class = ConflictFilter
    ordering_fields, ordering = ("received_at", "measured_at"), "-received_at"
    verbs = {"acknowledge": "change"}

    def get_queryset(self) -> QuerySet[Conflict]:
        return Conflict.objects.select_related("meter")

    @extend_schema(request=AcknowledgeSerializer, responses=ConflictSerializer)
    @action(detail=True, methods=["post"])
    def acknowledge(self, request: Request, **kwargs: Any) -> Response:
        """Note that somebody has seen it."""
        row: Conflict = self.get_object()
        note = told(AcknowledgeSerializer, request)["note"]
        acknowledge(row, note=note, now=timezone.now())
        return self.answer(row)
