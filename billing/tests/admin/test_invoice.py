from __future__ import annotations

import pytest
from django.utils import timezone

from billing.models import BillingRun, Payment, PaymentMethod
from billing.services.documents import invoice_pdf
from billing.services.payments import mark_paid
from billing.testing import NOON, make_account, make_invoice
from clients.kernel.money import Money
from clients.models import Tenant
from clients.testing import sign_in


def test_a_professional_gets_no_invoice_by_any_door(acacia: Tenant) -> None:
    make_account(tenant=acacia)
    invoice = make_invoice(tenant=acacia)
    mark_paid(invoice, Money(99, "BRL"), method=PaymentMethod.CASH, received_at=NOON)
    file = invoice_pdf(invoice, now=timezone.now())
    professional, viewer = sign_in(acacia, "professional"), sign_in(acacia, "viewer")

    doors = {
        f"/admin/billing/invoice/{invoice.public_id}/change/": 404,
        f"/admin/billing/invoice/{invoice.public_id}/invoice.pdf": 404,
        f"/api/v1/invoices/{invoice.public_id}/pdf": 403,
        f"/api/v1/files/{file.public_id}": 403,
        f"/api/v1/files/{file.public_id}/content": 403,
        "/api/v1/files": 403,
    }

    assert {door: professional.get(door).status_code for door in doors} == doors
    assert {viewer.get(door).status_code for door in doors} == {200}


def test_a_professional_reads_no_money_in_what_happened_lately(acacia: Tenant) -> None:
    invoice = make_invoice(tenant=acacia)
    mark_paid(invoice, Money(99, "BRL"), method=PaymentMethod.CASH, received_at=NOON)
    pages = ["/admin/", f"/admin/clients/client/{invoice.client.public_id}/change/"]
    professional, viewer = sign_in(acacia, "professional"), sign_in(acacia, "viewer")

    assert all("/admin/billing/invoice/" in viewer.get(page).content.decode() for page in pages)
    for page in pages:
        answer = professional.get(page)
        assert answer.status_code == 200
        assert f"invoice/{invoice.public_id}" not in answer.content.decode()


@pytest.mark.parametrize(
    "address",
    [
        f"/admin/billing/invoice/?q={'9' * 5000}",
        f"/admin/search/?s={'9' * 5000}",
        f"/admin/billing/invoice/?amount_from={'9' * 40}",
    ],
)
def test_a_search_for_a_huge_number_finds_nothing(acacia: Tenant, address: str) -> None:
    assert sign_in(acacia).get(address).status_code == 200


def test_a_list_filtered_by_what_no_column_holds_is_refused(acacia: Tenant) -> None:
    answer = sign_in(acacia).get("/admin/billing/heldinvoice/?decision__exact=%00")
    assert answer.status_code == 400


@pytest.mark.parametrize("amount", ["9999999999999", "99999999999999999999", "0,004", "0"])
def test_an_amount_that_was_mistyped_is_not_recorded(acacia: Tenant, amount: str) -> None:
    invoice = make_invoice(tenant=acacia)
    page = f"/admin/billing/invoice/{invoice.public_id}/mark_paid/"
    filled = {"amount": amount, "method": "cash", "received_on": "2026-02-01"}

    answer = sign_in(acacia).post(page, {"_form_submitted": "True", **filled})

    assert answer.status_code == 200
    assert Payment.objects.count() == 0


@pytest.mark.parametrize("month", ["9999-12", "0001-01"])
def test_a_month_out_of_time_is_not_billed(acacia: Tenant, month: str) -> None:
    page = "/admin/billing/invoice/bill/"

    answer = sign_in(acacia).post(page, {"_form_submitted": "True", "month": month})

    assert answer.status_code == 200
    assert BillingRun.objects.count() == 0
