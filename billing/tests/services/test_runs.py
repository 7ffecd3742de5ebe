from __future__ import annotations

import os
import subprocess
import sys
import threading
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection

from billing.errors import AlreadyDecided, BadPeriod, PeriodNotOver
from billing.models import (
    BillingRun,
    Decision,
    HeldInvoice,
    HoldReason,
    Invoice,
    InvoiceLine,
    InvoiceStatus,
    LedgerEntry,
    LineKind,
    RunStatus,
    Subscription,
)
from billing.services import runs
from billing.services.held import drop_held, issue_held
from billing.services.invoices import void_invoice
from billing.services.runs import Preview, preview_billing, run_billing
from billing.testing import FEBRUARY, JANUARY, NOON, make_account, make_plan, make_subscription
from billing.tests.energy import make_point, use_energy
from clients.kernel.periods import Period
from clients.kernel.tenancy import acting_for
from clients.models import Client, Tenant

PER_KWH = Decimal("0.91908000")


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "CHUNK", 3)


def run(tenant: Tenant, **changed: Any) -> BillingRun:
    return run_billing(tenant.pk, changed.get("period", JANUARY), now=changed.get("now", NOON))


def test_a_run_issues_one_invoice_for_each_subscription(acacia: Tenant, small_chunks: None) -> None:
    for _ in range(7):
        make_subscription(tenant=acacia)

    done = run(acacia)

    assert (done.status, done.expected_count, done.seen_count) == (RunStatus.DONE, 7, 7)
    assert (done.issued_count, done.held_count, done.issued_cents) == (7, 0, 7 * 4990)
    assert sorted(Invoice.objects.values_list("number", flat=True)) == [1, 2, 3, 4, 5, 6, 7]


def test_running_again_bills_nothing_again(acacia: Tenant) -> None:
    make_subscription(tenant=acacia)
    first = run(acacia)

    again = run(acacia)

    assert again.pk != first.pk
    assert (again.issued_count, again.seen_count) == (0, 1)
    assert Invoice.objects.count() == 1


def test_lines_name_what_they_are_made_of(acacia: Tenant) -> None:
    point = make_point(tenant=acacia)
    use_energy(point, JANUARY, wh=612_345)
    plan = make_plan(tenant=acacia, name="Comercial", price_per_kwh=PER_KWH)
    make_subscription(tenant=acacia, plan=plan, points=[point])

    run(acacia)

    invoice = Invoice.objects.get()
    fixed, energy = invoice.lines.all()
    assert (fixed.kind, fixed.description, fixed.amount_cents) == (
        LineKind.FIXED,
        "Comercial",
        4990,
    )
    assert (energy.kind, energy.quantity, energy.unit) == (
        LineKind.ENERGY,
        Decimal("612.345"),
        "kWh",
    )
    assert (energy.unit_price, energy.amount_cents) == (PER_KWH, 56_279)
    assert energy.metering_point == point
    assert energy.evidence["rule"] == "register"
    assert energy.evidence["energy_wh"] == 612_345
    assert energy.evidence["completeness_percent"] == "100.00"
    assert invoice.total_cents == 4990 + 56_279


def test_part_of_a_month_pays_part_of_the_fixed_price(acacia: Tenant) -> None:
    make_subscription(tenant=acacia, starts_on=date(2026, 1, 22))

    run(acacia)

    line = InvoiceLine.objects.get()
    assert line.amount_cents == 1610  # 4990 × 10 / 31 = 1609.68
    assert (line.evidence["days"], line.evidence["cycle_days"]) == (10, 31)


def test_missing_data_is_held_and_never_a_small_bill(acacia: Tenant) -> None:
    point = make_point(tenant=acacia)
    use_energy(point, JANUARY, wh=100_000, percent=94)
    plan = make_plan(tenant=acacia, price_per_kwh=PER_KWH)
    make_subscription(tenant=acacia, plan=plan, points=[point])

    done = run(acacia)

    assert (done.issued_count, done.held_count) == (0, 1)
    assert not Invoice.objects.exists()
    held = HeldInvoice.objects.get()
    assert (held.reason, held.decision) == (HoldReason.INCOMPLETE, Decision.WAITING)
    assert held.detail["points"][0]["completeness_percent"] == "94.00"


def test_no_data_is_not_no_use(acacia: Tenant) -> None:
    plan = make_plan(tenant=acacia, price_per_kwh=PER_KWH)
    make_subscription(tenant=acacia, plan=plan, points=[make_point(tenant=acacia)])

    run(acacia)

    assert HeldInvoice.objects.get().reason == HoldReason.NO_DATA
    assert not Invoice.objects.exists()


def test_a_held_invoice_is_issued_by_a_person_once(acacia: Tenant) -> None:
    point = make_point(tenant=acacia)
    use_energy(point, JANUARY, wh=100_000, percent=50)
    plan = make_plan(tenant=acacia, fixed_cents=0, price_per_kwh=PER_KWH)
    make_subscription(tenant=acacia, plan=plan, points=[point])
    run(acacia)
    held = HeldInvoice.objects.get()

    invoice = issue_held(held, now=NOON, note="Client agreed", decided_by="Marina")

    held.refresh_from_db()
    assert (held.decision, held.invoice, held.note) == (Decision.ISSUED, invoice, "Client agreed")
    assert invoice.total_cents == 9191
    with pytest.raises(AlreadyDecided):
        issue_held(held, now=NOON, note="again")
    assert run(acacia).issued_count == 0


def test_a_dropped_period_is_not_billed_later(acacia: Tenant) -> None:
    point = make_point(tenant=acacia)
    plan = make_plan(tenant=acacia, price_per_kwh=PER_KWH)
    make_subscription(tenant=acacia, plan=plan, points=[point])
    run(acacia)

    drop_held(HeldInvoice.objects.get(), now=NOON, note="Shop was closed")
    use_energy(point, JANUARY, wh=100_000)

    assert run(acacia).issued_count == 0
    assert HeldInvoice.objects.get().decision == Decision.DROPPED


def test_late_data_lets_the_next_run_issue(acacia: Tenant) -> None:
    point = make_point(tenant=acacia)
    plan = make_plan(tenant=acacia, price_per_kwh=PER_KWH)
    make_subscription(tenant=acacia, plan=plan, points=[point])
    run(acacia)
    use_energy(point, JANUARY, wh=100_000)

    assert run(acacia).issued_count == 1

    held = HeldInvoice.objects.get()
    assert (held.decision, held.invoice) == (Decision.ISSUED, Invoice.objects.get())


def test_a_cancelled_invoice_stays_cancelled(acacia: Tenant) -> None:
    make_subscription(tenant=acacia)
    run(acacia)

    void_invoice(Invoice.objects.get(), now=NOON, reason="Wrong plan")

    assert run(acacia).issued_count == 0
    assert Invoice.objects.get().status == InvoiceStatus.VOID


def test_a_preview_says_what_a_run_will_do_and_writes_nothing(
    acacia: Tenant, small_chunks: None
) -> None:
    point = make_point(tenant=acacia)
    plan = make_plan(tenant=acacia, price_per_kwh=PER_KWH)
    make_subscription(tenant=acacia, plan=plan, points=[point])
    for _ in range(4):
        make_subscription(tenant=acacia)

    before = preview_billing(JANUARY, now=NOON)
    assert not Invoice.objects.exists()
    run(acacia)

    assert before == Preview(4, 4 * 4990, 1, 0, "BRL")
    assert preview_billing(JANUARY, now=NOON) == Preview(0, 0, 1, 4, "BRL")


def test_a_month_that_is_not_over_is_refused(acacia: Tenant) -> None:
    make_subscription(tenant=acacia)

    with pytest.raises(PeriodNotOver):
        run(acacia, now=JANUARY.end - timedelta(seconds=1))
    with pytest.raises(BadPeriod):
        run(acacia, period=Period(JANUARY.start, FEBRUARY.end))

    assert not BillingRun.objects.exists()


def test_a_cycle_that_outlasts_the_month_waits_for_its_end(acacia: Tenant) -> None:
    make_subscription(tenant=acacia, anchor_day=15)

    assert run(acacia).issued_count == 0
    assert run(acacia, now=NOON + timedelta(days=14)).issued_count == 1

    invoice = Invoice.objects.get()
    assert (invoice.period.duration, invoice.total_cents) == (timedelta(days=31), 4990)


def test_a_price_change_is_for_the_next_invoice(acacia: Tenant) -> None:
    subscription = make_subscription(tenant=acacia)
    run(acacia)
    subscription.plan.fixed_cents = 9990
    subscription.plan.save()

    run(acacia, period=FEBRUARY, now=NOON + timedelta(days=28))

    assert list(Invoice.objects.order_by("number").values_list("total_cents", flat=True)) == [
        4990,
        9990,
    ]


def test_nothing_to_pay_is_issued_as_paid_without_a_pix_code(acacia: Tenant) -> None:
    make_account(tenant=acacia)
    make_subscription(tenant=acacia, plan=make_plan(tenant=acacia, fixed_cents=0))

    run(acacia)

    invoice = Invoice.objects.get()
    assert (invoice.status, invoice.total_cents, invoice.pix_code) == (InvoiceStatus.PAID, 0, "")
    assert not LedgerEntry.objects.exists()


def prepare(tenant: Tenant, count: int) -> None:
    """Many subscriptions, committed."""
    with acting_for(tenant.pk):
        plan = make_plan(tenant=tenant)
        clients = Client.objects.bulk_create(Client(name=f"Client {n}") for n in range(count))
        Subscription.objects.bulk_create(
            Subscription(client=client, plan=plan, starts_on=date(2026, 1, 1)) for client in clients
        )


def assert_exactly(tenant: Tenant, count: int) -> None:
    with acting_for(tenant.pk):
        numbers = sorted(Invoice.objects.values_list("number", flat=True))
        assert numbers == list(range(1, count + 1))
        assert Invoice.objects.values("subscription").distinct().count() == count
        assert sum(Invoice.objects.values_list("total_cents", flat=True)) == count * 4990
        assert sum(LedgerEntry.objects.values_list("amount_cents", flat=True)) == 0
        assert LedgerEntry.objects.count() == 2 * count
        assert sum(BillingRun.objects.values_list("issued_count", flat=True)) == count


@pytest.mark.commits
def test_an_error_in_the_middle_loses_and_doubles_nothing(
    acacia: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare(acacia, 50)
    monkeypatch.setattr(runs, "CHUNK", 10)
    calls = 0

    def failing(*args: Any, **options: Any) -> int:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise RuntimeError("the disk is full")
        return real(*args, **options)

    real = runs.hold_drafts
    monkeypatch.setattr(runs, "hold_drafts", failing)

    with pytest.raises(RuntimeError, match="disk"):
        run(acacia)
    with acting_for(acacia.pk):
        assert Invoice.objects.count() == 20
    for _ in range(3):
        run(acacia)

    assert_exactly(acacia, 50)


@pytest.mark.commits
def test_each_tenant_counts_for_itself(acacia: Tenant, baobab: Tenant) -> None:
    prepare(acacia, 2)
    prepare(baobab, 3)

    run(acacia)
    run(baobab)

    assert_exactly(acacia, 2)
    assert_exactly(baobab, 3)


@pytest.mark.commits
def test_two_runs_at_once_bill_once(acacia: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    prepare(acacia, 60)
    monkeypatch.setattr(runs, "CHUNK", 5)
    failures: list[BaseException] = []

    def work() -> None:
        try:
            run(acacia)
        except BaseException as error:  # noqa: BLE001 - shown by the assertion below
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failures == []
    assert_exactly(acacia, 60)


CHILD = """
import django
django.setup()
from billing.services import runs
from billing.testing import JANUARY, NOON
runs.CHUNK = 4
real = runs.issue_drafts
def told(*args, **options):
    print("issuing", flush=True)
    return real(*args, **options)
runs.issue_drafts = told
runs.run_billing({tenant}, JANUARY, now=NOON)
"""


@pytest.mark.commits
def test_a_run_killed_anywhere_goes_on_where_it_stopped(acacia: Tenant, databases: Any) -> None:
    prepare(acacia, 300)

    for chunks in (1, 7, 12):
        child = subprocess.Popen(
            [sys.executable, "-c", CHILD.format(tenant=acacia.pk)],
            env={**os.environ, **databases.environment()},
            stdout=subprocess.PIPE,
        )
        assert child.stdout is not None
        for _ in range(chunks):
            assert child.stdout.readline() == b"issuing\n"
        child.kill()
        child.wait()
    with acting_for(acacia.pk):
        assert 0 < Invoice.objects.count() < 300
    run(acacia)

    assert_exactly(acacia, 300)
