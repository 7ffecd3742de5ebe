"""Connections in the API: how meters are reached, and a test of it."""

from __future__ import annotations

import hmac
from dataclasses import asdict
from typing import Any

from django.conf import settings
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from clients.kernel.api import ChangeRow, CreateRow, DeleteRow, TenantViewSet
from clients.kernel.api_errors import problem
from clients.kernel.api_fields import PublicIdField, PublicKeyField, StrictText, TenantSerializer
from clients.kernel.api_lists import TenantFilterSet
from clients.kernel.fields import opened
from meters.events import polling_asked
from meters.models import Connection, ConnectionDriver, ConnectionState, Meter
from meters.services.connections import (
    ask_soon,
    pause_connection,
    resume_connection,
    sentence_of,
    test_connection,
)

UNAUTHORIZED = 401


class ConnectionFilter(TenantFilterSet):
    meter = filters.UUIDFilter(field_name="meter__public_id")
    driver = filters.ChoiceFilter(choices=ConnectionDriver.choices)
    state = filters.ChoiceFilter(choices=ConnectionState.choices)

    class Meta:
        model = Connection
        fields: tuple[str, ...] = ()


class ConnectionSerializer(TenantSerializer):
    """How one meter is reached. Secrets are written and never read."""

    id = PublicIdField()
    meter = PublicKeyField(Meter)
    options = serializers.DictField(
        required=False,
        help_text="`word_order`, `byte_order`; for the profile `generic` also `base`, `count`, "
        "`metrics`, or `registers`.",
    )
    secrets = StrictText(
        required=False, write_only=True, max_length=4_000, help_text="A JSON object as text."
    )
    has_secrets = serializers.SerializerMethodField()
    error = serializers.SerializerMethodField(help_text="What is wrong, as a sentence.")

    class Meta:
        model = Connection
        fields = [
            "id",
            "meter",
            "driver",
            "profile",
            "transport",
            "host",
            "port",
            "serial_path",
            "baud",
            "parity",
            "stop_bits",
            "unit_id",
            "address",
            "timeout_ms",
            "poll_every_seconds",
            "options",
            "secrets",
            "has_secrets",
            "state",
            "last_ok_at",
            "last_tried_at",
            "failures",
            "last_error",
            "error",
            "created_at",
        ]
        read_only_fields = [
            "state",
            "last_ok_at",
            "last_tried_at",
            "failures",
            "last_error",
            "created_at",
        ]

    def get_has_secrets(self, row: Connection) -> bool:
        return bool(opened(row, "secrets"))

    def get_error(self, row: Connection) -> str:
        return sentence_of(row.last_error, row.error_facts)

    def store(self, instance: Any, values: dict[str, Any]) -> Any:
        stored = super().store(instance, values)
        ask_soon(stored)
        return stored


class SuggestionSerializer(serializers.Serializer[Any]):
    """A profile, or another order of words or bytes, with which the values make sense."""

    profile = serializers.CharField()
    title = serializers.CharField()
    word_order = serializers.CharField()
    byte_order = serializers.CharField()
    values = serializers.DictField(child=serializers.FloatField())


class TestedSerializer(serializers.Serializer[Any]):
    """What the device said just now; nothing of it is stored."""

    is_good = serializers.BooleanField()
    took_s = serializers.FloatField()
    measured_at = serializers.DateTimeField()
    profile = serializers.CharField()
    values = serializers.DictField(child=serializers.FloatField())
    doubts = serializers.ListField(child=serializers.CharField())
    error = serializers.CharField()
    error_code = serializers.CharField()
    marking = serializers.CharField()
    suggestions = SuggestionSerializer(many=True)


class ConnectionViewSet(CreateRow, ChangeRow, DeleteRow, TenantViewSet):
    """How meters are asked: address, unit, profile, how often; and how that goes."""

    model = Connection
    serializer_class = ConnectionSerializer
    filterset_class = ConnectionFilter
    verbs = {"test": "change", "pause": "change", "resume": "change"}

    def get_queryset(self) -> QuerySet[Connection]:
        return Connection.objects.select_related("meter")

    @extend_schema(request=None, responses=TestedSerializer)
    @action(detail=True, methods=["post"])
    def test(self, request: Request, **kwargs: Any) -> Response:
        """Ask the device now. When its values cannot be, profiles that fit are suggested."""
        tested = test_connection(self.get_object())
        found = asdict(tested) | {"values": dict(tested.values)}
        return Response(TestedSerializer(found).data)

    @extend_schema(request=None, responses=ConnectionSerializer)
    @action(detail=True, methods=["post"])
    def pause(self, request: Request, **kwargs: Any) -> Response:
        """Ask no more until it is resumed."""
        row = self.get_object()
        pause_connection(row)
        return self.answer(row)

    @extend_schema(request=None, responses=ConnectionSerializer)
    @action(detail=True, methods=["post"])
    def resume(self, request: Request, **kwargs: Any) -> Response:
        """Ask again, beginning now."""
        row = self.get_object()
        resume_connection(row)
        return self.answer(row)


@csrf_exempt
@require_http_methods(["GET", "POST"])
def cron_poll(request: HttpRequest) -> HttpResponse:
    """Have every due device asked, for schedulers outside. They show the bearer secret."""
    kind, _space, shown = request.headers.get("Authorization", "").partition(" ")
    known = settings.CRON_SECRET
    is_right = hmac.compare_digest(shown.encode(), known.encode())
    if not known or kind.lower() != "bearer" or not is_right:
        refusal = problem(UNAUTHORIZED, "unknown_secret", _("This secret is not the right one."))
        refusal["WWW-Authenticate"] = 'Bearer realm="cron"'
        return refusal
    polling_asked.announce()
    return JsonResponse({"status": "success"})
