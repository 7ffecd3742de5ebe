"""The hours that a distributor calls peak, and the days without them."""

from __future__ import annotations

from typing import ClassVar

from django.db.models import QuerySet
from django_filters import rest_framework as filters

from clients.kernel.api import ChangeRow, CreateRow, DeleteRow, TenantViewSet
from clients.kernel.api_fields import PublicIdField, TenantSerializer
from clients.kernel.api_lists import TenantFilterSet
from meters.models import Holiday, PeakHours


class PeakHoursSerializer(TenantSerializer):
    """Hours of a posto of a distributor, local time, on days that are not off-peak. What is not
    confirmed has to be compared with its source."""

    id = PublicIdField()

    class Meta:
        model = PeakHours
        fields = [
            "id",
            "distributor",
            "posto",
            "from_time",
            "until_time",
            "starts_on",
            "ends_on",
            "source",
            "is_confirmed",
            "created_at",
        ]
        read_only_fields = ["created_at"]


class HolidaySerializer(TenantSerializer):
    """A day without peak hours, or with `is_off_peak` false one that has them after all."""

    id = PublicIdField()

    class Meta:
        model = Holiday
        fields = ["id", "day", "name", "is_off_peak", "source", "created_at"]
        read_only_fields = ["created_at"]


class PeakHoursFilter(TenantFilterSet):
    distributor = filters.CharFilter(lookup_expr="iexact")
    on = filters.DateFilter(method="in_force", help_text="In force on this day.")

    class Meta:
        model = PeakHours
        fields: tuple[str, ...] = ()

    def in_force(self, rows: QuerySet[PeakHours], name: str, value: object) -> QuerySet[PeakHours]:
        return rows.filter(starts_on__lte=value).exclude(ends_on__lte=value)


class HolidayFilter(TenantFilterSet):
    from_day = filters.DateFilter(field_name="day", lookup_expr="gte")
    until_day = filters.DateFilter(field_name="day", lookup_expr="lt")

    class Meta:
        model = Holiday
        fields: tuple[str, ...] = ()


class PeakHoursViewSet(CreateRow, ChangeRow, DeleteRow, TenantViewSet):
    """Peak and intermediate hours of distributors, from a day on, each with its source."""

    model = PeakHours
    serializer_class = PeakHoursSerializer
    filterset_class = PeakHoursFilter
    ordering_fields: ClassVar = ("distributor", "starts_on", "created_at")
    ordering = "distributor"


class HolidayViewSet(CreateRow, ChangeRow, DeleteRow, TenantViewSet):
    """Days that the tenant adds to those without peak hours, or takes from them."""

    model = Holiday
    serializer_class = HolidaySerializer
    filterset_class = HolidayFilter
    ordering_fields: ClassVar = ("day", "created_at")
    ordering = "-day"
