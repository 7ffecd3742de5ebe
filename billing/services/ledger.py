"""Double entry: every movement of money has two sides, which the database adds up at commit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from billing.models import AccountCode, Invoice, LedgerAccount, LedgerEntry, Payment


@dataclass(frozen=True, slots=True)
class Movement:
    """One transaction: what it is called, and how much each account gets (debits positive)."""

    name: str
    currency: str
    sides: Mapping[AccountCode, int]
    client_id: int | None = None
    invoice: Invoice | None = None
    payment: Payment | None = None


def post(movements: Iterable[Movement], *, at: datetime) -> None:
    """Write the entries of each movement. One that is posted already is refused by the database."""
    accounts = _accounts()
    LedgerEntry.objects.bulk_create(
        LedgerEntry(
            transaction=movement.name,
            account_id=accounts[code],
            client_id=movement.client_id,
            invoice=movement.invoice,
            payment=movement.payment,
            amount_cents=cents,
            currency=movement.currency,
            posted_at=at,
        )
        for movement in movements
        for code, cents in movement.sides.items()
        if cents
    )


def _accounts() -> dict[str, int]:
    known = dict(LedgerAccount.objects.values_list("code", "pk"))
    missing = [code for code in AccountCode.values if code not in known]
    if missing:
        LedgerAccount.objects.bulk_create(
            [LedgerAccount(code=code) for code in missing], ignore_conflicts=True
        )
        known = dict(LedgerAccount.objects.values_list("code", "pk"))
    return known
