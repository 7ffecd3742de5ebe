from __future__ import annotations

from django.db.models import Q, QuerySet
from django_filters import rest_framework as filters

from clients.kernel.api_lists import TenantFilterSet
from clients.models import Client, ClientKind, ClientStatus, Membership, Role


class ClientFilter(TenantFilterSet):
    q = filters.CharFilter(method="search", help_text="Part of the name, or the whole document.")
    kind = filters.ChoiceFilter(choices=ClientKind.choices)
    status = filters.ChoiceFilter(choices=ClientStatus.choices)
    city = filters.CharFilter(lookup_expr="iexact")
    document = filters.CharFilter()
    created_after = filters.IsoDateTimeFilter(field_name="created_at", lookup_expr="gte")
    created_before = filters.IsoDateTimeFilter(field_name="created_at", lookup_expr="lt")

    class Meta:
        model = Client
        fields: tuple[str, ...] = ()

    def search(self, rows: QuerySet[Client], name: str, value: str) -> QuerySet[Client]:
        return rows.filter(Q(name__icontains=value) | Q(document=value.upper()))


class MembershipFilter(TenantFilterSet):
    role = filters.ChoiceFilter(choices=Role.choices)
    is_active = filters.BooleanFilter()

    class Meta:
        model = Membership
        fields: tuple[str, ...] = ()
