from __future__ import annotations

from dataclasses import asdict
from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from billing.api.filters import (
    BillingRunFilter,
    HeldInvoiceFilter,
    InvoiceFilter,
    PaymentFilter,
    PlanFilter,
    SubscriptionFilter,
)
from billing.api.serializers import (
    BillingRunSerializer,
    GatewayAccountSerializer,
    HeldInvoiceSerializer,
    InvoiceSerializer,
    NewBillingRunSerializer,
    NewInvoiceSerializer,
    NewPaymentSerializer,
    PaymentSerializer,
    PlanSerializer,
    PreviewSerializer,
    ReasonSerializer,
    SubscriptionSerializer,
)
from billing.gateways.pix import qr_svg
from billing.models import (
    BillingRun,
    GatewayAccount,
    HeldInvoice,
    Invoice,
    Payment,
    PaymentMethod,
    Plan,
    Subscription,
)
from billing.services.documents import invoice_pdf, payable_code
from billing.services.held import drop_held, issue_held
from billing.services.invoices import issue_invoice, void_invoice
from billing.services.payments import mark_paid
from billing.services.runs import preview_billing, start_billing
from clients.kernel.api import ChangeRow, CreateRow, TenantViewSet
from clients.kernel.api_errors import Refusal
from clients.kernel.files import attachment
from clients.kernel.money import Money
from clients.kernel.periods import Period, month_of
from clients.kernel.tenancy import actor_label

CREATED = 201
PDF = {(200, "application/pdf"): OpenApiResponse(OpenApiTypes.BINARY)}
SVG = {(200, "image/svg+xml"): OpenApiResponse(OpenApiTypes.STR)}


def period_asked(request: Request, month: Any) -> Period:
    """The tenant's month."""
    tenant: Any = request._request.tenant  # type: ignore[attr-defined] # the middleware's
    return month_of(month, tenant.zone)


class PlanViewSet(CreateRow, ChangeRow, TenantViewSet):
    """What a service costs: so much a month, so much a kWh."""

    model = Plan
    serializer_class = PlanSerializer
    filterset_class = PlanFilter
    ordering_fields, ordering = ("name", "created_at"), "name"

    def get_queryset(self) -> QuerySet[Plan]:
        return Plan.objects.all()


class SubscriptionViewSet(CreateRow, ChangeRow, TenantViewSet):
    """Which client has which plan, since when, and which metering points it pays for."""

    model = Subscription
    serializer_class = SubscriptionSerializer
    filterset_class = SubscriptionFilter
    ordering_fields, ordering = ("starts_on", "created_at"), "-created_at"

    def get_queryset(self) -> QuerySet[Subscription]:
        rows = Subscription.objects.select_related("client", "plan")
        return rows.prefetch_related("points__metering_point")


class InvoiceViewSet(TenantViewSet):
    """Issued invoices. They are never changed: they are paid, or cancelled."""

    model = Invoice
    serializer_class = InvoiceSerializer
    filterset_class = InvoiceFilter
    ordering_fields, ordering = ("number", "issued_at", "due_on", "total_cents"), "-number"
    verbs = {"pay": "change", "void": "change", "pdf": "view", "qr": "view"}

    def get_queryset(self) -> QuerySet[Invoice]:
        return Invoice.objects.select_related("client", "subscription").prefetch_related("lines")

    @extend_schema(request=NewInvoiceSerializer, responses={CREATED: InvoiceSerializer})
    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Bill one subscription for a month. Repeated, it answers the same invoice."""
        asked = NewInvoiceSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        subscription, month = asked.validated_data["subscription"], asked.validated_data["month"]
        period = period_asked(request, month)
        return self.answer(issue_invoice(subscription, period, now=timezone.now()), CREATED)

    @extend_schema(request=NewPaymentSerializer, responses={CREATED: PaymentSerializer})
    @action(detail=True, methods=["post"])
    def pay(self, request: Request, **kwargs: Any) -> Response:
        """Record money that arrived. Too little leaves a rest, too much becomes credit."""
        invoice: Invoice = self.get_object()
        asked = NewPaymentSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        said = asked.validated_data
        payment = mark_paid(
            invoice,
            Money(said["amount_cents"], invoice.currency),
            method=PaymentMethod(said["method"]),
            received_at=said["received_at"],
            reference=said["reference"],
            note=said["note"],
        )
        return Response(PaymentSerializer(payment).data, status=CREATED)

    @extend_schema(request=ReasonSerializer, responses=InvoiceSerializer)
    @action(detail=True, methods=["post"])
    def void(self, request: Request, **kwargs: Any) -> Response:
        """Cancel an invoice that is not paid."""
        invoice: Invoice = self.get_object()
        asked = ReasonSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        void_invoice(invoice, now=timezone.now(), reason=asked.validated_data["reason"])
        return self.answer(invoice)

    @extend_schema(responses=PDF)
    @action(detail=True)
    def pdf(self, request: Request, **kwargs: Any) -> HttpResponse:
        """The invoice as a PDF."""
        return attachment(invoice_pdf(self.get_object(), now=timezone.now()))

    @extend_schema(responses=SVG)
    @action(detail=True)
    def qr(self, request: Request, **kwargs: Any) -> HttpResponse:
        """The Pix code as a QR picture (SVG)."""
        code = payable_code(self.get_object())
        if not code:
            raise Refusal(409, "no_pix_code", _("This invoice has no Pix code to pay with."))
        answer = HttpResponse(qr_svg(code), content_type="image/svg+xml")
        answer.headers["Content-Security-Policy"] = "default-src 'none'"
        answer.headers["X-Content-Type-Options"] = "nosniff"
        return answer


class PaymentViewSet(TenantViewSet):
    """Money that arrived."""

    model = Payment
    serializer_class = PaymentSerializer
    filterset_class = PaymentFilter
    ordering_fields, ordering = ("received_at", "created_at", "amount_cents"), "-received_at"

    def get_queryset(self) -> QuerySet[Payment]:
        return Payment.objects.select_related("client", "invoice")


class BillingRunViewSet(TenantViewSet):
    """Billing a month: started here, carried out by workers, followed by asking again."""

    model = BillingRun
    serializer_class = BillingRunSerializer
    filterset_class = BillingRunFilter
    ordering_fields, ordering = ("started_at",), "-started_at"
    parameters = frozenset({"month"})
    verbs = {"preview": "view"}

    def get_queryset(self) -> QuerySet[BillingRun]:
        return BillingRun.objects.all()

    @extend_schema(request=NewBillingRunSerializer, responses={CREATED: BillingRunSerializer})
    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Bill every subscription once for the month. An open run is answered again."""
        asked = NewBillingRunSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        period = period_asked(request, asked.validated_data["month"])
        return self.answer(
            start_billing(period, now=timezone.now(), started_by=actor_label()), CREATED
        )

    @extend_schema(
        parameters=[OpenApiParameter("month", str, required=True, description="2026-01")],
        responses=PreviewSerializer,
        filters=False,
    )
    @action(detail=False, pagination_class=None)
    def preview(self, request: Request, **kwargs: Any) -> Response:
        """What billing the month would do now. Nothing is written."""
        asked = NewBillingRunSerializer(data=request.query_params.dict())
        asked.is_valid(raise_exception=True)
        period = period_asked(request, asked.validated_data["month"])
        found = preview_billing(period, now=timezone.now())
        return Response(PreviewSerializer(asdict(found)).data)


class HeldInvoiceViewSet(TenantViewSet):
    """Periods that were not billed, because too little was measured. A person decides."""

    model = HeldInvoice
    serializer_class = HeldInvoiceSerializer
    filterset_class = HeldInvoiceFilter
    ordering_fields, ordering = ("held_at", "period_start"), "-held_at"
    verbs = {"issue": "change", "drop": "change"}

    def get_queryset(self) -> QuerySet[HeldInvoice]:
        return HeldInvoice.objects.select_related("subscription", "invoice")

    @extend_schema(request=ReasonSerializer, responses=HeldInvoiceSerializer)
    @action(detail=True, methods=["post"])
    def issue(self, request: Request, **kwargs: Any) -> Response:
        """Bill what was measured."""
        held: HeldInvoice = self.get_object()
        issue_held(held, now=timezone.now(), note=self._reason(request), decided_by=actor_label())
        return self.answer(held)

    @extend_schema(request=ReasonSerializer, responses=HeldInvoiceSerializer)
    @action(detail=True, methods=["post"])
    def drop(self, request: Request, **kwargs: Any) -> Response:
        """Do not bill the period, now or later."""
        held: HeldInvoice = self.get_object()
        drop_held(held, now=timezone.now(), note=self._reason(request), decided_by=actor_label())
        return self.answer(held)

    def _reason(self, request: Request) -> str:
        asked = ReasonSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        return str(asked.validated_data["reason"])


class GatewayAccountViewSet(CreateRow, ChangeRow, TenantViewSet):
    """Where money arrives: a Pix key, and the bank that confirms."""

    model = GatewayAccount
    serializer_class = GatewayAccountSerializer
    ordering_fields, ordering = ("name", "created_at"), "-created_at"

    def get_queryset(self) -> QuerySet[GatewayAccount]:
        return GatewayAccount.objects.all()
