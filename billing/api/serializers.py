from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from billing.models import (
    BillingRun,
    GatewayAccount,
    HeldInvoice,
    Invoice,
    InvoiceLine,
    Payment,
    PaymentMethod,
    Plan,
    Subscription,
)
from billing.services.documents import payable_code
from billing.services.subscriptions import save_subscription
from clients.kernel.api_fields import (
    PublicIdField,
    PublicKeyField,
    StrictChoice,
    StrictInstant,
    StrictInteger,
    StrictSerializer,
    StrictText,
    TenantSerializer,
)
from clients.kernel.money import LARGEST_CENTS
from clients.models import Client
from meters.models import MeteringPoint

CLOCKS_DIFFER = timedelta(days=1)
MONTH = re.compile(r"(20[0-9]{2})-(0[1-9]|1[0-2])", re.ASCII)
PRICE = re.compile(r"[0-9]{1,8}(\.[0-9]{1,8})?", re.ASCII)


class MonthField(StrictText):
    """A month such as 2026-01; its first day."""

    default_error_messages = {"not_month": _("Write the month like 2026-01.")}

    def to_internal_value(self, data: Any) -> Any:
        found = MONTH.fullmatch(super().to_internal_value(data))
        if found is None:
            self.fail("not_month")
        return date(int(found[1]), int(found[2]), 1)


class PriceField(StrictText):
    """A price with up to eight places, as text: floats would not keep it."""

    default_error_messages = {"not_price": _("Write the price as text, like 0.91908.")}

    def to_internal_value(self, data: Any) -> Any:
        text = super().to_internal_value(data)
        if not PRICE.fullmatch(text):
            self.fail("not_price")
        return Decimal(text)

    def to_representation(self, value: Any) -> str:
        return f"{value:.8f}"


class PlanSerializer(TenantSerializer):
    id = PublicIdField()
    price_per_kwh = PriceField(required=False)

    class Meta:
        model = Plan
        fields = [
            "id",
            "name",
            "description",
            "fixed_cents",
            "price_per_kwh",
            "currency",
            "due_days",
            "is_active",
            "created_at",
        ]
        read_only_fields = ["currency", "created_at"]
        extra_kwargs = {"fixed_cents": {"max_value": LARGEST_CENTS}}


class SubscriptionSerializer(TenantSerializer):
    """A client with a plan. Sending `metering_points` replaces all of them."""

    id = PublicIdField()
    client = PublicKeyField(Client)
    plan = PublicKeyField(Plan)
    metering_points = PublicKeyField(MeteringPoint, many=True, required=False, write_only=True)

    class Meta:
        model = Subscription
        fields = [
            "id",
            "client",
            "plan",
            "metering_points",
            "starts_on",
            "ends_on",
            "anchor_day",
            "due_day",
            "created_at",
        ]
        read_only_fields = ["created_at"]

    def store(self, instance: Subscription, values: dict[str, Any]) -> Subscription:
        points = values.pop("metering_points", None)
        return save_subscription(instance, values, points)

    def to_representation(self, instance: Subscription) -> Any:
        points = [str(row.metering_point.public_id) for row in instance.points.all()]
        return super().to_representation(instance) | {"metering_points": points}


class InvoiceLineSerializer(TenantSerializer):
    class Meta:
        model = InvoiceLine
        fields = [
            "kind",
            "description",
            "quantity",
            "unit",
            "unit_price",
            "amount_cents",
            "evidence",
        ]
        read_only_fields = fields


class InvoiceSerializer(TenantSerializer):
    """An issued invoice. `pix_code` pays what is still open."""

    id = PublicIdField()
    client = PublicKeyField(read_only=True)
    subscription = PublicKeyField(read_only=True)
    number = serializers.CharField(source="label", read_only=True)
    open_cents = serializers.IntegerField(read_only=True)
    pix_code = serializers.SerializerMethodField()
    lines = InvoiceLineSerializer(many=True, read_only=True)

    class Meta:
        model = Invoice
        fields = [
            "id",
            "number",
            "client",
            "subscription",
            "period_start",
            "period_end",
            "issued_at",
            "due_on",
            "status",
            "total_cents",
            "paid_cents",
            "open_cents",
            "currency",
            "pix_code",
            "txid",
            "paid_at",
            "voided_at",
            "void_reason",
            "announced_at",
            "lines",
        ]
        read_only_fields = [name for name in fields if name != "pix_code"]

    def get_pix_code(self, invoice: Invoice) -> str:
        return payable_code(invoice)


class NewInvoiceSerializer(StrictSerializer):
    subscription = PublicKeyField(Subscription)
    month = MonthField()


class NewPaymentSerializer(StrictSerializer):
    amount_cents = StrictInteger(min_value=1, max_value=LARGEST_CENTS)
    method = StrictChoice(choices=PaymentMethod.choices)
    received_at = StrictInstant()
    reference = StrictText(required=False, max_length=64, default="")
    note = StrictText(required=False, max_length=200, default="", allow_blank=True)

    default_error_messages = {"not_yet": _("This instant has not come yet.")}

    def validate_received_at(self, value: datetime) -> datetime:
        if value > timezone.now() + CLOCKS_DIFFER:
            self.fail("not_yet")
        return value


class ReasonSerializer(StrictSerializer):
    reason = StrictText(min_length=3, max_length=200)


class PaymentSerializer(TenantSerializer):
    id = PublicIdField()
    client = PublicKeyField(read_only=True)
    invoice = PublicKeyField(read_only=True)

    class Meta:
        model = Payment
        fields = [
            "id",
            "client",
            "invoice",
            "method",
            "amount_cents",
            "currency",
            "received_at",
            "reference",
            "note",
            "recorded_by",
            "created_at",
        ]
        read_only_fields = fields


class BillingRunSerializer(TenantSerializer):
    id = PublicIdField()

    class Meta:
        model = BillingRun
        fields = [
            "id",
            "period_start",
            "period_end",
            "status",
            "expected_count",
            "seen_count",
            "issued_count",
            "held_count",
            "issued_cents",
            "currency",
            "started_by",
            "started_at",
            "finished_at",
        ]
        read_only_fields = fields


class NewBillingRunSerializer(StrictSerializer):
    month = MonthField()


class PreviewSerializer(serializers.Serializer[Any]):
    """What billing the month would do now."""

    issue_count = serializers.IntegerField()
    issue_cents = serializers.IntegerField()
    held_count = serializers.IntegerField()
    billed_count = serializers.IntegerField(help_text="Billed before; they stay as they are.")
    currency = serializers.CharField()


class HeldInvoiceSerializer(TenantSerializer):
    id = PublicIdField()
    subscription = PublicKeyField(read_only=True)
    invoice = PublicKeyField(read_only=True)

    class Meta:
        model = HeldInvoice
        fields = [
            "id",
            "subscription",
            "period_start",
            "period_end",
            "reason",
            "detail",
            "total_cents",
            "currency",
            "held_at",
            "decision",
            "decided_at",
            "decided_by",
            "note",
            "invoice",
        ]
        read_only_fields = fields


class GatewayAccountSerializer(TenantSerializer):
    """A receiving account. Secrets are written and never shown."""

    id = PublicIdField()
    client_id = StrictText(required=False, write_only=True, max_length=200)
    client_secret = StrictText(required=False, write_only=True, max_length=500)

    class Meta:
        model = GatewayAccount
        fields = [
            "id",
            "name",
            "kind",
            "pix_key",
            "receiver_name",
            "receiver_city",
            "base_url",
            "client_id",
            "client_secret",
            "is_default",
            "is_active",
            "created_at",
        ]
        read_only_fields = ["created_at"]
