from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client as Browser
from django.utils import timezone

from billing.gateways.pix import PixCode, write
from billing.models import (
    AccountCode,
    GatewayAccount,
    GatewayKind,
    GatewayNotice,
    Invoice,
    InvoiceStatus,
    LedgerEntry,
    Payment,
)
from billing.services.accounts import connect_account, open_demo_account, webhook_address
from billing.services.notices import confirm_due, keep_notice, reconcile
from billing.simulators.pix import PixSimulator
from billing.testing import RANDOM_KEY, make_account, make_invoice
from clients.kernel.tenancy import acting_for
from clients.models import Tenant

pytestmark = [pytest.mark.commits]


@pytest.fixture
def bank(settings: Any) -> Iterator[PixSimulator]:
    simulator = PixSimulator().start()
    settings.HTTP_ALLOWED_PRIVATE = [simulator.url.removeprefix("http://")]
    settings.PIX_SIMULATOR_URL = simulator.url
    yield simulator
    simulator.stop()


@pytest.fixture
def account(acacia: Tenant, bank: PixSimulator) -> GatewayAccount:
    with acting_for(acacia.pk):
        return open_demo_account()


@pytest.fixture
def invoice(acacia: Tenant, account: GatewayAccount) -> Invoice:
    with acting_for(acacia.pk):
        return make_invoice(tenant=acacia)


def post(account: GatewayAccount, body: Any, browser: Browser | None = None) -> int:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    path = webhook_address(account).removeprefix("http://127.0.0.1:8000") + "/pix"
    browser = browser or Browser()
    return browser.post(path, data=raw, content_type="application/json").status_code


def confirm_all(tenant: Tenant) -> None:
    """What the sweeper does, with every waiting time over."""
    with acting_for(tenant.pk):
        GatewayNotice.objects.filter(due_at__isnull=False).update(due_at=timezone.now())
    confirm_due()


def state(invoice: Invoice) -> tuple[str, int]:
    with acting_for(invoice.tenant_id):
        invoice.refresh_from_db()
        return invoice.status, invoice.paid_cents


def balances(tenant: Tenant) -> dict[str, int]:
    with acting_for(tenant.pk):
        sums: dict[str, int] = {}
        for code, cents in LedgerEntry.objects.values_list("account__code", "amount_cents"):
            sums[code] = sums.get(code, 0) + cents
        return {code: cents for code, cents in sums.items() if cents}


def test_a_paid_code_pays_the_invoice(
    acacia: Tenant, account: GatewayAccount, invoice: Invoice, bank: PixSimulator
) -> None:
    paid = bank.pay(invoice.pix_code, calls_back=False)

    assert post(account, {"pix": [paid]}) == 200
    assert state(invoice) == (InvoiceStatus.ISSUED, 0)  # not believed yet
    confirm_all(acacia)

    assert state(invoice) == (InvoiceStatus.PAID, 4990)
    with acting_for(acacia.pk):
        payment = Payment.objects.get()
    assert (payment.reference, payment.amount_cents) == (paid["endToEndId"], 4990)


def test_a_notice_that_the_bank_does_not_confirm_pays_nothing(
    acacia: Tenant, account: GatewayAccount, invoice: Invoice
) -> None:
    forged = {"endToEndId": "E" * 32, "txid": invoice.txid, "valor": "49.90"}

    assert post(account, {"pix": [forged]}) == 200
    for _ in range(10):
        confirm_all(acacia)

    assert state(invoice) == (InvoiceStatus.ISSUED, 0)
    with acting_for(acacia.pk):
        assert GatewayNotice.objects.get().died_at is not None
        assert not Payment.objects.exists()


def test_the_bank_says_how_much_not_the_notice(
    acacia: Tenant, account: GatewayAccount, invoice: Invoice, bank: PixSimulator
) -> None:
    paid = bank.pay(invoice.pix_code, amount="0.01", calls_back=False)

    post(account, {"pix": [{**paid, "valor": "49.90"}]})
    confirm_all(acacia)

    assert state(invoice) == (InvoiceStatus.ISSUED, 1)


def test_the_same_notice_a_hundred_times_is_one_payment(
    acacia: Tenant, account: GatewayAccount, invoice: Invoice, bank: PixSimulator
) -> None:
    paid = bank.pay(invoice.pix_code, calls_back=False)
    answers: list[int] = []

    def call() -> None:
        answers.extend(post(account, {"pix": [paid]}) for _ in range(10))
        confirm_due()
        connection.close()

    threads = [threading.Thread(target=call) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    confirm_all(acacia)

    assert answers == [200] * 100
    assert state(invoice) == (InvoiceStatus.PAID, 4990)
    with acting_for(acacia.pk):
        assert (GatewayNotice.objects.count(), Payment.objects.count()) == (1, 1)


def test_the_order_of_notices_does_not_matter(
    acacia: Tenant, account: GatewayAccount, bank: PixSimulator
) -> None:
    ends = set()
    for order in itertools.permutations(range(3)):
        with acting_for(acacia.pk):
            invoice = make_invoice(tenant=acacia)
        told = [
            bank.pay(invoice.pix_code, amount=amount, calls_back=False)
            for amount in ("20.00", "29.90", "10.00")
        ]
        for place in order:
            post(account, {"pix": [told[place]]})
            confirm_all(acacia)
        ends.add(state(invoice))

    assert ends == {(InvoiceStatus.PAID, 4990)}
    assert balances(acacia)[AccountCode.CREDIT] == -6 * 1000


def test_a_payment_of_another_company_changes_nothing_here(
    acacia: Tenant, baobab: Tenant, account: GatewayAccount, invoice: Invoice, bank: PixSimulator
) -> None:
    with acting_for(baobab.pk):
        other = open_demo_account()
    paid = bank.pay(invoice.pix_code, calls_back=False)

    assert post(other, {"pix": [paid]}) == 200
    confirm_all(baobab)

    assert state(invoice) == (InvoiceStatus.ISSUED, 0)
    with acting_for(baobab.pk):
        assert GatewayNotice.objects.get().died_at is not None
        assert not Payment.objects.exists()


def test_money_without_an_invoice_is_kept_apart(
    acacia: Tenant, account: GatewayAccount, invoice: Invoice, bank: PixSimulator
) -> None:
    code = PixCode("Acacia", "Jundiai", key=account.pix_key, amount_cents=700, txid="UNKNOWN1")
    post(account, {"pix": [bank.pay(write(code), calls_back=False)]})
    confirm_all(acacia)

    assert state(invoice) == (InvoiceStatus.ISSUED, 0)
    assert balances(acacia)[AccountCode.UNMATCHED] == -700


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"pix": [{"endToEndId": "\\u0000"}]}',
        b'{"pix": [{"endToEndId": "\\ud800", "valor": 1e999}]}',
        b'{"pix": [null, 1, "x", [], {}]}',
        b'{"pix": {"endToEndId": 1}}',
        b'{"pix": [{"endToEndId": "' + b"E" * 100_000 + b'"}]}',
        b"1" * 5000,
        b"{}",
    ],
)
def test_whatever_comes_is_answered_200_and_kept(
    acacia: Tenant, account: GatewayAccount, body: bytes
) -> None:
    assert post(account, body) == 200
    assert post(account, body) == 200
    confirm_all(acacia)

    with acting_for(acacia.pk):
        assert GatewayNotice.objects.filter(died_at__isnull=True).count() == 0
        assert not Payment.objects.exists()


def test_an_unknown_address_is_a_missing_page(acacia: Tenant, account: GatewayAccount) -> None:
    browser = Browser()

    answers = {
        browser.post(f"/api/v1/webhooks/pix/{t}/pix", b"{}", "application/json").status_code
        for t in ("nobody", "x" * 200, "%00")
    }

    assert answers == {404}


def test_a_lost_notice_is_found_in_the_banks_list(
    acacia: Tenant, account: GatewayAccount, invoice: Invoice, bank: PixSimulator
) -> None:
    bank.pay(invoice.pix_code, calls_back=False)
    now = timezone.now() + timedelta(minutes=1)

    assert reconcile(acacia.pk, account.pk, now=now) == 1
    assert reconcile(acacia.pk, account.pk, now=now) == 0
    confirm_all(acacia)

    assert state(invoice) == (InvoiceStatus.PAID, 4990)


def test_connecting_tells_the_bank_where_to_call(
    acacia: Tenant, account: GatewayAccount, bank: PixSimulator
) -> None:
    connect_account(acacia.pk, account.pk)

    assert bank.webhooks == {account.pix_key: webhook_address(account)}


def test_a_bare_key_has_no_bank_to_ask(acacia: Tenant, bank: PixSimulator) -> None:
    with acting_for(acacia.pk):
        bare = make_account(tenant=acacia, kind=GatewayKind.PIX_KEY, pix_key=RANDOM_KEY)
        keep_notice(bare.pk, b'{"pix": [{"endToEndId": "E1"}]}', now=timezone.now())
    confirm_all(acacia)

    with acting_for(acacia.pk):
        assert "no bank" in GatewayNotice.objects.get().last_error
