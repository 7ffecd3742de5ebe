"""What billing adds to the pages of clients and meters, and to Ctrl K."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.db.models import F, Min, Q, QuerySet, Sum
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.dataclasses import SearchResult

from billing.admin.invoice import named, state_of, with_notice
from billing.admin.notice import NAMES, message_about
from billing.models import Invoice, InvoiceStatus, Payment, Subscription, SubscriptionPoint
from clients.kernel import show, when
from clients.kernel.money import cents_of
from clients.kernel.panels import Entry, Figure, card, figures, panel, timeline
from clients.kernel.search import MOST, found_by
from clients.models import Client
from meters.selectors.view import MeterPeriod

SHOWN = 24
WH_PER_KWH = 1000


def listed(invoices: QuerySet[Invoice]) -> list[dict[str, Any]]:
    rows = []
    for invoice in with_notice(invoices):
        state, word = state_of(invoice)
        notice = getattr(invoice, "notice_status", None) or "none"
        rows.append(
            {
                "invoice": invoice,
                "state": state,
                "word": word,
                "notice": notice,
                "notice_word": NAMES[notice],
                "is_open": invoice.status == InvoiceStatus.ISSUED,
            }
        )
    return rows


@panel(
    Client,
    "faturas",
    title=gettext_lazy("Invoices"),
    template="billing/panels/invoices.html",
    order=20,
    permission="billing.view_invoice",
    count=lambda client: Invoice.objects.filter(client=client).count(),
)
def client_invoices(request: HttpRequest, client: Client) -> dict[str, Any]:
    return {"rows": listed(Invoice.objects.filter(client=client).order_by("-number")[:SHOWN])}


@card(
    Client,
    "open",
    template="billing/panels/open.html",
    order=10,
    permission="billing.view_invoice",
)
def client_open(request: HttpRequest, client: Client) -> dict[str, Any]:
    return {"rows": listed(Invoice.objects.unpaid().filter(client=client).order_by("due_on")[:6])}


@card(
    Client,
    "plan",
    template="billing/panels/plan.html",
    order=20,
    side=True,
    permission="billing.view_subscription",
)
def client_plan(request: HttpRequest, client: Client) -> dict[str, Any]:
    today = timezone.localdate()
    signed = Subscription.objects.filter(client=client).select_related("plan")
    served = list(signed.filter(Q(ends_on=None) | Q(ends_on__gt=today)))
    return {"subscriptions": served or list(signed.order_by("-ends_on")[:1])}


@figures(Client, order=10, permission="billing.view_invoice")
def client_money(request: Any, client: Client) -> list[Figure]:
    """What is open, what is late, what came in twelve months, what is due next."""
    today, unit = timezone.localdate(), request.tenant.currency
    unpaid = Invoice.objects.unpaid().filter(client=client)
    rest = F("total_cents") - F("paid_cents")
    late = Q(due_on__lt=today)
    sums = unpaid.aggregate(
        open=Sum(rest), late=Sum(rest, filter=late), next=Min("due_on", filter=~late)
    )
    year = timezone.now() - timedelta(days=365)
    paid = Payment.objects.filter(client=client, received_at__gte=year)
    received = paid.aggregate(cents=Sum("amount_cents"))["cents"] or 0
    note = _("nothing is late")
    if sums["late"]:
        note = _("%(money)s overdue") % {"money": show.money(sums["late"], unit)}
    found = [
        Figure(_("Open"), show.money(sums["open"] or 0, unit), note),
        Figure(_("Paid in 12 months"), show.money(received, unit)),
    ]
    if sums["next"]:
        found.append(Figure(_("Next due"), when.day(sums["next"]), when.due(sums["next"])))
    return found


@timeline(Client, permission="billing.view_invoice")
def client_events(client: Client, limit: int) -> list[Entry]:
    """Invoices that were issued and payments that came."""
    entries = []
    for invoice in Invoice.objects.filter(client=client).order_by("-issued_at")[:limit]:
        link = reverse("admin:billing_invoice_change", args=[invoice.public_id])
        text = _("Invoice %(number)s issued: %(money)s") % {
            "number": invoice.label,
            "money": show.money(invoice.total_cents, invoice.currency),
        }
        entries.append(Entry(invoice.issued_at, "receipt_long", text, link=link, kind="invoice"))
    for payment in Payment.objects.filter(client=client).order_by("-received_at")[:limit]:
        text = _("Paid %(money)s") % {"money": show.money(payment.amount_cents, payment.currency)}
        who = payment.get_method_display()
        entries.append(Entry(payment.received_at, "paid", text, who=who, kind="payment"))
    return entries


@timeline(Invoice, permission="billing.view_invoice")
def invoice_events(invoice: Invoice, limit: int) -> list[Entry]:
    """What happened to an invoice, from its issue on."""
    entries = [Entry(invoice.issued_at, "receipt_long", _("Issued"), kind="invoice")]
    for payment in invoice.payments.order_by("-received_at")[:limit]:
        text = _("Paid %(money)s") % {"money": show.money(payment.amount_cents, payment.currency)}
        who = payment.get_method_display()
        entries.append(Entry(payment.received_at, "paid", text, who=who, kind="payment"))
    if invoice.voided_at:
        entries.append(Entry(invoice.voided_at, "cancel", _("Cancelled")))
    if message := message_about(invoice):
        channel = message.get_channel_display()
        steps = (
            (message.sent_at, "done", _("Notice sent")),
            (message.delivered_at, "done_all", _("Notice delivered")),
            (message.read_at, "mark_chat_read", _("Notice read")),
            (message.failed_at, "error", _("Notice did not arrive")),
        )
        entries += [
            Entry(at, icon, text, who=channel, kind="message") for at, icon, text in steps if at
        ]
    return entries


@figures(MeterPeriod, order=10, permission="billing.view_invoice")
def cost(request: HttpRequest, shown: MeterPeriod) -> list[Figure]:
    """What this energy costs with the client's plan; without a price nothing is said."""
    if shown.point is None or shown.amount is None or shown.meter.kind == "water":
        return []
    link = (
        SubscriptionPoint.objects.filter(metering_point=shown.point)
        .select_related("subscription__plan")
        .order_by("-subscription__starts_on")
        .first()
    )
    plan = link.subscription.plan if link else None
    if plan is None or not plan.price_per_kwh:
        return []
    kwh = Decimal(str(shown.amount)) / WH_PER_KWH
    cents = cents_of(kwh * plan.price_per_kwh)
    price = show.price(plan.price_per_kwh, plan.currency)
    note = _("%(plan)s: %(price)s a kWh") % {"plan": plan.name, "price": price}
    return [Figure(_("Cost"), show.money(cents, plan.currency), note)]


@found_by("billing.view_invoice")
def invoices(text: str) -> list[SearchResult]:
    found = Invoice.objects.filter(named(text)).select_related("client").order_by("-number")[:MOST]
    return [
        SearchResult(
            _("Invoice %(number)s") % {"number": invoice.label},
            " · ".join(
                [
                    invoice.client.name,
                    show.money(invoice.total_cents, invoice.currency),
                    state_of(invoice)[1],
                ]
            ),
            reverse("admin:billing_invoice_change", args=[invoice.public_id]),
            "receipt_long",
        )
        for invoice in found
    ]
