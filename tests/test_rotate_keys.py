from __future__ import annotations

import base64
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from clients.kernel.fields import CannotDecrypt
from clients.kernel.tenancy import acting_for
from clients.models import Tenant
from messaging.models import ChannelAccount

pytestmark = pytest.mark.commits
OLD, NEW = (base64.b64encode(bytes([number]) * 32).decode() for number in (1, 2))


def rotate() -> str:
    out = StringIO()
    call_command("rotate_keys", stdout=out)
    return out.getvalue()


def keep_secret(tenant: Tenant, text: str) -> None:
    with acting_for(tenant.pk):
        ChannelAccount.objects.create(
            name="Main", kind="email", secrets=text, webhook_token_sha256=text.encode()
        )


def secret_of(tenant: Tenant) -> str:
    with acting_for(tenant.pk):
        return ChannelAccount.objects.get().secrets


def test_after_rotation_the_old_key_may_go(acacia: Tenant, baobab: Tenant, settings: Any) -> None:
    settings.FIELD_KEYS = [OLD]
    keep_secret(acacia, "ours")
    keep_secret(baobab, "theirs")

    settings.FIELD_KEYS = [NEW, OLD]
    first, again = rotate(), rotate()

    assert "messaging.ChannelAccount: 2 rows, 2 sealed anew" in first
    assert "messaging.ChannelAccount: 2 rows, 0 sealed anew" in again
    settings.FIELD_KEYS = [NEW]
    assert (secret_of(acacia), secret_of(baobab)) == ("ours", "theirs")


def test_a_secret_that_no_key_opens_is_told_and_left(acacia: Tenant, settings: Any) -> None:
    settings.FIELD_KEYS = [OLD]
    keep_secret(acacia, "ours")
    settings.FIELD_KEYS = [NEW]
    with pytest.raises(CommandError, match="opened by no key"):
        rotate()
    with pytest.raises(CannotDecrypt):
        secret_of(acacia)
    settings.FIELD_KEYS = [OLD]
    assert secret_of(acacia) == "ours"


def test_without_the_platforms_role_the_command_says_what_it_needs(
    acacia: Tenant, settings: Any
) -> None:
    settings.DATABASES = {name: at for name, at in settings.DATABASES.items() if name != "ops"}
    with pytest.raises(CommandError, match="DATABASE_OPS_URL") as stopped:
        rotate()
    assert stopped.value.returncode == 2
