from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from billing.gateways.pix import read
from billing.models import Invoice, LineKind, PaymentMethod
from billing.services.documents import invoice_data, invoice_pdf, payable_code, written_document
from billing.services.invoices import void_invoice
from billing.services.payments import mark_paid
from billing.services.runs import run_billing
from billing.testing import (
    JANUARY,
    NOON,
    SAO_PAULO,
    make_account,
    make_invoice,
    make_plan,
    make_subscription,
)
from billing.tests.energy import make_point, use_energy
from clients.kernel.files import content_of
from clients.kernel.money import Money
from clients.kernel.periods import Period, day_start
from clients.kernel.tenancy import acting_for
from clients.models import StoredFile, Tenant
from clients.testing import make_client
from meters.models import Installation
from meters.services.intervals import recompute_all_touched
from meters.testing import keep_readings, register_rows


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


@pytest.mark.commits
def test_readings_become_a_line_that_can_be_checked(acacia: Tenant) -> None:
    period = Period(day_start(date(2026, 1, 5), SAO_PAULO), day_start(date(2026, 1, 7), SAO_PAULO))
    with acting_for(acacia.pk):
        point = make_point(tenant=acacia)
        meter = Installation.objects.get(metering_point=point).meter
        plan = make_plan(tenant=acacia, fixed_cents=3100, price_per_kwh=Decimal("0.91908000"))
        subscription = make_subscription(tenant=acacia, plan=plan, points=[point])
    registers = [10_000_000 + 123 * quarter for quarter in range(2 * 96 + 1)]
    keep_readings(meter, register_rows(period.start, registers), now=NOON)
    recompute_all_touched(acacia.pk)

    run_billing(acacia.pk, period, now=NOON)

    with acting_for(acacia.pk):
        invoice = Invoice.objects.get(subscription=subscription)
        line = invoice.lines.get(kind=LineKind.ENERGY)
        said = words(invoice_data(invoice))
    assert (line.quantity, line.amount_cents) == (Decimal("23.616"), 2170)
    assert line.evidence["energy_wh"] == 192 * 123
    assert line.evidence["completeness_percent"] == "100.00"
    assert invoice.total_cents == 2170 + 200  # two of 31 days of R$ 31,00
    for text in (
        "10.000,000\u00a0kWh (05/01/2026 00:00)",
        "10.023,616\u00a0kWh (07/01/2026 00:00)",
        meter.serial,
        "100%",
    ):
        assert text in said, text


def test_the_paper_speaks_the_clients_language(acacia: Tenant) -> None:
    client = make_client(tenant=acacia, language="en")

    said = words(invoice_data(make_energy_invoice(acacia, client=client)))

    for text in ("Total to pay", "1\u00a0month", "612.345\u00a0kWh", "Energy · ", "11 Feb 2026"):
        assert text in said, text
    assert "Energia · Board" not in said
