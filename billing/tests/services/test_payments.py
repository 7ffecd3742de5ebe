from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, ProgrammingError, connection, transaction
from django.db.models import Sum
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from billing.errors import BadAmount, InvoiceClosed, PaymentConflict
from billing.models import (
    AccountCode,
    Invoice,
    InvoiceLine,
    InvoiceStatus,
    LedgerAccount,
    LedgerEntry,
    Payment,
    PaymentMethod,
)
from billing.services.invoices import issue_invoice, void_invoice
from billing.services.ledger import Movement, post
from billing.services.payments import keep_unmatched, mark_paid
from billing.testing import JANUARY, NOON, make_account, make_invoice, make_plan, make_subscription
from clients.kernel.money import Money
from clients.kernel.tenancy import acting_for
from clients.models import Tenant

E2E = "E1234567820260201150012345678901"


def pay(invoice: Invoice, cents: int, **changed: Any) -> Payment:
    return mark_paid(
        invoice,
        Money(cents, changed.pop("currency", "BRL")),
        **{"method": PaymentMethod.PIX, "received_at": NOON, **changed},
    )


def balance(code: AccountCode) -> int:
    """Debits minus credits."""
    entries = LedgerEntry.objects.filter(account__code=code)
    return entries.aggregate(sum=Sum("amount_cents"))["sum"] or 0


def state(invoice: Invoice) -> tuple[str, int]:
    invoice.refresh_from_db()
    return invoice.status, invoice.paid_cents


def test_the_whole_amount_pays_the_invoice(acacia: Tenant) -> None:
    invoice = make_invoice(tenant=acacia)

    pay(invoice, 4990, reference=E2E)

    assert state(invoice) == (InvoiceStatus.PAID, 4990)
    assert invoice.paid_at == NOON
    assert balance(AccountCode.CASH) == 4990
    assert balance(AccountCode.RECEIVABLE) == 0
    assert balance(AccountCode.REVENUE) == -4990


def test_the_same_payment_twice_is_one_payment(acacia: Tenant) -> None:
    invoice = make_invoice(tenant=acacia)

    first = pay(invoice, 4990, reference=E2E)
    again = pay(invoice, 4990, reference=E2E)

    assert again == first
    assert Payment.objects.count() == 1
    assert balance(AccountCode.CASH) == 4990


def test_a_reference_belongs_to_one_payment(acacia: Tenant) -> None:
    first, second = make_invoice(tenant=acacia), make_invoice(tenant=acacia)
    pay(first, 4990, reference=E2E)

    with pytest.raises(PaymentConflict):
        pay(second, 4990, reference=E2E)
    with pytest.raises(PaymentConflict):
        pay(first, 100, reference=E2E)

    assert state(second) == (InvoiceStatus.ISSUED, 0)
    assert balance(AccountCode.CASH) == 4990


def test_too_little_leaves_the_rest_to_be_paid(acacia: Tenant) -> None:
    invoice = make_invoice(tenant=acacia)

    pay(invoice, 4989)

    assert state(invoice) == (InvoiceStatus.ISSUED, 4989)
    assert (invoice.open_cents, balance(AccountCode.RECEIVABLE)) == (1, 1)
    pay(invoice, 1)
    assert state(invoice) == (InvoiceStatus.PAID, 4990)


def test_too_much_becomes_credit(acacia: Tenant) -> None:
    invoice = make_invoice(tenant=acacia)

    pay(invoice, 5000)

    assert state(invoice) == (InvoiceStatus.PAID, 4990)
    assert balance(AccountCode.CREDIT) == -10


def test_paying_twice_becomes_credit(acacia: Tenant) -> None:
    invoice = make_invoice(tenant=acacia)
    pay(invoice, 4990, reference=E2E)

    pay(invoice, 4990, reference=E2E[:-1] + "2")

    assert state(invoice) == (InvoiceStatus.PAID, 4990)
    assert balance(AccountCode.CREDIT) == -4990
    assert Payment.objects.count() == 2


def test_money_for_a_cancelled_invoice_becomes_credit(acacia: Tenant) -> None:
    invoice = make_invoice(tenant=acacia)
    void_invoice(invoice, now=NOON, reason="Wrong plan")

    pay(invoice, 4990)

    assert state(invoice) == (InvoiceStatus.VOID, 0)
    assert (balance(AccountCode.CREDIT), balance(AccountCode.REVENUE)) == (-4990, 0)


def test_cancelling_returns_what_was_paid_as_credit(acacia: Tenant) -> None:
    invoice = make_invoice(tenant=acacia)
    pay(invoice, 1000)

    void_invoice(invoice, now=NOON, reason="Wrong plan")
    void_invoice(invoice, now=NOON, reason="Wrong plan")

    assert state(invoice) == (InvoiceStatus.VOID, 1000)
    assert balance(AccountCode.RECEIVABLE) == 0
    assert (balance(AccountCode.CREDIT), balance(AccountCode.CASH)) == (-1000, 1000)


def test_a_paid_invoice_is_not_cancelled(acacia: Tenant) -> None:
    invoice = make_invoice(tenant=acacia)
    pay(invoice, 4990)

    with pytest.raises(InvoiceClosed):
        void_invoice(invoice, now=NOON, reason="Mistake")

    assert state(invoice) == (InvoiceStatus.PAID, 4990)


@pytest.mark.parametrize(("cents", "currency"), [(0, "BRL"), (-1, "BRL"), (4990, "USD")])
def test_amounts_that_make_no_sense_are_refused(acacia: Tenant, cents: int, currency: str) -> None:
    invoice = make_invoice(tenant=acacia)

    with pytest.raises(BadAmount):
        pay(invoice, cents, currency=currency)

    assert not Payment.objects.exists()


def test_money_for_nobody_waits_in_its_own_account(acacia: Tenant) -> None:
    account = make_account(tenant=acacia)

    for _ in range(2):
        keep_unmatched(
            Money(700, "BRL"), received_at=NOON, reference=E2E, account=account, note="no txid"
        )

    assert Payment.objects.get().invoice is None
    assert balance(AccountCode.UNMATCHED) == -700


@settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],  # each example is a new client
)
@given(
    steps=st.lists(
        st.tuples(st.sampled_from(["pay", "void", "reissue"]), st.integers(1, 8000)), max_size=8
    )
)
def test_whatever_happens_the_ledger_adds_up(acacia: Tenant, steps: list[tuple[str, int]]) -> None:
    invoice = make_invoice(tenant=acacia)
    for step, cents in steps:
        if step == "pay":
            pay(invoice, cents)
        elif step == "void" and state(invoice)[0] != InvoiceStatus.PAID:
            void_invoice(invoice, now=NOON, reason="test")
        elif step == "reissue":
            invoice = issue_invoice(invoice.subscription, JANUARY, now=NOON)

    mine = LedgerEntry.objects.filter(client=invoice.client)
    sums = dict(mine.values_list("account__code").annotate(sum=Sum("amount_cents")))
    assert sum(sums.values()) == 0
    invoices = Invoice.objects.filter(client=invoice.client)
    owed = sum(one.open_cents for one in invoices)
    paid = sum(Payment.objects.filter(client=invoice.client).values_list("amount_cents", flat=True))
    assert sums.get(AccountCode.RECEIVABLE, 0) == owed
    assert sums.get(AccountCode.CASH, 0) == paid
    live = sum(one.total_cents for one in invoices if one.status != InvoiceStatus.VOID)
    assert sums.get(AccountCode.REVENUE, 0) == -live


def post_and_check(*movements: Movement) -> None:
    """Post, and run the checks that wait for the end of the transaction."""
    post(movements, at=NOON)
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


def test_a_transaction_that_does_not_add_up_is_refused_at_commit(acacia: Tenant) -> None:
    sides = {AccountCode.CASH: 100, AccountCode.REVENUE: -99}

    with pytest.raises(IntegrityError, match="does not add up"), transaction.atomic():
        post_and_check(Movement("odd", "BRL", sides))


def test_a_transaction_mixes_no_currencies(acacia: Tenant) -> None:
    with pytest.raises(IntegrityError, match="does not add up"), transaction.atomic():
        post_and_check(
            Movement("odd", "BRL", {AccountCode.CASH: 100}),
            Movement("odd", "USD", {AccountCode.REVENUE: -100}),
        )


def test_a_transaction_is_posted_once(acacia: Tenant) -> None:
    sides = {AccountCode.CASH: 100, AccountCode.REVENUE: -100}
    post([Movement("once", "BRL", sides)], at=NOON)

    with pytest.raises(IntegrityError), transaction.atomic():
        post([Movement("once", "BRL", sides)], at=NOON)


@pytest.mark.parametrize(
    "change",
    [
        lambda: LedgerEntry.objects.update(amount_cents=1),
        lambda: LedgerEntry.objects.all().delete(),
        lambda: InvoiceLine.objects.update(amount_cents=1),
        lambda: InvoiceLine.objects.all()._raw_delete("default"),
        lambda: Payment.objects.update(amount_cents=1),
        lambda: Payment.objects.all()._raw_delete("default"),
        lambda: Invoice.objects.update(total_cents=1),
        lambda: Invoice.objects.update(number=9),
        lambda: Invoice.objects.update(pix_code="other"),
        lambda: Invoice.objects.all()._raw_delete("default"),
    ],
)
def test_what_is_written_about_money_stays(acacia: Tenant, change: Callable[[], None]) -> None:
    pay(make_invoice(tenant=acacia), 10)

    with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
        change()


@pytest.mark.parametrize("status", [InvoiceStatus.ISSUED, InvoiceStatus.VOID])
def test_paid_never_goes_back(acacia: Tenant, status: InvoiceStatus) -> None:
    invoice = make_invoice(tenant=acacia)
    pay(invoice, 4990)

    with pytest.raises(DatabaseError, match="does not become"), transaction.atomic():
        Invoice.objects.update(status=status)

    assert state(invoice) == (InvoiceStatus.PAID, 4990)


def test_paid_without_the_money_is_refused(acacia: Tenant) -> None:
    make_invoice(tenant=acacia)

    with pytest.raises(IntegrityError), transaction.atomic():
        Invoice.objects.update(status=InvoiceStatus.PAID, paid_at=NOON)


def test_a_period_has_one_invoice_that_counts(acacia: Tenant) -> None:
    first = make_invoice(tenant=acacia)
    assert issue_invoice(first.subscription, JANUARY, now=NOON) == first

    void_invoice(first, now=NOON, reason="Wrong plan")
    second = issue_invoice(first.subscription, JANUARY, now=NOON)

    assert (first.number, second.number) == (1, 2)


def test_numbers_have_no_gaps_when_transactions_fail(acacia: Tenant) -> None:
    for number in range(6):
        with transaction.atomic():
            make_invoice(tenant=acacia)
            if number % 2:
                transaction.set_rollback(True)

    assert list(Invoice.objects.order_by("number").values_list("number", flat=True)) == [1, 2, 3]


@pytest.mark.commits
def test_the_same_notice_in_ten_threads_is_one_payment(acacia: Tenant) -> None:
    with acting_for(acacia.pk):
        invoice = make_invoice(tenant=acacia)
    failures: list[BaseException] = []

    def work() -> None:
        try:
            for _ in range(5):
                with acting_for(acacia.pk):
                    pay(invoice, 4990, reference=E2E)
        except BaseException as error:  # noqa: BLE001 - shown by the assertion below
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failures == []
    with acting_for(acacia.pk):
        assert Payment.objects.count() == 1
        assert state(invoice) == (InvoiceStatus.PAID, 4990)


@pytest.mark.commits
def test_baobab_sees_and_points_at_nothing_of_acacia(acacia: Tenant, baobab: Tenant) -> None:
    with acting_for(acacia.pk):
        invoice = make_invoice(tenant=acacia)
        pay(invoice, 10)

    models = (Invoice, InvoiceLine, Payment, LedgerAccount, LedgerEntry)
    with acting_for(baobab.pk):
        assert [model.objects.count() for model in models] == [0] * len(models)
        plan = make_plan(tenant=baobab)
    with pytest.raises(IntegrityError), acting_for(baobab.pk):
        make_subscription(tenant=baobab, plan=plan, client=invoice.client)
