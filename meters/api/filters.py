from __future__ import annotations

from uuid import UUID

from django.db.models import Q, QuerySet
from django.utils import timezone
from django_filters import rest_framework as filters

from clients.kernel.api_lists import TenantFilterSet
from meters.models import DeviceKey, Meter, MeteringPoint, MeterKind, Site


class SiteFilter(TenantFilterSet):
    client = filters.UUIDFilter(field_name="client__public_id")
    q = filters.CharFilter(field_name="name", lookup_expr="icontains", help_text="Part of a name.")

    class Meta:
        model = Site
        fields: tuple[str, ...] = ()


class MeteringPointFilter(TenantFilterSet):
    site = filters.UUIDFilter(field_name="site__public_id")
    client = filters.UUIDFilter(field_name="site__client__public_id")
    kind = filters.ChoiceFilter(choices=MeterKind.choices)

    class Meta:
        model = MeteringPoint
        fields: tuple[str, ...] = ()


class MeterFilter(TenantFilterSet):
    kind = filters.ChoiceFilter(choices=MeterKind.choices)
    is_active = filters.BooleanFilter()
    serial = filters.CharFilter()
    metering_point = filters.UUIDFilter(method="serving", help_text="That serves the point now.")

    class Meta:
        model = Meter
        fields: tuple[str, ...] = ()

    def serving(self, rows: QuerySet[Meter], name: str, value: UUID) -> QuerySet[Meter]:
        return rows.filter(
            installations__metering_point__public_id=value, installations__ends_at__isnull=True
        )


class DeviceKeyFilter(TenantFilterSet):
    meter = filters.UUIDFilter(field_name="meters__public_id")
    is_valid = filters.BooleanFilter(method="by_validity", help_text="Not revoked, not expired.")

    class Meta:
        model = DeviceKey
        fields: tuple[str, ...] = ()

    def by_validity(self, rows: QuerySet[DeviceKey], name: str, value: bool) -> QuerySet[DeviceKey]:
        over = Q(revoked_at__isnull=False) | Q(expires_at__lte=timezone.now())
        return rows.exclude(over) if value else rows.filter(over)
