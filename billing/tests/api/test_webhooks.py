from __future__ import annotations

import pytest
from django.test import Client as Browser

from billing.models import GatewayNotice
from billing.testing import make_account
from clients.kernel.scrub import scrubbed
from clients.kernel.tenancy import acting_for
from clients.models import Tenant
from clients.testing import sign_in

NOTICE = b'{"pix": [{"endToEndId": "E1"}]}'


def post(browser: Browser, token: str) -> tuple[int, str, bytes]:
    path = f"/api/v1/webhooks/pix/{token}/pix"
    answer = browser.post(path, NOTICE, content_type="application/json")
    return answer.status_code, answer.headers.get("Content-Type", ""), answer.content


def test_a_known_address_is_answered_200_without_a_word(acacia: Tenant) -> None:
    account = make_account(tenant=acacia)

    status, _, body = post(Browser(), account.webhook_token)

    assert (status, body) == (200, b"")
    assert GatewayNotice.objects.get().end_to_end_id == "E1"


def test_an_address_of_nobody_is_missing_like_any_other(acacia: Tenant) -> None:
    browser = Browser()

    missing = browser.post("/api/v1/nothing/here", b"{}", content_type="application/json")

    expected = (missing.status_code, missing.headers["Content-Type"], missing.content)
    assert [post(browser, token) for token in ("nobody", "x" * 200, "%00")] == [expected] * 3


def test_an_account_that_is_switched_off_has_no_address(acacia: Tenant) -> None:
    account = make_account(tenant=acacia, is_active=False)

    assert post(Browser(), account.webhook_token)[0] == 404


@pytest.mark.commits
def test_somebody_signed_in_elsewhere_cannot_play_the_bank(acacia: Tenant, baobab: Tenant) -> None:
    with acting_for(baobab.pk):
        account = make_account(tenant=baobab)
    with acting_for(acacia.pk):
        browser = sign_in(acacia)

    assert post(browser, account.webhook_token) == post(browser, "nobody")

    with acting_for(baobab.pk):
        assert not GatewayNotice.objects.exists()


def test_the_address_of_an_account_stays_out_of_the_logs(acacia: Tenant) -> None:
    account = make_account(tenant=acacia)
    path = f"/api/v1/webhooks/pix/{account.webhook_token}/pix"

    assert scrubbed(f"POST {path}") == "POST /api/v1/webhooks/pix/<hidden>/pix"


@pytest.mark.parametrize("method", ["get", "put", "delete", "patch"])
def test_only_posts_are_taken(acacia: Tenant, method: str) -> None:
    account = make_account(tenant=acacia)

    answer = getattr(Browser(), method)(f"/api/v1/webhooks/pix/{account.webhook_token}/pix")

    assert answer.status_code == 405
