"""How meters' clocks compare with ours."""

from __future__ import annotations

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
from clients.kernel.api_fields import PublicKeyField
from clients.kernel.api_lists import TenantFilterSet
from meters.models import MeterClock
from meters.selectors.clocks import STATES, clock_of
from meters.services.quarantine import clock_is_right


class MeterClockSerializer(serializers.ModelSerializer[Any]):
    """`least_lag_s` is the least time between measurement and arrival within about a day: below
    zero the clock runs ahead. `wrong_count` are readings whose time could not be."""

    meter = PublicKeyField(read_only=True)
    state = serializers.SerializerMethodField()

    class Meta:
        model = MeterClock
        fields = [
            "meter",
            "state",
            "last_lag_s",
            "least_lag_s",
            "seen_at",
            "wrong_count",
            "wrong_at",
            "wrong_reason",
            "wrong_skew_s",
        ]
        read_only_fields = fields

    @extend_schema_field(serializers.ChoiceField(choices=STATES))
    def get_state(self, row: MeterClock) -> str:
        return clock_of(row, timezone.now()).state


class MeterClockFilter(TenantFilterSet):
    is_wrong = filters.BooleanFilter(
        field_name="wrong_at", lookup_expr="isnull", exclude=True, help_text="Was ever impossible."
    )

    class Meta:
        model = MeterClock
        fields: tuple[str, ...] = ()


class MeterClockViewSet(TenantViewSet):
    """Clocks of meters; the id is the meter's. One appears with the first comparison."""

    model = MeterClock
    serializer_class = MeterClockSerializer
    filterset_class = MeterClockFilter
    lookup_field = "meter__public_id"
    ordering_fields, ordering = ("id",), "id"
    verbs = {"reset": "change"}

    def get_queryset(self) -> QuerySet[MeterClock]:
        return MeterClock.objects.select_related("meter")

    @extend_schema(request=None, responses=MeterClockSerializer)
    @action(detail=True, methods=["post"])
    def reset(self, request: Request, **kwargs: Any) -> Response:
        """The clock was put right: take the flag away."""
        row: MeterClock = self.get_object()
        clock_is_right(row.meter)
        return self.answer(row)
