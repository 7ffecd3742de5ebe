"""Payments: money that arrived, as it arrived."""

from __future__ import annotations

from typing import Any

from django.db.models import Count, Sum
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RangeDateTimeFilter
from unfold.decorators import display
from unfold.views import ChangeList

from billing.models import Payment
from clients.kernel import show, when
from clients.kernel.admin import TenantAdmin, office_page
from clients.kernel.listing import Sum as Total


@office_page(Payment)
class PaymentAdmin(TenantAdmin):
    list_display = ("subject", "who", "invoice_", "method", "amount")
    list_select_related = ("client", "invoice")
    list_filter = [("method", ChoicesDropdownFilter), ("received_at", RangeDateTimeFilter)]
    search_fields = ("client__name", "reference")
    search_help_text = gettext_lazy("Client or the bank's reference")
    fields = ("client", "invoice", "amount_", "method", "received_at", "reference", "note")
    readonly_fields = fields
    empty_icon = "payments"
    empty_title = gettext_lazy("No payment yet")
    empty_text = gettext_lazy("Pix confirms itself; cash is recorded on the invoice.")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def list_sums(self, request: Any, cl: ChangeList) -> list[Total]:
        shown = Payment.objects.filter(pk__in=cl.queryset.order_by().values("pk"))
        sums = shown.aggregate(n=Count("pk"), cents=Sum("amount_cents"))
        received = show.money(sums["cents"] or 0, request.tenant.currency)
        return [
            Total(_("payments"), show.number(sums["n"])),
            Total(_("received"), received, "p-good"),
        ]

    @display(description=gettext_lazy("When"), ordering="received_at")
    def subject(self, payment: Payment) -> str:
        return when.moment(payment.received_at)

    @display(description=gettext_lazy("Client"), ordering="client__name")
    def who(self, payment: Payment) -> str:
        return payment.client.name if payment.client else _("unknown payer")

    @display(description=gettext_lazy("Invoice"))
    def invoice_(self, payment: Payment) -> str:
        if payment.invoice is None:
            return _("no invoice")
        link = reverse("admin:billing_invoice_change", args=[payment.invoice.public_id])
        return format_html('<a class="p-link" href="{}">{}</a>', link, payment.invoice.label)

    @display(description=gettext_lazy("Amount"), ordering="amount_cents")
    def amount(self, payment: Payment) -> str:
        text = show.money(payment.amount_cents, payment.currency)
        return format_html('<span class="p-num">{}</span>', text)

    @display(description=gettext_lazy("Amount"))
    def amount_(self, payment: Payment) -> str:
        return show.money(payment.amount_cents, payment.currency)
