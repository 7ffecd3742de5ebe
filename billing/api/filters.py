from __future__ import annotations

from django.db.models import QuerySet
from django.utils import timezone
from django_filters import rest_framework as filters

from billing.models import (
    BillingRun,
    Decision,
    HeldInvoice,
    Invoice,
    InvoiceStatus,
    Payment,
    PaymentMethod,
    Plan,
    RunStatus,
    Subscription,
)
from clients.kernel.api_lists import TenantFilterSet
from clients.kernel.tenancy import current_tenant_id
from clients.models import Tenant


class PlanFilter(TenantFilterSet):
    is_active = filters.BooleanFilter()

    class Meta:
        model = Plan
        fields: tuple[str, ...] = ()


class SubscriptionFilter(TenantFilterSet):
    client = filters.UUIDFilter(field_name="client__public_id")
    plan = filters.UUIDFilter(field_name="plan__public_id")
    served_on = filters.DateFilter(method="by_day", help_text="In force on this day.")

    class Meta:
        model = Subscription
        fields: tuple[str, ...] = ()

    def by_day(
        self, rows: QuerySet[Subscription], name: str, value: object
    ) -> QuerySet[Subscription]:
        begun = rows.filter(starts_on__lte=value)
        return begun.filter(ends_on=None) | begun.filter(ends_on__gt=value)


class InvoiceFilter(TenantFilterSet):
    client = filters.UUIDFilter(field_name="client__public_id")
    subscription = filters.UUIDFilter(field_name="subscription__public_id")
    status = filters.ChoiceFilter(choices=InvoiceStatus.choices)
    is_overdue = filters.BooleanFilter(method="by_overdue")
    due_after = filters.DateFilter(field_name="due_on", lookup_expr="gte")
    due_before = filters.DateFilter(field_name="due_on", lookup_expr="lt")
    issued_after = filters.IsoDateTimeFilter(field_name="issued_at", lookup_expr="gte")
    issued_before = filters.IsoDateTimeFilter(field_name="issued_at", lookup_expr="lt")

    class Meta:
        model = Invoice
        fields: tuple[str, ...] = ()

    def by_overdue(self, rows: QuerySet[Invoice], name: str, value: bool) -> QuerySet[Invoice]:
        zone = Tenant.objects.get(pk=current_tenant_id()).zone
        late = {"status": InvoiceStatus.ISSUED, "due_on__lt": timezone.localdate(timezone=zone)}
        return rows.filter(**late) if value else rows.exclude(**late)


class PaymentFilter(TenantFilterSet):
    client = filters.UUIDFilter(field_name="client__public_id")
    invoice = filters.UUIDFilter(field_name="invoice__public_id")
    method = filters.ChoiceFilter(choices=PaymentMethod.choices)
    is_unmatched = filters.BooleanFilter(field_name="invoice", lookup_expr="isnull")
    received_after = filters.IsoDateTimeFilter(field_name="received_at", lookup_expr="gte")
    received_before = filters.IsoDateTimeFilter(field_name="received_at", lookup_expr="lt")

    class Meta:
        model = Payment
        fields: tuple[str, ...] = ()


class BillingRunFilter(TenantFilterSet):
    status = filters.ChoiceFilter(choices=RunStatus.choices)

    class Meta:
        model = BillingRun
        fields: tuple[str, ...] = ()


class HeldInvoiceFilter(TenantFilterSet):
    subscription = filters.UUIDFilter(field_name="subscription__public_id")
    decision = filters.ChoiceFilter(choices=Decision.choices)

    class Meta:
        model = HeldInvoice
        fields: tuple[str, ...] = ()
