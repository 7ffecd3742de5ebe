from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from billing.gateways.pix import read
from billing.models import Invoice, PaymentMethod
from billing.services.documents import invoice_data, invoice_pdf, payable_code, written_document
from billing.services.invoices import void_invoice
from billing.services.payments import mark_paid
from billing.testing import JANUARY, NOON, make_account, make_invoice, make_plan
from billing.tests.energy import make_point, use_energy
from clients.kernel.files import content_of
from clients.kernel.money import Money
from clients.models import StoredFile, Tenant
from clients.testing import make_client


def words(data: Any) -> str:
    """Every text of the paper, one after the other."""
    if isinstance(data, dict):
        return " ".join(words(each) for each in data.values())
    if isinstance(data, list):
        return " ".join(words(each) for each in data)
    return str(data)


def make_energy_invoice(tenant: Tenant, **fields: Any) -> Invoice:
    make_account(tenant=tenant)
    point = make_point(tenant=tenant)
    use_energy(point, JANUARY, wh=612_345)
    plan = make_plan(tenant=tenant, name="Comercial", price_per_kwh=Decimal("0.91908000"))
    return make_invoice(tenant=tenant, plan=plan, points=[point], **fields)


def test_the_paper_says_who_collects_what_from_whom(acacia: Tenant) -> None:
    client = make_client(tenant=acacia, name="Padaria Trigo Bom", document="11222333000181")

    invoice = make_energy_invoice(acacia, client=client)
    data = invoice_data(invoice)

    said = words(data)
    for text in (
        "Acacia Energia Ltda.",
        "Rua Um, 1 · Jundiaí, SP",
        "Padaria Trigo Bom",
        "CNPJ 11.222.333/0001-81",
        "000001",
        "11/02/2026",
        "612,345\u00a0kWh",
        "R$\u00a00,91908",
        "R$\u00a0612,69",
        invoice.pix_code,
        invoice.txid,
    ):
        assert text in said, text
    assert data["demo"] is None
    assert data["pix"]["qr"].startswith("<svg")


def test_the_pdf_is_made_once_and_again_when_the_state_changed(acacia: Tenant) -> None:
    invoice = make_energy_invoice(acacia)

    first = invoice_pdf(invoice, now=NOON)
    again = invoice_pdf(invoice, now=NOON)
    mark_paid(
        invoice, Money(1000, "BRL"), method=PaymentMethod.CASH, received_at=NOON, reference="r1"
    )
    third = invoice_pdf(invoice, now=NOON)

    assert content_of(first).startswith(b"%PDF-1.7")
    assert (again, first.name) == (first, "000001.pdf")
    assert third != first
    assert StoredFile.objects.count() == 2


def test_the_code_asks_for_what_is_still_to_be_paid(acacia: Tenant) -> None:
    invoice = make_energy_invoice(acacia)
    assert payable_code(invoice) == invoice.pix_code

    mark_paid(
        invoice, Money(1000, "BRL"), method=PaymentMethod.CASH, received_at=NOON, reference="r1"
    )
    invoice.refresh_from_db()

    code = read(payable_code(invoice))
    assert (code.amount_cents, code.txid) == (61_269 - 1000, invoice.txid)
    void_invoice(invoice, now=NOON, reason="Wrong plan")
    invoice.refresh_from_db()
    assert payable_code(invoice) == ""


def test_a_demonstration_says_so(acacia: Tenant) -> None:
    Tenant.objects.filter(pk=acacia.pk).update(is_demo=True)

    data = invoice_data(make_energy_invoice(acacia))

    assert data["demo"]


def test_names_are_text_and_never_markup(acacia: Tenant) -> None:
    client = make_client(tenant=acacia, name='#panic("x") <b> *forte* $1$ \\ ] 漢字 🎉')

    invoice = make_energy_invoice(acacia, client=client)

    assert content_of(invoice_pdf(invoice, now=NOON)).startswith(b"%PDF")


def test_a_part_of_a_month_says_how_many_days(acacia: Tenant) -> None:
    invoice = make_invoice(tenant=acacia, starts_on=date(2026, 1, 22))

    assert "10" in invoice_data(invoice)["lines"][0]["quantity"]


def test_documents_are_written_as_people_write_them() -> None:
    assert written_document("12ABC34501DE35") == "CNPJ 12.ABC.345/01DE-35"
    assert written_document("12345678909") == "CPF 123.456.789-09"
