"""MQTT brokers in the API: where devices publish, and what was heard there."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from clients.kernel.api import ChangeRow, CreateRow, DeleteRow, TenantViewSet
from clients.kernel.api_fields import PublicIdField, StrictText, TenantSerializer
from clients.kernel.api_lists import TenantFilterSet
from meters.models import BrokerState, MqttBroker
from meters.services.connections import sentence_of
from meters.services.listening import listen_again, stop_listening


class MqttBrokerFilter(TenantFilterSet):
    state = filters.ChoiceFilter(choices=BrokerState.choices)
    is_active = filters.BooleanFilter()

    class Meta:
        model = MqttBroker
        fields: tuple[str, ...] = ()


class MqttBrokerSerializer(TenantSerializer):
    """A broker and our account there. The password is written and never read."""

    id = PublicIdField()
    password = StrictText(required=False, allow_blank=True, write_only=True, max_length=200)
    error = serializers.SerializerMethodField(help_text="What is wrong, as a sentence.")

    class Meta:
        model = MqttBroker
        fields = [
            "id",
            "name",
            "host",
            "port",
            "is_tls",
            "username",
            "password",
            "is_active",
            "state",
            "connected_at",
            "heard_at",
            "last_error",
            "error",
            "failures",
            "messages",
            "readings",
            "malformed",
            "unknown",
            "undated",
            "last_malformed",
            "created_at",
        ]
        read_only_fields = [
            "is_active",
            "state",
            "connected_at",
            "heard_at",
            "last_error",
            "failures",
            "messages",
            "readings",
            "malformed",
            "unknown",
            "undated",
            "last_malformed",
            "created_at",
        ]

    def get_error(self, row: MqttBroker) -> str:
        return sentence_of(row.last_error, {})


class MqttBrokerViewSet(CreateRow, ChangeRow, DeleteRow, TenantViewSet):
    """Brokers on which devices publish. Who listens to which topic is in the connections."""

    model = MqttBroker
    serializer_class = MqttBrokerSerializer
    filterset_class = MqttBrokerFilter
    ordering_fields, ordering = ("name", "created_at"), "name"
    verbs = {"pause": "change", "resume": "change"}

    def get_queryset(self) -> QuerySet[MqttBroker]:
        return MqttBroker.objects.all()

    @extend_schema(request=None, responses=MqttBrokerSerializer)
    @action(detail=True, methods=["post"])
    def pause(self, request: Request, **kwargs: Any) -> Response:
        """Hang up. What devices say meanwhile waits at the broker, if it keeps it."""
        row = self.get_object()
        stop_listening(row)
        return self.answer(row)

    @extend_schema(request=None, responses=MqttBrokerSerializer)
    @action(detail=True, methods=["post"])
    def resume(self, request: Request, **kwargs: Any) -> Response:
        """Listen again, beginning within seconds."""
        row = self.get_object()
        listen_again(row)
        return self.answer(row)
