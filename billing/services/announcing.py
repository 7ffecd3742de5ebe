"""Telling clients about their invoices. The invoice's own row says that it is still to be done."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from typing import Final

from django.db import connection
from django.db.models import QuerySet
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from billing.models import Invoice
from clients.kernel import show, when
from clients.kernel.tenancy import acting_for
from messaging.errors import MessageGone
from messaging.models import Message, MessageStatus
from messaging.services.kinds import DefaultText, MessageKind, register_kind
from messaging.services.outbox import cancel_message, queue_message

BATCH: Final = 100
INVOICE_ISSUED: Final = register_kind(
    MessageKind(
        key="invoice_issued",
        label=gettext_lazy("Invoice issued"),
        variables={
            "number": "000123",
            "period": "nov 2026",
            "amount": "R$ 87,30",
            "due_on": "10/12/2026",
            "payment": "Pix copia e cola: 00020126580014br.gov.bcb.pix…",
        },
        texts={
            "pt-br": DefaultText(
                subject="Sua fatura {number} vence em {due_on}",
                body=(
                    "Olá, {first_name}. Sua fatura {number} de {period}, no valor de {amount}, "
                    "vence em {due_on}. {payment}"
                ),
            ),
            "en": DefaultText(
                subject="Your invoice {number} is due on {due_on}",
                body=(
                    "Hello, {first_name}. Your invoice {number} for {period}, of {amount}, "
                    "is due on {due_on}. {payment}"
                ),
            ),
        },
    )
)


def announce_invoices(tenant_id: int, *, now: datetime) -> int:
    """Queue the messages of one tenant's invoices that nobody was told of; returns how many.

    Safe to call twice and at once: each invoice is announced in one message.
    """
    count = 0
    while announced := _announce_batch(tenant_id, now):
        count += announced
    return count


def _announce_batch(tenant_id: int, now: datetime) -> int:
    with acting_for(tenant_id):
        batch = _untold().select_for_update(of=("self",), skip_locked=True)[:BATCH]
        invoices = list(batch)
        for invoice in invoices:
            _announce(invoice)
        Invoice.objects.filter(pk__in=[one.pk for one in invoices]).update(announced_at=now)
        return len(invoices)


def tenants_to_tell(limit: int = 1000) -> list[int]:
    """Tenants with invoices that their clients were not told of."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM tenants_with_untold_invoices(%s)", [limit])
        return [tenant_id for (tenant_id,) in cursor.fetchall()]


def _untold() -> QuerySet[Invoice]:
    rows = Invoice.objects.unpaid().filter(announced_at=None).order_by("pk")
    return rows.select_related("client__tenant")


def _announce(invoice: Invoice) -> None:
    client, tenant = invoice.client, invoice.client.tenant
    with translation.override(client.language or tenant.locale):
        text = {
            "number": invoice.label,
            "period": when.month(invoice.period_start.astimezone(tenant.zone).date()),
            "amount": show.money(invoice.open_cents, invoice.currency),
            "due_on": when.paper_day(invoice.due_on),
            "payment": _payment(invoice),
        }
    queue_message(client, INVOICE_ISSUED.key, text, dedupe_key=dedupe_key(invoice))


def withdraw_announcement(invoice: Invoice) -> None:
    """Keep the message about an invoice from leaving, if it has not left yet."""
    waiting = Message.objects.filter(dedupe_key=dedupe_key(invoice), status=MessageStatus.QUEUED)
    for message in waiting:
        with suppress(MessageGone):  # it left meanwhile
            cancel_message(message)


def _payment(invoice: Invoice) -> str:
    if invoice.pix_code:
        return _("Pix code to copy and paste: %(code)s") % {"code": invoice.pix_code}
    return _("Ask us how to pay.")


def dedupe_key(invoice: Invoice) -> str:
    """The name of the message that announces an invoice; lists find its state by it."""
    return f"invoice_issued:{invoice.public_id}"
