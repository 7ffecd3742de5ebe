"""One invoice: issued by hand, cancelled, written as PDF."""

from __future__ import annotations

from datetime import datetime

from django.utils import translation
from django.utils.translation import gettext as _

from billing.errors import DataIncomplete, InvoiceClosed
from billing.events import invoice_voided
from billing.models import AccountCode, Invoice, InvoiceStatus, Subscription
from billing.services.announcing import withdraw_announcement
from billing.services.cycles import check_period
from billing.services.drafts import draft_invoices, spans_of
from billing.services.issuing import issue_drafts
from billing.services.ledger import Movement, post
from clients.kernel.periods import Period
from clients.kernel.tenancy import current_tenant_id
from clients.models import Tenant


def issue_invoice(subscription: Subscription, period: Period, *, now: datetime) -> Invoice:
    """The invoice of a subscription for a period; issues it when there is none that counts.

    Safe to call twice. After a cancelled invoice it issues another. Raises DataIncomplete when too
    little was measured: a run holds such a period, and a person decides.
    """
    tenant = Tenant.objects.get(pk=current_tenant_id())
    check_period(period, tenant.zone)
    rows = Subscription.objects.select_related("plan", "client")
    subscription = rows.select_for_update(of=("self",), no_key=True).get(pk=subscription.pk)
    spans = spans_of([subscription], period, tenant.zone)
    if not spans or spans[subscription].period.end > now:
        raise InvoiceClosed(_("There is nothing to bill in this period yet."), "nothing_to_bill")
    wanted = spans[subscription].period
    live = Invoice.objects.live().filter(subscription=subscription).overlapping(wanted).first()
    if live is not None:
        return live
    with translation.override(tenant.locale):
        draft = draft_invoices(spans)[0]
    if draft.reason:
        raise DataIncomplete(
            _("Too little was measured. Bill the month, then decide under held invoices.")
        )
    return issue_drafts([draft], tenant, now=now)[0]


def void_invoice(invoice: Invoice, *, now: datetime, reason: str) -> Invoice:
    """Cancel an invoice that is not paid. What was paid of it becomes the client's credit.

    Safe to call twice. Raises InvoiceClosed when it is paid. The number stays taken.
    """
    invoice = Invoice.objects.select_for_update().get(pk=invoice.pk)
    if invoice.status == InvoiceStatus.PAID:
        raise InvoiceClosed(
            _("Invoice %(number)s is already paid and cannot be cancelled.")
            % {"number": invoice.label}
        )
    if invoice.status == InvoiceStatus.VOID:
        return invoice
    sides = {
        AccountCode.REVENUE: invoice.total_cents,
        AccountCode.RECEIVABLE: invoice.paid_cents - invoice.total_cents,
        AccountCode.CREDIT: -invoice.paid_cents,
    }
    name = f"void:{invoice.pk}"
    post([Movement(name, invoice.currency, sides, invoice.client_id, invoice)], at=now)
    invoice.status, invoice.voided_at, invoice.void_reason = InvoiceStatus.VOID, now, reason
    invoice.document = None
    invoice.save(update_fields=["status", "voided_at", "void_reason", "document"])
    withdraw_announcement(invoice)
    invoice_voided.announce(tenant_id=invoice.tenant_id, invoice_id=invoice.pk)
    return invoice
