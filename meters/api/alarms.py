"""Alarm rules and alarms over the API."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from django_filters import rest_framework as filters
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from clients.kernel.api import ChangeRow, CreateRow, DeleteRow, TenantViewSet
from clients.kernel.api_fields import (
    PublicIdField,
    PublicKeyField,
    StrictFloat,
    StrictInteger,
    StrictSerializer,
    StrictText,
    TenantSerializer,
)
from clients.kernel.api_lists import TenantFilterSet
from clients.models import Client
from meters.models import AlarmEvent, AlarmKind, AlarmRule, AlarmSeverity, AlarmState, Meter, Site
from meters.models.alarm_event import OPEN
from meters.selectors import alarm_words
from meters.selectors.alarm_preview import DAYS, preview
from meters.selectors.places import with_serving
from meters.services.alarm_events import acknowledge
from meters.services.alarm_rules import save_rule


class AlarmRuleSerializer(TenantSerializer):
    """When the team is told. `scope` names one of client, site, meter, or the tenant's all.

    `threshold` and `hysteresis` are in the unit of `metric`; a rule of kind `offline` has neither.
    Hours and weekdays (0 is Monday) are those of the meter's site. Changing what a rule asks ends
    its open alarms and lets it begin anew.
    """

    id = PublicIdField()
    client = PublicKeyField(Client, required=False, allow_null=True)
    site = PublicKeyField(Site, required=False, allow_null=True)
    meter = PublicKeyField(Meter, required=False, allow_null=True)
    threshold = StrictFloat(required=False, allow_null=True)
    hysteresis = StrictFloat(required=False, min_value=0)
    weekdays = serializers.ListField(
        child=StrictInteger(min_value=0, max_value=6), required=False, max_length=7
    )
    sentence = serializers.SerializerMethodField(help_text="What the rule does, in words.")

    class Meta:
        model = AlarmRule
        fields = [
            "id",
            "name",
            "kind",
            "metric",
            "operator",
            "threshold",
            "for_seconds",
            "window_seconds",
            "hysteresis",
            "weekdays",
            "daily_from",
            "daily_until",
            "severity",
            "scope",
            "client",
            "site",
            "meter",
            "tells",
            "is_enabled",
            "sentence",
            "active_since",
            "created_at",
        ]
        read_only_fields = ["active_since", "created_at"]

    def get_sentence(self, rule: AlarmRule) -> str:
        return alarm_words.sentence(rule)

    def store(self, instance: AlarmRule, values: dict[str, Any]) -> AlarmRule:
        for name, value in values.items():
            setattr(instance, name, value)
        instance.clean_fields(exclude={"tenant"})
        instance.clean()
        return save_rule(instance, now=timezone.now())


class AlarmEventSerializer(TenantSerializer):
    """An alarm. `raised_at` and `cleared_at` are the data's time, `heard_at` when we knew."""

    id = PublicIdField()
    rule = PublicKeyField(read_only=True)
    meter = PublicKeyField(read_only=True)
    acknowledged_by = PublicKeyField(read_only=True, allow_null=True)
    late_seconds = serializers.SerializerMethodField(
        help_text="How late the data was, when it was late; else null."
    )
    what = serializers.SerializerMethodField(help_text="What happened, in words.")

    class Meta:
        model = AlarmEvent
        fields = [
            "id",
            "rule",
            "meter",
            "state",
            "severity",
            "kind",
            "metric",
            "operator",
            "threshold",
            "since_at",
            "raised_at",
            "heard_at",
            "late_seconds",
            "value",
            "extreme_value",
            "cleared_at",
            "clear_heard_at",
            "value_at_clear",
            "clear_reason",
            "acknowledged_by",
            "acknowledged_at",
            "note",
            "what",
        ]
        read_only_fields = fields

    def get_late_seconds(self, event: AlarmEvent) -> int | None:
        return int(event.late_by.total_seconds()) if event.late_by else None

    def get_what(self, event: AlarmEvent) -> str:
        return alarm_words.what_happened(event)


class AcknowledgeAlarmSerializer(StrictSerializer):
    """That somebody takes care of it, and what they say."""

    note = StrictText(max_length=500, required=False, allow_blank=True, default="")


class DaysSerializer(StrictSerializer):
    days = serializers.IntegerField(min_value=1, max_value=90, required=False, default=DAYS)


class RingSerializer(serializers.Serializer[Any]):
    """One time the rule would have rung."""

    meter = PublicKeyField(read_only=True)
    since = serializers.DateTimeField()
    at = serializers.DateTimeField()
    until = serializers.DateTimeField(allow_null=True)
    value = serializers.FloatField(allow_null=True, help_text="The worst value.")


class AlarmPreviewSerializer(serializers.Serializer[Any]):
    """How often the rule would have rung; `is_whole` says whether all was looked at."""

    start = serializers.DateTimeField()
    end = serializers.DateTimeField()
    count = serializers.IntegerField()
    meters_reached = serializers.IntegerField()
    meters_looked_at = serializers.IntegerField()
    meters_ringing = serializers.IntegerField()
    samples = serializers.IntegerField()
    is_whole = serializers.BooleanField()
    seconds_raised = serializers.SerializerMethodField()
    newest = RingSerializer(many=True)

    def get_seconds_raised(self, found: Any) -> int:
        return int(found.time_raised.total_seconds())


class AlarmRuleFilter(TenantFilterSet):
    kind = filters.ChoiceFilter(choices=AlarmKind.choices)
    severity = filters.ChoiceFilter(choices=AlarmSeverity.choices)
    is_enabled = filters.BooleanFilter()
    client = filters.UUIDFilter(field_name="client__public_id")
    site = filters.UUIDFilter(field_name="site__public_id")
    meter = filters.UUIDFilter(field_name="meter__public_id")

    class Meta:
        model = AlarmRule
        fields: tuple[str, ...] = ()


class AlarmEventFilter(TenantFilterSet):
    state = filters.ChoiceFilter(choices=AlarmState.choices)
    severity = filters.ChoiceFilter(choices=AlarmSeverity.choices)
    rule = filters.UUIDFilter(field_name="rule__public_id")
    meter = filters.UUIDFilter(field_name="meter__public_id")
    is_open = filters.BooleanFilter(method="by_openness", help_text="Raised or acknowledged.")
    raised_from = filters.IsoDateTimeFilter(field_name="raised_at", lookup_expr="gte")
    raised_until = filters.IsoDateTimeFilter(field_name="raised_at", lookup_expr="lt")

    class Meta:
        model = AlarmEvent
        fields: tuple[str, ...] = ()

    def by_openness(
        self, rows: QuerySet[AlarmEvent], name: str, value: bool
    ) -> QuerySet[AlarmEvent]:
        return rows.filter(state__in=OPEN) if value else rows.exclude(state__in=OPEN)


class AlarmRuleViewSet(CreateRow, ChangeRow, DeleteRow, TenantViewSet):
    """When the team is told. A rule that has rung is switched off, not deleted."""

    model = AlarmRule
    serializer_class = AlarmRuleSerializer
    filterset_class = AlarmRuleFilter
    ordering_fields, ordering = ("name", "created_at"), "name"
    parameters = frozenset({"days"})
    verbs = {"preview": "view"}

    def get_queryset(self) -> QuerySet[AlarmRule]:
        return AlarmRule.objects.select_related("client", "site", "meter").prefetch_related(
            with_serving()
        )

    @extend_schema(
        parameters=[OpenApiParameter("days", int, description="1 to 90; 30 when not given.")],
        responses=AlarmPreviewSerializer,
    )
    @action(detail=True)
    def preview(self, request: Request, **kwargs: Any) -> Response:
        """How often this rule would have rung in the last days."""
        rule: AlarmRule = self.get_object()
        said = DaysSerializer(data=request.query_params.dict())
        said.is_valid(raise_exception=True)
        found = preview(rule, now=timezone.now(), days=said.validated_data["days"])
        return Response(AlarmPreviewSerializer(found).data)


class AlarmEventViewSet(TenantViewSet):
    """What rang, newest first."""

    model = AlarmEvent
    serializer_class = AlarmEventSerializer
    filterset_class = AlarmEventFilter
    ordering_fields, ordering = ("raised_at", "heard_at"), "-raised_at"
    verbs = {"acknowledge": "change"}

    def get_queryset(self) -> QuerySet[AlarmEvent]:
        rows = AlarmEvent.objects.select_related("rule", "meter", "acknowledged_by")
        return rows.prefetch_related(with_serving())

    @extend_schema(request=AcknowledgeAlarmSerializer, responses=AlarmEventSerializer)
    @action(detail=True, methods=["post"])
    def acknowledge(self, request: Request, **kwargs: Any) -> Response:
        """Say that you take care of it. Who said so first stays."""
        event: AlarmEvent = self.get_object()
        said = AcknowledgeAlarmSerializer(data=request.data)
        said.is_valid(raise_exception=True)
        acknowledge(event, note=said.validated_data["note"], now=timezone.now())
        return self.answer(event)
