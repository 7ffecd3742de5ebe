from __future__ import annotations

import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client as Browser

from clients.kernel.tenancy import acting_for
from clients.models import Tenant
from clients.testing import make_client, sign_in
from messaging.models import (
    ChannelAccount,
    ChannelKind,
    Message,
    MessageStatus,
    Receipt,
    WebhookNotice,
)
from messaging.services.accounts import webhook_path
from messaging.services.delivery import deliver_one
from messaging.services.receipts import take_in_due
from messaging.testing import make_channel_account, make_message, whatsapp_simulator
from messaging.tests.channels.places import webhook_listener

FIXTURES = Path(__file__).parent.parent / "fixtures" / "whatsapp"


@pytest.fixture(autouse=True)
def _calm() -> Iterator[None]:
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def account(acacia: Tenant) -> ChannelAccount:
    return make_channel_account(tenant=acacia, kind=ChannelKind.WHATSAPP)


def signed(account: ChannelAccount, raw: bytes) -> str:
    secret = account.credentials["app_secret"].encode()
    return "sha256=" + hmac.new(secret, raw, hashlib.sha256).hexdigest()


def post(account: ChannelAccount, raw: bytes, signature: str | None = None) -> Any:
    headers = {} if signature == "" else {"X-Hub-Signature-256": signature or signed(account, raw)}
    return Browser().post(
        webhook_path(account), raw, content_type="application/json", headers=headers
    )


def test_a_signed_notice_is_kept_once_and_worked_off_once(
    acacia: Tenant, account: ChannelAccount
) -> None:
    message = make_message(client=make_client(tenant=acacia, phone="+5511999998888"))
    payload = json.loads((FIXTURES / "status_delivered.json").read_bytes())
    status = payload["entry"][0]["changes"][0]["value"]["statuses"][0]
    status["biz_opaque_callback_data"] = str(message.key)
    raw = json.dumps(payload).encode()

    answers = [post(account, raw).status_code for _ in range(3)]
    worked = [take_in_due(10), take_in_due(10)]

    message.refresh_from_db()
    assert answers == [200, 200, 200]
    assert worked == [1, 0]
    assert (message.status, Receipt.objects.count()) == (MessageStatus.DELIVERED, 1)


@pytest.mark.parametrize("signature", ["", "sha256=00", "sha256=" + "0" * 64, "é", "x" * 10_000])
def test_a_forged_notice_is_refused_and_nothing_is_kept(
    account: ChannelAccount, signature: str
) -> None:
    answer = post(account, b"{}", signature)

    assert (answer.status_code, answer.json()["code"]) == (401, "forged")
    assert WebhookNotice.objects.count() == 0


def test_an_unknown_address_says_nothing(account: ChannelAccount) -> None:
    answer = Browser().post("/api/v1/messaging/webhooks/nobody", b"{}", content_type="x/y")

    assert answer.status_code == 404


def test_a_notice_signed_for_one_tenant_is_forged_for_another(
    tenants: dict[str, Tenant],
) -> None:
    accounts = {}
    for slug, tenant in tenants.items():
        with acting_for(tenant.pk):
            accounts[slug] = make_channel_account(tenant=tenant, kind=ChannelKind.WHATSAPP)
            accounts[slug].credentials  # noqa: B018 - opened while its tenant is

    answer = post(accounts["baobab"], b"{}", signed(accounts["acacia"], b"{}"))

    assert answer.status_code == 401


@pytest.mark.parametrize("raw", [b"", b"not json", b"[" * 100_000, b'{"entry": null}', b"\xff"])
def test_a_signed_riddle_is_kept_answered_and_worked_off(
    account: ChannelAccount, raw: bytes
) -> None:
    assert post(account, raw).status_code == 200
    assert take_in_due(10) == 1
    assert WebhookNotice.objects.get().due_at is None


def test_the_challenge_is_answered_as_plain_text(account: ChannelAccount) -> None:
    token = account.credentials["verify_token"]
    query = {"hub.mode": "subscribe", "hub.challenge": "1158201444", "hub.verify_token": token}

    answer = Browser().get(webhook_path(account), query)
    refused = Browser().get(webhook_path(account), query | {"hub.verify_token": "x"})

    assert (answer.status_code, answer.content) == (200, b"1158201444")
    assert answer["Content-Type"].startswith("text/plain")
    assert refused.status_code == 403


def test_somebody_signed_in_elsewhere_finds_no_webhook(tenants: dict[str, Tenant]) -> None:
    with acting_for(tenants["acacia"].pk):
        browser = sign_in(tenants["acacia"])
    with acting_for(tenants["baobab"].pk):
        account = make_channel_account(tenant=tenants["baobab"], kind=ChannelKind.WHATSAPP)
        path = webhook_path(account)

    answer = browser.post(path, b"{}", content_type="application/json")

    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_other_methods_are_not_allowed(account: ChannelAccount) -> None:
    assert Browser().put(webhook_path(account), b"{}").status_code == 405


def test_an_email_account_has_no_webhook(acacia: Tenant) -> None:
    account = make_channel_account(tenant=acacia)

    answer = Browser().post(webhook_path(account), b"{}", content_type="application/json")

    assert answer.status_code == 401


@pytest.mark.commits
def test_the_same_notice_from_ten_sides_is_one(tenants: dict[str, Tenant]) -> None:
    tenant = tenants["acacia"]
    with acting_for(tenant.pk):
        account = make_channel_account(tenant=tenant, kind=ChannelKind.WHATSAPP)
        path, signature = webhook_path(account), signed(account, b"{}")
    statuses: list[int] = []

    def knock() -> None:
        try:
            headers = {"X-Hub-Signature-256": signature}
            answer = Browser().post(path, b"{}", content_type="x/y", headers=headers)
            statuses.append(answer.status_code)
        finally:
            connection.close()

    knocking = [threading.Thread(target=knock) for _ in range(10)]
    for each in knocking:
        each.start()
    for each in knocking:
        each.join(30)

    with acting_for(tenant.pk):
        assert (statuses, WebhookNotice.objects.count()) == ([200] * 10, 1)


@pytest.mark.parametrize(
    ("digits", "status"),
    [("8888", "read"), ("0002", "read"), ("0003", "read"), ("0409", "read"), ("1026", "failed")],
)
def test_what_the_simulator_reports_reaches_the_message(
    acacia: Tenant, digits: str, status: str
) -> None:
    with webhook_listener() as listener, whatsapp_simulator() as simulator:
        account = make_channel_account(
            tenant=acacia, kind=ChannelKind.WHATSAPP, api_url=simulator.url
        )
        simulator.callback_base = listener.url.removesuffix("/hook")
        message = make_message(client=make_client(tenant=acacia, phone=f"+551199999{digits}"))
        deliver_one(acacia.pk, message.pk)
        assert simulator.courier.wait_until_idle()

        for headers, raw in listener.heard:
            assert post(account, raw, headers["x-hub-signature-256"]).status_code == 200
    while take_in_due(100):
        pass

    message.refresh_from_db()
    assert (message.status, message.due_at) == (status, None)
    assert Message.objects.count() == 1
