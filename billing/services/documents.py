"""The invoice on paper: what it says, in the client's language, and the PDF that is kept."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from django.utils import translation
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _

from billing.gateways import pix
from billing.models import Invoice, InvoiceLine, InvoiceStatus, LineKind
from billing.services.drafts import energy_at
from clients.kernel import pdf, people, show, when
from clients.kernel.files import keep_file
from clients.models import Client, StoredFile, Tenant
from meters.selectors.energy import rule_text

TEMPLATE: Final = Path(__file__).parents[1] / "templates" / "billing" / "invoice.typ"
KIND: Final = "invoice_pdf"
WH_PER_KWH: Final = 1000
CNPJ_LENGTH: Final = 14
POSTAL_CODE_LENGTH: Final = 8


def invoice_pdf(invoice: Invoice, *, now: datetime) -> StoredFile:
    """The invoice as a PDF, made when somebody first asks and again after its state changed."""
    invoice = (
        Invoice.objects.select_related("client", "document", "tenant", "subscription__plan")
        .select_for_update(of=("self",))
        .get(pk=invoice.pk)
    )
    kept: StoredFile | None = invoice.document
    if kept is not None:
        return kept
    file = keep_file(
        kind=KIND,
        name=f"{invoice.label}.pdf",
        content=pdf.render(TEMPLATE, invoice_data(invoice), made_at=now),
        content_type="application/pdf",
    )
    invoice.document = file
    invoice.save(update_fields=["document"])
    return file


def payable_code(invoice: Invoice) -> str:
    """The Pix code for what is still to be paid; "" when nothing is or no key was set up."""
    if not invoice.pix_code or not invoice.open_cents:
        return ""
    if not invoice.paid_cents:
        return invoice.pix_code
    return pix.write(replace(pix.read(invoice.pix_code), amount_cents=invoice.open_cents))


def invoice_data(invoice: Invoice) -> dict[str, Any]:
    """Every text of the paper, in the client's language or the operator's."""
    tenant, client = invoice.tenant, invoice.client
    with translation.override(client.language or tenant.locale):
        issuer = _issuer(tenant)
        is_open = invoice.status == InvoiceStatus.ISSUED
        amount = invoice.open_cents if is_open else invoice.total_cents
        return {
            "lang": show.language(),
            "region": "BR" if show.language() == "pt" else "US",
            "title": _("Invoice %(number)s") % {"number": invoice.label},
            "number": invoice.label,
            "demo": _demo(tenant),
            "labels": _labels(is_open=is_open),
            "issuer": issuer,
            "client": {"name": client.name, "lines": _client_lines(client)},
            "status": _status(invoice),
            "total": show.money(amount, invoice.currency),
            "facts": _facts(invoice, tenant),
            "lines": [_line(line, invoice, tenant) for line in invoice.lines.all()],
            "sums": _sums(invoice),
            "pix": _pix(invoice) if invoice.pix_code and is_open else None,
            "notes": _notes(invoice),
            "footer": " · ".join([issuer["name"], *issuer["lines"][:2]]),
        }


def _demo(tenant: Tenant) -> str | None:
    if not tenant.is_demo:
        return None
    return _("Demonstration: names and prices are illustrative. Do not pay this invoice.")


def _labels(*, is_open: bool) -> dict[str, str]:
    return {
        "invoice": _("Invoice"),
        "total": _("Total to pay") if is_open else _("Total"),
        "client": _("Client"),
        "description": _("Description"),
        "quantity": _("Quantity"),
        "unit_price": _("Unit price"),
        "amount": _("Amount"),
    }


def written_document(document: str) -> str:
    """`CNPJ 12.ABC.345/01DE-35` or `CPF 123.456.789-09`."""
    kind = "CNPJ" if len(document) == CNPJ_LENGTH else "CPF"
    return f"{kind} {people.document(document)}"


def _place(owner: Tenant | Client) -> str:
    city = f"{owner.city}, {owner.state}" if owner.city and owner.state else owner.city
    code = getattr(owner, "postal_code", "")
    code = f"{code[:5]}-{code[5:]}" if len(code) == POSTAL_CODE_LENGTH else code
    return " · ".join(part for part in (owner.address, city, code) if part)


def _issuer(tenant: Tenant) -> dict[str, Any]:
    """Who collects, with document and address, as CDC article 42-A wants in every charge."""
    name = tenant.legal_name or tenant.name
    document = written_document(tenant.document) if tenant.document else ""
    first = " · ".join(part for part in (name if name != tenant.name else "", document) if part)
    return {"name": tenant.name, "lines": [line for line in (first, _place(tenant)) if line]}


def _client_lines(client: Client) -> list[str]:
    document = written_document(client.document) if client.document else ""
    return [line for line in (document, _place(client)) if line]


def _status(invoice: Invoice) -> dict[str, str]:
    if invoice.status == InvoiceStatus.PAID:
        return {"text": _("Paid"), "tone": "good"}
    if invoice.status == InvoiceStatus.VOID:
        return {"text": _("Cancelled"), "tone": "bad"}
    return {"text": _("To be paid"), "tone": "wait"}


def _facts(invoice: Invoice, tenant: Tenant) -> list[dict[str, str | None]]:
    zone = tenant.zone
    first = invoice.period_start.astimezone(zone).date()
    last = (invoice.period_end.astimezone(zone) - timedelta(days=1)).date()
    days = _("%(first)s to %(last)s") % {
        "first": when.paper_day(first),
        "last": when.paper_day(last),
    }
    issued = when.paper_day(invoice.issued_at.astimezone(zone).date())
    return [
        {"label": _("Due on"), "value": when.paper_day(invoice.due_on), "note": None},
        {"label": _("Period"), "value": when.month(first), "note": days},
        {"label": _("Issued on"), "value": issued, "note": None},
    ]


def _line(line: InvoiceLine, invoice: Invoice, tenant: Tenant) -> dict[str, Any]:
    is_energy = line.kind == LineKind.ENERGY
    notes = _energy_notes(line, invoice, tenant) if is_energy else _fixed_notes(line)
    return {
        "description": energy_at(line.evidence["point"]) if is_energy else line.description,
        "notes": notes,
        "quantity": show.measure(line.quantity, line.unit, 3) if is_energy else _share(line),
        "unit_price": _price(line.unit_price, invoice.currency),
        "amount": show.money(line.amount_cents, invoice.currency),
    }


def _share(line: InvoiceLine) -> str:
    days, whole = line.evidence.get("days"), line.evidence.get("cycle_days")
    if days == whole:
        return show.measure(1, _("month"))
    return _("%(days)s of %(whole)s days") % {"days": days, "whole": whole}


def _price(price: Decimal, currency: str) -> str:
    """All the digits that the price has, and never fewer than two."""
    exact = price.normalize()
    places = max(2, -int(exact.as_tuple().exponent))
    return f"{show.SYMBOLS.get(currency, currency)}{show.NBSP}{show.number(exact, places)}"


def _fixed_notes(line: InvoiceLine) -> list[str]:
    if line.evidence.get("days") == line.evidence.get("cycle_days"):
        return []
    return [_("Only the days of service in this period are charged.")]


def _energy_notes(line: InvoiceLine, invoice: Invoice, tenant: Tenant) -> list[str]:
    """What a reader needs to check the line: meter, first and last reading, completeness, rule."""
    found = line.evidence
    notes = [_readings_note(part, tenant) for part in found.get("meters", [])]
    percent = show.percent(Decimal(found["completeness_percent"]) / 100)
    notes.append(
        _("%(percent)s of the data measured · rule: %(rule)s")
        % {
            "percent": percent,
            "rule": rule_text(found["rule"]).rstrip("."),
        }
    )
    notes.append(
        _("Price of plan %(plan)s: %(price)s per kWh, rounded once to the cent")
        % {"plan": found.get("plan", ""), "price": _price(line.unit_price, invoice.currency)}
    )
    return notes


def _readings_note(part: dict[str, Any], tenant: Tenant) -> str:
    said = _("Meter %(serial)s") % {"serial": part.get("serial", "")}
    if not part.get("first_at") or not part.get("last_at"):
        return said
    if part.get("first_wh") is None or part.get("last_wh") is None:
        return _("%(meter)s · readings from %(first_at)s to %(last_at)s") % {
            "meter": said,
            "first_at": _moment(part["first_at"], tenant),
            "last_at": _moment(part["last_at"], tenant),
        }
    return _("%(meter)s · from %(first)s (%(first_at)s) to %(last)s (%(last_at)s)") % {
        "meter": said,
        "first": show.measure(Decimal(part["first_wh"]) / WH_PER_KWH, "kWh", 3),
        "first_at": _moment(part["first_at"], tenant),
        "last": show.measure(Decimal(part["last_wh"]) / WH_PER_KWH, "kWh", 3),
        "last_at": _moment(part["last_at"], tenant),
    }


def _moment(text: str, tenant: Tenant) -> str:
    instant = parse_datetime(text)
    if instant is None:
        return text
    local = instant.astimezone(tenant.zone)
    return f"{when.paper_day(local.date())} {local:%H:%M}"


def _sums(invoice: Invoice) -> list[dict[str, Any]]:
    def row(label: str, cents: int, *, strong: bool = False) -> dict[str, Any]:
        return {"label": label, "amount": show.money(cents, invoice.currency), "strong": strong}

    if invoice.status != InvoiceStatus.ISSUED or not invoice.paid_cents:
        return [row(_("Total"), invoice.total_cents, strong=True)]
    return [
        row(_("Total"), invoice.total_cents),
        row(_("Already paid"), -invoice.paid_cents),
        row(_("Still to pay"), invoice.open_cents, strong=True),
    ]


def _pix(invoice: Invoice) -> dict[str, Any]:
    text = payable_code(invoice)
    code = pix.read(text)
    steps = [
        _("Open your bank's application and choose Pix."),
        _("Scan the QR code or paste the code below."),
        _("Check who receives, and confirm."),
    ]
    receiver = [
        {"label": _("Receiver"), "value": code.name},
        {"label": _("Identifier"), "value": code.txid},
    ]
    return {
        "title": _("Pay with Pix"),
        "alt": _("QR code of the Pix"),
        "steps": steps,
        "receiver": receiver,
        "code_label": _("Pix code to copy and paste"),
        "code": text,
        "qr": pix.qr_svg(text),
    }


def _notes(invoice: Invoice) -> list[str]:
    notes = [_("This is a bill. It is not a fiscal document and does not replace one.")]
    if invoice.pix_code and invoice.status == InvoiceStatus.ISSUED:
        notes.append(_("The Pix code does not expire. What is paid twice stays as your credit."))
    return notes
