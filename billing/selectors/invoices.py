"""Questions about invoices and money, answered with values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from django.db.models import Case, CharField, Count, F, Min, Sum, Value, When

from billing.models import (
    AccountCode,
    Decision,
    HeldInvoice,
    Invoice,
    InvoiceStatus,
    LedgerEntry,
    Payment,
)
from clients.kernel.periods import Period
from clients.models import Client

OVERDUE: Final = "overdue"
DUE: Final = "due"
STATES: Final = (OVERDUE, DUE, InvoiceStatus.PAID.value, InvoiceStatus.VOID.value)


@dataclass(frozen=True, slots=True)
class Totals:
    """How many, and how much."""

    count: int = 0
    cents: int = 0


@dataclass(frozen=True, slots=True)
class Overdue:
    """What is late, and since when."""

    totals: Totals
    since: date | None


def state_of(today: date) -> Case:
    """An invoice's state as people say it: overdue, due, paid, void. For `annotate`."""
    return Case(
        When(status=InvoiceStatus.ISSUED, due_on__lt=today, then=Value(OVERDUE)),
        When(status=InvoiceStatus.ISSUED, then=Value(DUE)),
        default=F("status"),
        output_field=CharField(),
    )


def totals_by_state(today: date, *, client: Client | None = None) -> dict[str, Totals]:
    """Count and sum for every state. Open states sum what is still to be paid."""
    rows = Invoice.objects.order_by()
    if client is not None:
        rows = rows.filter(client=client)
    found = rows.annotate(state=state_of(today)).values("state")
    sums = found.annotate(count=Count("pk"), billed=Sum("total_cents"), paid=Sum("paid_cents"))
    totals = dict.fromkeys(STATES, Totals())
    for row in sums:
        is_open = row["state"] in (OVERDUE, DUE)
        totals[row["state"]] = Totals(row["count"], row["billed"] - (row["paid"] if is_open else 0))
    return totals


def overdue(today: date) -> Overdue:
    """Every overdue invoice together, and the oldest due date."""
    found = Invoice.objects.overdue(today).aggregate(
        count=Count("pk"), cents=Sum(F("total_cents") - F("paid_cents")), since=Min("due_on")
    )
    return Overdue(Totals(found["count"], found["cents"] or 0), found["since"])


def waiting_decisions() -> Overdue:
    """Held invoices that wait for a person, and since when."""
    waiting = HeldInvoice.objects.filter(decision=Decision.WAITING).aggregate(
        count=Count("pk"), cents=Sum("total_cents"), since=Min("held_at")
    )
    since = waiting["since"].date() if waiting["since"] else None
    return Overdue(Totals(waiting["count"], waiting["cents"] or 0), since)


def unmatched_payments() -> Totals:
    """Money that arrived for no invoice."""
    found = Payment.objects.filter(invoice=None).aggregate(n=Count("pk"), sum=Sum("amount_cents"))
    return Totals(found["n"], found["sum"] or 0)


def received(period: Period) -> Totals:
    """What was paid in a period."""
    rows = Payment.objects.filter(received_at__gte=period.start, received_at__lt=period.end)
    found = rows.aggregate(n=Count("pk"), sum=Sum("amount_cents"))
    return Totals(found["n"], found["sum"] or 0)


def received_from(client: Client, since: datetime) -> Totals:
    """What a client paid since an instant."""
    found = Payment.objects.filter(client=client, received_at__gte=since).aggregate(
        n=Count("pk"), sum=Sum("amount_cents")
    )
    return Totals(found["n"], found["sum"] or 0)


def credit_of(client: Client) -> int:
    """What we owe the client, in cents: paid twice, or too much."""
    entries = LedgerEntry.objects.filter(client=client, account__code=AccountCode.CREDIT)
    return -(entries.aggregate(sum=Sum("amount_cents"))["sum"] or 0)


def next_due(client: Client) -> Invoice | None:
    """The unpaid invoice that is due first."""
    return Invoice.objects.unpaid().filter(client=client).order_by("due_on", "number").first()
