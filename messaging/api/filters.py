from __future__ import annotations

from django_filters import rest_framework as filters

from clients.kernel.api_lists import TenantFilterSet
from messaging.models import ChannelAccount, ChannelKind, Message, MessageStatus, Template


class MessageFilter(TenantFilterSet):
    client = filters.UUIDFilter(field_name="client__public_id")
    status = filters.ChoiceFilter(choices=MessageStatus.choices)
    channel = filters.ChoiceFilter(choices=ChannelKind.choices)
    kind = filters.CharFilter()
    dedupe_key = filters.CharFilter()
    created_after = filters.IsoDateTimeFilter(field_name="created_at", lookup_expr="gte")
    created_before = filters.IsoDateTimeFilter(field_name="created_at", lookup_expr="lt")

    class Meta:
        model = Message
        fields: tuple[str, ...] = ()


class TemplateFilter(TenantFilterSet):
    key = filters.CharFilter()
    channel = filters.ChoiceFilter(choices=ChannelKind.choices)
    language = filters.CharFilter()
    is_current = filters.BooleanFilter()

    class Meta:
        model = Template
        fields: tuple[str, ...] = ()


class ChannelAccountFilter(TenantFilterSet):
    kind = filters.ChoiceFilter(choices=ChannelKind.choices)
    is_active = filters.BooleanFilter()
    is_default = filters.BooleanFilter()

    class Meta:
        model = ChannelAccount
        fields: tuple[str, ...] = ()
