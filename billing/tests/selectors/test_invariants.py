from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connections

from billing.models import Invoice, PaymentMethod
from billing.selectors import invariants
from billing.services.payments import mark_paid
from billing.testing import NOON, make_account, make_invoice
from clients.kernel.invariants import Row
from clients.kernel.money import Money
from clients.kernel.tenancy import across_tenants, acting_for
from clients.models import Tenant

pytestmark = pytest.mark.commits
RULES = [
    invariants.unconfirmed_gateway_payments,
    invariants.confirmed_notices_without_payment,
    invariants.unbalanced_transactions,
    invariants.totals_unlike_their_lines,
    invariants.invoices_unlike_the_ledger,
    invariants.cash_unlike_payments,
    invariants.periods_billed_twice,
    invariants.points_billed_twice,
    invariants.numbers_with_gaps,
]


@pytest.fixture
def invoice(acacia: Tenant) -> Invoice:
    """Of two invoices, the first; part of it is paid."""
    with acting_for(acacia.pk):
        make_account(tenant=acacia)
        first = make_invoice(tenant=acacia)
        make_invoice(tenant=acacia)
        mark_paid(
            first, Money(1000, "BRL"), method=PaymentMethod.CASH, received_at=NOON, reference="r1"
        )
        return first


def found(rule: Callable[[], list[Row]]) -> list[Row]:
    with across_tenants(read_only=True):
        return rule()


def spoil(sql: str, *params: Any) -> None:
    """What no role may do: change the past, with every guard of the database lifted."""
    tables = ("invoice", "invoiceline", "payment", "ledgerentry")
    with connections["owner"].cursor() as cursor:
        for table in tables:
            cursor.execute(f"ALTER TABLE billing_{table} DISABLE TRIGGER USER")
        cursor.execute(sql, params)


def test_an_honest_month_breaks_nothing(invoice: Invoice) -> None:
    assert {rule.__name__: found(rule) for rule in RULES} == {rule.__name__: [] for rule in RULES}


@pytest.mark.parametrize(
    ("rule", "sql"),
    [
        (
            invariants.unbalanced_transactions,
            "UPDATE billing_ledgerentry SET amount_cents = amount_cents + 1 WHERE invoice_id = %s",
        ),
        (
            invariants.totals_unlike_their_lines,
            "UPDATE billing_invoiceline SET amount_cents = 1 WHERE invoice_id = %s",
        ),
        (
            invariants.invoices_unlike_the_ledger,
            "UPDATE billing_invoice SET paid_cents = 999 WHERE id = %s",
        ),
        (
            invariants.cash_unlike_payments,
            "UPDATE billing_payment SET amount_cents = 999 WHERE invoice_id = %s",
        ),
        (
            invariants.numbers_with_gaps,
            "UPDATE billing_invoice SET number = 9 WHERE id = %s",
        ),
        (
            invariants.periods_billed_twice,
            "UPDATE billing_invoice SET subscription_id = (SELECT subscription_id "
            "FROM billing_invoice WHERE number = 2), period_start = period_start + "
            "interval '1 day' WHERE id = %s",
        ),
        (
            invariants.unconfirmed_gateway_payments,
            "UPDATE billing_payment SET gateway_account_id = "
            "(SELECT id FROM billing_gatewayaccount) WHERE invoice_id = %s",
        ),
    ],
)
def test_a_past_that_was_changed_is_found(
    invoice: Invoice, rule: Callable[[], list[Row]], sql: str
) -> None:
    spoil(sql, invoice.pk)

    assert found(rule) != []
