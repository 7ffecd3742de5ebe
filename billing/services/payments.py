"""Money that arrives: kept whole, once, and settled against what is owed."""

from __future__ import annotations

from datetime import datetime

from django.utils.translation import gettext as _

from billing.errors import BadAmount, PaymentConflict
from billing.events import invoice_paid
from billing.models import (
    AccountCode,
    GatewayAccount,
    Invoice,
    InvoiceStatus,
    Payment,
    PaymentMethod,
)
from billing.services.ledger import Movement, post
from clients.kernel.keys import uuid7
from clients.kernel.live import publish
from clients.kernel.money import Money
from clients.kernel.tenancy import actor_label


def mark_paid(
    invoice: Invoice,
    amount: Money,
    *,
    method: PaymentMethod,
    received_at: datetime,
    reference: str = "",
    account: GatewayAccount | None = None,
    note: str = "",
) -> Payment:
    """Record money for an invoice. Safe to call twice with the bank's `reference`: kept once.

    Too little leaves the rest to be paid; too much, twice, or after the invoice was cancelled
    becomes credit of the client. Raises PaymentConflict when the reference is another payment's.
    """
    if amount.cents <= 0 or amount.currency != invoice.currency:
        raise BadAmount(_("A payment is a positive amount in the invoice's currency."))
    invoice = Invoice.objects.select_for_update().get(pk=invoice.pk)
    payment, created = Payment.objects.get_or_create(
        reference=reference or f"manual-{uuid7()}",
        defaults={
            "client_id": invoice.client_id,
            "invoice": invoice,
            "gateway_account": account,
            "method": method,
            "amount_cents": amount.cents,
            "currency": amount.currency,
            "received_at": received_at,
            "note": note,
            "recorded_by": actor_label(),
        },
    )
    if created:
        _settle(invoice, payment, at=received_at)
    elif (payment.invoice_id, payment.amount_cents) != (invoice.pk, amount.cents):
        raise PaymentConflict(_("This reference belongs to another payment."))
    return payment


def keep_unmatched(
    amount: Money, *, received_at: datetime, reference: str, account: GatewayAccount, note: str
) -> Payment:
    """Record money that no invoice expects, for a person to look at. Safe to call twice."""
    payment, created = Payment.objects.get_or_create(
        reference=reference,
        defaults={
            "gateway_account": account,
            "method": PaymentMethod.PIX,
            "amount_cents": amount.cents,
            "currency": amount.currency,
            "received_at": received_at,
            "note": note,
            "recorded_by": actor_label(),
        },
    )
    if created:
        sides = {AccountCode.CASH: amount.cents, AccountCode.UNMATCHED: -amount.cents}
        name = f"payment:{payment.pk}"
        post([Movement(name, amount.currency, sides, payment=payment)], at=received_at)
    return payment


def _settle(invoice: Invoice, payment: Payment, *, at: datetime) -> None:
    applied = min(payment.amount_cents, invoice.open_cents)
    sides = {
        AccountCode.CASH: payment.amount_cents,
        AccountCode.RECEIVABLE: -applied,
        AccountCode.CREDIT: applied - payment.amount_cents,
    }
    name = f"payment:{payment.pk}"
    post(
        [Movement(name, invoice.currency, sides, invoice.client_id, invoice, payment)],
        at=at,
    )
    if not applied:
        return
    invoice.paid_cents += applied
    if not invoice.total_cents - invoice.paid_cents:
        invoice.status, invoice.paid_at = InvoiceStatus.PAID, at
        invoice_paid.announce(tenant_id=invoice.tenant_id, invoice_id=invoice.pk)
    fact = {
        "invoice": str(invoice.public_id),
        "client": invoice.client.name,
        "amount_cents": payment.amount_cents,
        "currency": payment.currency,
    }
    publish(invoice.tenant_id, "billing.payment_received", fact)
    invoice.document = None  # it says what is owed; the next reader gets a new one
    invoice.save(update_fields=["paid_cents", "status", "paid_at", "document"])
