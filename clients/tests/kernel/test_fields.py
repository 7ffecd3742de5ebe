from __future__ import annotations

import base64
from typing import Any

import pytest

from clients.kernel.fields import CannotDecrypt, Sealed, seal, unseal

OLD, NEW = (base64.b64encode(bytes([number]) * 32).decode() for number in (1, 2))
PLACE = "messaging_channelaccount.secrets|1|018f"


def test_text_comes_back_as_it_was() -> None:
    for text in ("", "token", "ação ☀", "x" * 100_000):
        assert unseal(seal(text, PLACE), PLACE) == text


def test_the_same_text_is_never_sealed_alike() -> None:
    assert seal("token", PLACE) != seal("token", PLACE)
    assert b"token" not in seal("token", PLACE)


@pytest.mark.parametrize(
    "elsewhere",
    [
        "messaging_channelaccount.secrets|2|018f",
        "messaging_channelaccount.secrets|1|0190",
        "messaging_channelaccount.token|1|018f",
        "billing_gatewayaccount.secrets|1|018f",
    ],
)
def test_a_value_moved_to_another_row_column_or_tenant_does_not_open(elsewhere: str) -> None:
    with pytest.raises(CannotDecrypt):
        unseal(seal("token", PLACE), elsewhere)


def test_a_changed_byte_does_not_open() -> None:
    sealed = seal("token", PLACE)
    for position in (0, 1, 6, 20, len(sealed) - 1):
        changed = bytearray(sealed)
        changed[position] ^= 1
        with pytest.raises(CannotDecrypt):
            unseal(Sealed(changed), PLACE)


@pytest.mark.parametrize("cut", [0, 1, 5, 17, 20])
def test_a_cut_value_does_not_open(cut: int) -> None:
    with pytest.raises(CannotDecrypt):
        unseal(Sealed(seal("token", PLACE)[:cut]), PLACE)


def test_the_newest_key_seals_and_older_ones_still_open(settings: Any) -> None:
    settings.FIELD_KEYS = [OLD]
    sealed = seal("token", PLACE)
    settings.FIELD_KEYS = [NEW, OLD]
    assert unseal(sealed, PLACE) == "token"
    assert seal("token", PLACE)[1:5] != sealed[1:5]
    settings.FIELD_KEYS = [NEW]
    with pytest.raises(CannotDecrypt, match="no key of FIELD_KEYS"):
        unseal(sealed, PLACE)
