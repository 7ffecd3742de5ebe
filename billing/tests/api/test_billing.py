from __future__ import annotations

import json
import uuid
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client as Browser

from billing.models import (
    BillingRun,
    Decision,
    GatewayAccount,
    HeldInvoice,
    Invoice,
    InvoiceStatus,
    Payment,
    Plan,
    Subscription,
)
from billing.services.runs import run_billing
from billing.testing import (
    JANUARY,
    NOON,
    RANDOM_KEY,
    make_account,
    make_invoice,
    make_plan,
    make_subscription,
)
from billing.tests.energy import make_point, use_energy
from clients.models import Tenant
from clients.testing import make_client, sign_in

PAID = {"amount_cents": 4990, "method": "pix", "received_at": "2026-02-03T12:00:00-03:00"}


def send(browser: Browser, path: str, body: Any, method: str = "post", **headers: str) -> Any:
    call = getattr(browser, method)
    return call(
        f"/api/v1/{path}", json.dumps(body), content_type="application/json", headers=headers
    )


def test_a_plan_is_made_with_its_exact_price(acacia: Tenant) -> None:
    body = {"name": "Comercial", "fixed_cents": 4990, "price_per_kwh": "0.91908"}

    answer = send(sign_in(acacia), "plans", body)

    assert (answer.status_code, answer.json()["price_per_kwh"]) == (201, "0.91908000")
    plan = Plan.objects.get()
    assert (plan.fixed_cents, plan.price_per_kwh) == (4990, Decimal("0.91908"))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("fixed_cents", -1),
        ("fixed_cents", 10**30),
        ("fixed_cents", 10**12 + 1),
        ("fixed_cents", 49.9),
        ("fixed_cents", "4990"),
        ("price_per_kwh", 0.92),
        ("price_per_kwh", "-1"),
        ("price_per_kwh", "NaN"),
        ("price_per_kwh", "1e3"),
        ("price_per_kwh", "0.123456789"),
        ("price_per_kwh", "٠.٩"),
        ("due_days", 40_000),
        ("name", ""),
        ("name", "\u0000"),
        ("name", "x" * 81),
        ("currency", "USD"),
        ("colour", "blue"),
    ],
)
def test_odd_plans_are_refused(acacia: Tenant, field: str, value: Any) -> None:
    answer = send(sign_in(acacia), "plans", {"name": "Comercial", field: value})

    assert answer.status_code == 400
    assert set(answer.json()) >= {"code", "detail"}
    assert not Plan.objects.exists()


def test_a_subscription_names_client_plan_and_points(acacia: Tenant) -> None:
    client, plan = make_client(tenant=acacia), make_plan(tenant=acacia)
    points = [make_point(tenant=acacia), make_point(tenant=acacia)]
    body = {
        "client": str(client.public_id),
        "plan": str(plan.public_id),
        "metering_points": [str(point.public_id) for point in points],
        "starts_on": "2026-01-01",
    }
    browser = sign_in(acacia)

    made = send(browser, "subscriptions", body)
    path = f"subscriptions/{made.json()['id']}"
    changed = send(browser, path, {"metering_points": body["metering_points"][:1]}, "patch")

    assert made.status_code == 201, made.content
    assert made.json()["metering_points"] == body["metering_points"]
    assert changed.json()["metering_points"] == body["metering_points"][:1]
    assert [row.metering_point for row in Subscription.objects.get().points.all()] == points[:1]


def test_a_point_is_paid_for_by_one_subscription(acacia: Tenant) -> None:
    point = make_point(tenant=acacia)
    first = make_subscription(tenant=acacia, points=[point])
    body = {
        "client": str(first.client.public_id),
        "plan": str(first.plan.public_id),
        "metering_points": [str(point.public_id)],
        "starts_on": "2026-02-01",
    }

    answer = send(sign_in(acacia), "subscriptions", body)

    assert answer.status_code == 400
    assert Subscription.objects.count() == 1


def test_an_invoice_shows_its_lines_and_their_evidence(acacia: Tenant) -> None:
    account = make_account(tenant=acacia)
    invoice = make_invoice(tenant=acacia)

    shown = sign_in(acacia).get(f"/api/v1/invoices/{invoice.public_id}").json()

    assert (shown["number"], shown["total_cents"], shown["open_cents"]) == ("000001", 4990, 4990)
    assert account.pix_key in shown["pix_code"]
    assert shown["lines"][0]["amount_cents"] == 4990
    assert shown["lines"][0]["evidence"]["days"] == 31


def test_lists_are_filtered_and_paged(acacia: Tenant) -> None:
    invoices = [make_invoice(tenant=acacia) for _ in range(3)]
    browser = sign_in(acacia)

    first = browser.get("/api/v1/invoices?limit=2").json()
    rest = browser.get(f"/api/v1/invoices?limit=2&cursor={first['next_cursor']}").json()
    his = browser.get(f"/api/v1/invoices?client={invoices[0].client.public_id}").json()
    late = browser.get("/api/v1/invoices?is_overdue=true&status=issued").json()

    assert [row["number"] for row in first["results"]] == ["000003", "000002"]
    assert [row["number"] for row in rest["results"]] == ["000001"]
    assert [row["number"] for row in his["results"]] == ["000001"]
    assert len(late["results"]) == 3
    assert browser.get("/api/v1/invoices?color=red").status_code == 400


def test_an_invoice_is_issued_once(acacia: Tenant) -> None:
    subscription = make_subscription(tenant=acacia)
    body = {"subscription": str(subscription.public_id), "month": "2026-01"}
    browser = sign_in(acacia)

    first, again = send(browser, "invoices", body), send(browser, "invoices", body)

    assert (first.status_code, first.json()["id"]) == (201, again.json()["id"])
    assert Invoice.objects.count() == 1


def test_a_payment_with_the_same_key_is_recorded_once(acacia: Tenant) -> None:
    invoice = make_invoice(tenant=acacia)
    browser, path = sign_in(acacia), f"invoices/{invoice.public_id}/pay"

    first = send(browser, path, PAID, **{"Idempotency-Key": "k1"})
    again = send(browser, path, PAID, **{"Idempotency-Key": "k1"})

    assert (first.status_code, first.json()) == (201, again.json())
    assert Payment.objects.count() == 1
    invoice.refresh_from_db()
    assert invoice.status == InvoiceStatus.PAID


def test_two_payments_without_a_key_are_two(acacia: Tenant) -> None:
    invoice = make_invoice(tenant=acacia)
    browser, path = sign_in(acacia), f"invoices/{invoice.public_id}/pay"

    for _ in range(2):
        assert send(browser, path, {**PAID, "amount_cents": 1}).status_code == 201

    assert Payment.objects.count() == 2


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("amount_cents", 0),
        ("amount_cents", -1),
        ("amount_cents", 49.9),
        ("amount_cents", True),
        ("amount_cents", 10**30),
        ("method", "gold"),
        ("received_at", "2026-02-03T12:00:00"),
        ("received_at", "yesterday"),
        ("received_at", "2199-01-01T00:00:00Z"),
        ("reference", "x" * 65),
        ("reference", ""),
    ],
)
def test_odd_payments_are_refused(acacia: Tenant, field: str, value: Any) -> None:
    invoice = make_invoice(tenant=acacia)

    answer = send(sign_in(acacia), f"invoices/{invoice.public_id}/pay", {**PAID, field: value})

    assert answer.status_code == 400
    assert not Payment.objects.exists()


def test_an_unpaid_invoice_is_cancelled_with_a_reason(acacia: Tenant) -> None:
    invoice = make_invoice(tenant=acacia)
    browser, path = sign_in(acacia), f"invoices/{invoice.public_id}/void"

    assert send(browser, path, {"reason": ""}).status_code == 400
    answer = send(browser, path, {"reason": "Wrong plan"})

    assert (answer.status_code, answer.json()["status"]) == (200, "void")
    paid = make_invoice(tenant=acacia)
    send(browser, f"invoices/{paid.public_id}/pay", PAID)
    refused = send(browser, f"invoices/{paid.public_id}/void", {"reason": "Mistake"})
    assert (refused.status_code, refused.json()["code"]) == (409, "invoice_closed")


def test_the_paper_and_the_picture_are_fetched(acacia: Tenant) -> None:
    make_account(tenant=acacia)
    invoice = make_invoice(tenant=acacia)
    browser = sign_in(acacia)

    paper = browser.get(f"/api/v1/invoices/{invoice.public_id}/pdf")
    picture = browser.get(f"/api/v1/invoices/{invoice.public_id}/qr")

    assert paper.content.startswith(b"%PDF")
    assert paper["Content-Disposition"] == 'attachment; filename="000001.pdf"'
    assert (picture["Content-Type"], picture.content[:5]) == ("image/svg+xml", b"<svg ")


def test_without_a_key_there_is_no_picture(acacia: Tenant) -> None:
    invoice = make_invoice(tenant=acacia)

    answer = sign_in(acacia).get(f"/api/v1/invoices/{invoice.public_id}/qr")

    assert (answer.status_code, answer.json()["code"]) == (409, "no_pix_code")


def test_a_month_is_previewed_and_billed(acacia: Tenant) -> None:
    make_subscription(tenant=acacia)
    browser = sign_in(acacia)

    preview = browser.get("/api/v1/billing-runs/preview?month=2026-01").json()
    run = send(browser, "billing-runs", {"month": "2026-01"})
    again = send(browser, "billing-runs", {"month": "2026-01"})

    assert (preview["issue_count"], preview["issue_cents"]) == (1, 4990)
    assert (run.status_code, run.json()["status"]) == (201, "running")
    assert again.json()["id"] == run.json()["id"]
    assert BillingRun.objects.get().started_by


@pytest.mark.parametrize("month", ["", "2026-13", "2026", "26-01", "2026-01-01", "٢٠٢٦-٠١"])
def test_odd_months_are_refused(acacia: Tenant, month: str) -> None:
    browser = sign_in(acacia)

    assert send(browser, "billing-runs", {"month": month}).status_code == 400
    assert browser.get("/api/v1/billing-runs/preview", {"month": month}).status_code == 400
    assert not BillingRun.objects.exists()


def test_a_month_that_is_not_over_is_refused(acacia: Tenant) -> None:
    month = f"{date.today() + timedelta(days=40):%Y-%m}"  # noqa: DTZ011 - any day of the future

    answer = send(sign_in(acacia), "billing-runs", {"month": month})

    assert (answer.status_code, answer.json()["code"]) == (409, "period_not_over")


def test_a_held_invoice_is_decided_with_a_reason(acacia: Tenant) -> None:
    point = make_point(tenant=acacia)
    use_energy(point, JANUARY, wh=100_000, percent=50)
    plan = make_plan(tenant=acacia, price_per_kwh=Decimal(1))
    make_subscription(tenant=acacia, plan=plan, points=[point])
    run_billing(acacia.pk, JANUARY, now=NOON)
    held = HeldInvoice.objects.get()
    browser, path = sign_in(acacia), f"held-invoices/{held.public_id}/issue"

    waiting = browser.get("/api/v1/held-invoices?decision=waiting").json()["results"]
    answer = send(browser, path, {"reason": "Client agreed"})
    again = send(browser, path, {"reason": "Client agreed"})

    assert [row["reason"] for row in waiting] == ["incomplete"]
    assert (answer.json()["decision"], answer.json()["note"]) == (Decision.ISSUED, "Client agreed")
    assert answer.json()["invoice"] == str(Invoice.objects.get().public_id)
    assert (again.status_code, again.json()["code"]) == (409, "already_decided")


def test_secrets_of_an_account_are_written_and_never_shown(acacia: Tenant) -> None:
    body = {
        "name": "Banco",
        "kind": "pix_psp",
        "pix_key": RANDOM_KEY.upper(),
        "receiver_name": "Acácia Energia",
        "receiver_city": "Jundiaí",
        "base_url": "https://pix.example.com",
        "client_id": "id-4711",
        "client_secret": "hush-4711",
    }
    browser = sign_in(acacia)

    made = send(browser, "gateway-accounts", body)
    shown = browser.get(f"/api/v1/gateway-accounts/{made.json()['id']}")

    assert made.status_code == 201, made.content
    account = GatewayAccount.objects.get()
    assert (account.client_secret, account.pix_key) == ("hush-4711", RANDOM_KEY)
    assert (account.receiver_name, account.receiver_city) == ("Acacia Energia", "Jundiai")
    for answer in (made, shown):
        assert b"4711" not in answer.content
        assert account.webhook_token.encode() not in answer.content


@pytest.mark.parametrize(
    ("role", "allowed"), [("manager", 201), ("operator", 403), ("viewer", 403)]
)
def test_accounts_are_for_those_who_answer_for_money(
    acacia: Tenant, role: str, allowed: int
) -> None:
    body = {"name": "B", "pix_key": RANDOM_KEY, "receiver_name": "A", "receiver_city": "J"}

    answer = send(sign_in(acacia, role), "gateway-accounts", body)

    assert answer.status_code == allowed


def test_a_viewer_reads_and_changes_nothing(acacia: Tenant) -> None:
    invoice = make_invoice(tenant=acacia)
    browser = sign_in(acacia, "viewer")

    assert browser.get(f"/api/v1/invoices/{invoice.public_id}").status_code == 200
    assert send(browser, f"invoices/{invoice.public_id}/pay", PAID).status_code == 403
    assert send(browser, f"invoices/{invoice.public_id}/void", {"reason": "No"}).status_code == 403
    assert send(browser, "billing-runs", {"month": "2026-01"}).status_code == 403
    invoice.refresh_from_db()
    assert invoice.status == InvoiceStatus.ISSUED


def test_a_professional_sees_no_money(acacia: Tenant) -> None:
    assert sign_in(acacia, "professional").get("/api/v1/invoices").status_code == 403


ROUTES = [
    ("get", "plans/{}"),
    ("patch", "plans/{}"),
    ("get", "subscriptions/{}"),
    ("patch", "subscriptions/{}"),
    ("get", "invoices/{}"),
    ("post", "invoices/{}/pay"),
    ("post", "invoices/{}/void"),
    ("get", "invoices/{}/pdf"),
    ("get", "invoices/{}/qr"),
    ("get", "payments/{}"),
    ("get", "billing-runs/{}"),
    ("get", "held-invoices/{}"),
    ("post", "held-invoices/{}/issue"),
    ("post", "held-invoices/{}/drop"),
    ("get", "gateway-accounts/{}"),
    ("patch", "gateway-accounts/{}"),
]


@pytest.mark.parametrize(("method", "route"), ROUTES)
def test_what_is_missing_is_missing(acacia: Tenant, method: str, route: str) -> None:
    browser = sign_in(acacia)

    answer = (
        send(browser, route.format(uuid.uuid4()), {}, method)
        if method != "get"
        else browser.get(f"/api/v1/{route.format(uuid.uuid4())}")
    )

    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
