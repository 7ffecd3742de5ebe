from __future__ import annotations

from billing.models import Invoice
from billing.services.announcing import announce_invoices, dedupe_key, tenants_to_tell
from billing.services.invoices import void_invoice
from billing.testing import NOON, make_account, make_invoice, make_plan
from clients.models import Tenant
from clients.testing import make_client
from messaging.models import Message, MessageStatus
from messaging.testing import make_channel_account


def test_an_invoice_is_announced_once_with_its_pix_code(acacia: Tenant) -> None:
    make_account(tenant=acacia)
    make_channel_account(tenant=acacia)
    client = make_client(
        tenant=acacia, name="Amina Souza", phone="+5511987654321", email="a@b.example"
    )
    invoice = make_invoice(tenant=acacia, client=client)
    assert tenants_to_tell() == [acacia.pk]

    assert announce_invoices(acacia.pk, now=NOON) == 1
    assert announce_invoices(acacia.pk, now=NOON) == 0

    message = Message.objects.get()
    assert (message.client, message.dedupe_key) == (client, dedupe_key(invoice))
    assert message.body.startswith("Olá, Amina. Sua fatura 000001 de jan")
    assert "R$\u00a049,90" in message.body
    assert "11/02/2026" in message.body
    assert invoice.pix_code in message.body
    assert tenants_to_tell() == []


def test_a_client_without_an_address_stops_nobody(acacia: Tenant) -> None:
    make_invoice(tenant=acacia)

    assert announce_invoices(acacia.pk, now=NOON) == 1

    assert Message.objects.get().failed_at is not None


def test_only_what_is_to_be_paid_is_announced(acacia: Tenant) -> None:
    make_invoice(tenant=acacia, plan=make_plan(tenant=acacia, fixed_cents=0))
    void_invoice(make_invoice(tenant=acacia), now=NOON, reason="Wrong plan")

    assert announce_invoices(acacia.pk, now=NOON) == 0
    assert Invoice.objects.filter(announced_at=None).count() == 2


def test_a_cancelled_invoice_is_not_announced_any_more(acacia: Tenant) -> None:
    make_channel_account(tenant=acacia)
    client = make_client(tenant=acacia, email="a@b.example")
    invoice = make_invoice(tenant=acacia, client=client)
    announce_invoices(acacia.pk, now=NOON)

    void_invoice(invoice, now=NOON, reason="Wrong plan")

    assert Message.objects.get().status == MessageStatus.CANCELLED
