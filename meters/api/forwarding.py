"""Readings that go on to another Pulso: where to, which, and how it goes."""

from __future__ import annotations

from typing import Any, Final

from django.db.models import Count, Q, QuerySet
from django.utils import timezone
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import IntegerField

from clients.kernel.api import ChangeRow, CreateRow, DeleteRow, TenantViewSet
from clients.kernel.api_fields import (
    PublicIdField,
    PublicKeyField,
    StrictInstant,
    StrictSerializer,
    StrictText,
    TenantSerializer,
)
from clients.kernel.api_lists import TenantFilterSet
from meters.api.views import told
from meters.models import Forwarder, Meter
from meters.services import forwarding

NO_CONTENT: Final = 204


class ForwardedMeterSerializer(StrictSerializer):
    """A meter and its name over there; empty is its serial number."""

    meter = PublicKeyField(Meter)
    name_there = StrictText(max_length=64, required=False, allow_blank=True, default="")


class ForwarderSerializer(TenantSerializer):
    """`device_key` is written, never shown. Without `chosen` all meters are forwarded."""

    id = PublicIdField()
    device_key = StrictText(max_length=200, write_only=True)
    chosen = ForwardedMeterSerializer(many=True, required=False)
    waiting = IntegerField(read_only=True)

    class Meta:
        model = Forwarder
        fields = [
            "id",
            "name",
            "url",
            "device_key",
            "chosen",
            "is_active",
            "waiting",
            "sent_at",
            "sent_count",
            "rejected_count",
            "failed_at",
            "last_error",
            "created_at",
        ]
        read_only_fields = [
            "is_active",
            "sent_at",
            "sent_count",
            "rejected_count",
            "failed_at",
            "last_error",
            "created_at",
        ]

    def store(self, instance: Any, values: dict[str, Any]) -> Any:
        chosen = values.pop("chosen", None)
        if "url" in values:
            forwarding.check_address(values["url"])
        saved = super().store(instance, values)
        if chosen is not None:
            forwarding.choose_meters(saved, [(row["meter"], row["name_there"]) for row in chosen])
        return saved


class ResumeSerializer(StrictSerializer):
    """From which measurement on everything is sent; without it, only what waits."""

    since = StrictInstant(required=False, allow_null=True, default=None)


class ForwarderFilter(TenantFilterSet):
    is_active = filters.BooleanFilter()
    meter = filters.UUIDFilter(field_name="chosen__meter__public_id")

    class Meta:
        model = Forwarder
        fields: tuple[str, ...] = ()


class ForwarderViewSet(CreateRow, ChangeRow, DeleteRow, TenantViewSet):
    """Other Pulsos that get our readings as well, each exactly once in effect."""

    model = Forwarder
    serializer_class = ForwarderSerializer
    filterset_class = ForwarderFilter
    ordering_fields, ordering = ("name", "created_at"), "name"
    verbs = {"check": "change", "pause": "change", "resume": "change"}

    def get_queryset(self) -> QuerySet[Forwarder]:
        waiting = Count("batches", filter=Q(batches__due_at__isnull=False), distinct=True)
        return Forwarder.objects.annotate(waiting=waiting).prefetch_related("chosen__meter")

    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        serializer = self.get_serializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        return self.answer(serializer.save(), status=201)

    @extend_schema(request=None, responses={NO_CONTENT: None})
    @action(detail=True, methods=["post"])
    def check(self, request: Request, **kwargs: Any) -> Response:
        """Ask the other side whether it takes the key. 409 with its reason when it does not."""
        forwarding.check(self.get_object())
        return Response(status=NO_CONTENT)

    @extend_schema(request=None, responses=ForwarderSerializer)
    @action(detail=True, methods=["post"])
    def pause(self, request: Request, **kwargs: Any) -> Response:
        """Send nothing from now on, and gather nothing."""
        forwarder: Forwarder = self.get_object()
        forwarding.pause(forwarder)
        return self.answer(forwarder)

    @extend_schema(request=ResumeSerializer, responses=ForwarderSerializer)
    @action(detail=True, methods=["post"])
    def resume(self, request: Request, **kwargs: Any) -> Response:
        """Send again: what waits, and what was measured from `since` on."""
        forwarder: Forwarder = self.get_object()
        since = told(ResumeSerializer, request)["since"]
        forwarding.resume(forwarder, since=since, now=timezone.now())
        return self.answer(forwarder)
