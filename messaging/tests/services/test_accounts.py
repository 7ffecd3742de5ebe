from __future__ import annotations

from clients.models import Tenant
from messaging.services.accounts import as_channel_account, change_account
from messaging.testing import make_channel_account


def test_a_mail_account_without_a_server_uses_the_local_mailbox(acacia: Tenant) -> None:
    account = make_channel_account(tenant=acacia)

    change_account(account, {"username": "contas", "host": ""})

    assert set(as_channel_account(account).credentials) == {"folder"}
