from __future__ import annotations

from typing import Any

import pytest

from billing.models import Invoice
from billing.services.announcing import announce_invoices, dedupe_key, tenants_to_tell
from billing.services.invoices import void_invoice
from billing.testing import NOON, make_account, make_invoice, make_plan
from clients.models import Tenant
from messaging.services import outbox


@pytest.fixture(autouse=True)
def _clean() -> Any:
    outbox.SENT.clear()


def test_an_invoice_is_announced_once_with_its_pix_code(acacia: Tenant) -> None:
    make_account(tenant=acacia)
    invoice = make_invoice(tenant=acacia)
    assert tenants_to_tell() == [acacia.pk]

    assert announce_invoices(acacia.pk, now=NOON) == 1
    assert announce_invoices(acacia.pk, now=NOON) == 0

    client, kind, text = outbox.SENT[dedupe_key(invoice)]
    assert (client, kind) == (invoice.client, "invoice_issued")
    assert text["amount"] == "R$\u00a049,90"
    assert text["due_on"] == "11/02/2026"
    assert invoice.pix_code in text["payment"]
    assert tenants_to_tell() == []


def test_only_what_is_to_be_paid_is_announced(acacia: Tenant) -> None:
    make_invoice(tenant=acacia, plan=make_plan(tenant=acacia, fixed_cents=0))
    void_invoice(make_invoice(tenant=acacia), now=NOON, reason="Wrong plan")

    assert announce_invoices(acacia.pk, now=NOON) == 0
    assert Invoice.objects.filter(announced_at=None).count() == 2
