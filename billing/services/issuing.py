"""Drafts become invoices: numbers, lines, Pix codes, ledger and announcement in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from billing.events import invoice_issued, invoices_issued
from billing.gateways import pix
from billing.models import (
    AccountCode,
    Decision,
    GatewayAccount,
    HeldInvoice,
    Invoice,
    InvoiceLine,
    InvoiceSeries,
    InvoiceStatus,
)
from billing.services.cycles import due_date
from billing.services.drafts import Draft
from billing.services.ledger import Movement, post
from clients.kernel.keys import uuid7
from clients.models import Tenant

SERIES = ""
PIX_CURRENCY = "BRL"
TXID_LENGTH = 25
DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def issue_drafts(drafts: Sequence[Draft], tenant: Tenant, *, now: datetime) -> list[Invoice]:
    """Issue every draft in order, numbers in a row. The caller has locked the subscriptions."""
    if not drafts:
        return []
    account = receiving_account()
    first = take_numbers(len(drafts))
    invoices = [
        _invoice(draft, number, account, tenant, now=now)
        for number, draft in enumerate(drafts, start=first)
    ]
    Invoice.objects.bulk_create(invoices)
    _write_lines(invoices, drafts)
    post([_receivable(invoice) for invoice in invoices if invoice.total_cents], at=now)
    _settle_held(invoices, now=now)
    invoices_issued.announce(tenant_id=tenant.pk)
    for invoice in invoices:
        invoice_issued.announce(tenant_id=tenant.pk, invoice_id=invoice.pk)
    return invoices


def _settle_held(invoices: Sequence[Invoice], *, now: datetime) -> None:
    """What waited for better data waits no more."""
    issued = {(invoice.subscription_id, invoice.period_start): invoice for invoice in invoices}
    waiting = HeldInvoice.objects.filter(
        decision=Decision.WAITING, subscription__in=[key for key, _start in issued]
    )
    for held in waiting:
        if invoice := issued.get((held.subscription_id, held.period_start)):
            held.decision, held.decided_at, held.invoice = Decision.ISSUED, now, invoice
            held.save(update_fields=["decision", "decided_at", "invoice"])


def take_numbers(count: int) -> int:
    """The first of `count` numbers. A rollback gives them back, so that none is lost."""
    InvoiceSeries.objects.get_or_create(code=SERIES)
    series = InvoiceSeries.objects.select_for_update().get(code=SERIES)
    first = series.last_number + 1
    series.last_number += count
    series.save(update_fields=["last_number"])
    return first


def receiving_account() -> GatewayAccount | None:
    """The account that new invoices are paid into, if one is set up."""
    return GatewayAccount.objects.filter(is_default=True, is_active=True).first()


def _invoice(
    draft: Draft, number: int, account: GatewayAccount | None, tenant: Tenant, *, now: datetime
) -> Invoice:
    public_id, subscription, total = uuid7(), draft.subscription, draft.total_cents
    has_pix = account is not None and total > 0 and subscription.plan.currency == PIX_CURRENCY
    txid = txid_of(public_id) if has_pix else ""
    return Invoice(
        public_id=public_id,
        client=subscription.client,
        subscription=subscription,
        series=SERIES,
        number=number,
        period_start=draft.span.period.start,
        period_end=draft.span.period.end,
        issued_at=now,
        due_on=due_date(subscription, now.astimezone(tenant.zone).date()),
        status=InvoiceStatus.ISSUED if total else InvoiceStatus.PAID,
        paid_at=None if total else now,
        total_cents=total,
        currency=subscription.plan.currency,
        txid=txid,
        pix_code=pix_code_of(account, txid, total) if account and has_pix else "",
    )


def txid_of(public_id: UUID) -> str:
    """The invoice's public id in the 25 letters and digits that a static Pix code has room for."""
    rest, letters = public_id.int, ""
    while rest:
        rest, digit = divmod(rest, len(DIGITS))
        letters = DIGITS[digit] + letters
    return letters.rjust(TXID_LENGTH, "0")


def pix_code_of(account: GatewayAccount, txid: str, cents: int) -> str:
    return pix.write(
        pix.PixCode(
            name=account.receiver_name,
            city=account.receiver_city,
            key=account.pix_key,
            amount_cents=cents,
            txid=txid,
        )
    )


def _write_lines(invoices: Sequence[Invoice], drafts: Sequence[Draft]) -> None:
    InvoiceLine.objects.bulk_create(
        InvoiceLine(
            invoice=invoice,
            position=position,
            kind=line.kind,
            description=line.description,
            quantity=line.quantity,
            unit=line.unit,
            unit_price=line.unit_price,
            amount_cents=line.amount_cents,
            metering_point_id=line.metering_point_id,
            evidence=dict(line.evidence),
        )
        for invoice, draft in zip(invoices, drafts, strict=True)
        for position, line in enumerate(draft.lines, start=1)
    )


def _receivable(invoice: Invoice) -> Movement:
    return Movement(
        name=f"issue:{invoice.pk}",
        currency=invoice.currency,
        sides={
            AccountCode.RECEIVABLE: invoice.total_cents,
            AccountCode.REVENUE: -invoice.total_cents,
        },
        client_id=invoice.client_id,
        invoice=invoice,
    )
