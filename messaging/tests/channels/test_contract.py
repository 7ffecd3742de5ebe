"""What every channel promises, whatever it speaks."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
from django.core.cache import cache
from pytest_django import Settings

from messaging.channels.base import Account, AddressKind, Channel, Envelope
from messaging.channels.registry import CHANNELS
from messaging.errors import Advice, Forged, SendDeferred, SendRefused

PEOPLE = {AddressKind.EMAIL: "maria@example.com", AddressKind.PHONE: "+5511999998888"}
every_channel = pytest.mark.parametrize("channel", CHANNELS.values(), ids=CHANNELS)


@pytest.fixture(autouse=True)
def _loopback_allowed(settings: Settings) -> Iterator[None]:
    settings.HTTP_ALLOWED_PRIVATE = ["127.0.0.1"]
    cache.clear()
    yield
    cache.clear()


def account(place: str) -> Account:
    """Credentials in every channel's words, pointing at `place` (host:port)."""
    host, _, port = place.partition(":")
    credentials = {
        "host": host,
        "port": port,
        "security": "none",
        "api_url": f"http://{place}",
        "phone_number_id": "1",
        "access_token": "t",
        "app_secret": "s",
    }
    return Account("1:1", "contas@acacia.example", credentials)


def envelope(channel: type[Channel]) -> Envelope:
    return Envelope(key="k", to=PEOPLE[channel.address_kind], body="Olá")


@every_channel
def test_nobody_there_is_worth_retrying(channel: type[Channel]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        place = f"127.0.0.1:{taken.getsockname()[1]}"

    with pytest.raises(SendDeferred) as deferral:
        channel().send(account(place), envelope(channel))

    assert deferral.value.advice is Advice.RETRY


@every_channel
def test_repeated_silence_rests_the_account_without_using_up_attempts(
    channel: type[Channel],
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        place = f"127.0.0.1:{taken.getsockname()[1]}"
    advices = []
    for _ in range(6):
        with pytest.raises(SendDeferred) as deferral:
            channel().send(account(place), envelope(channel))
        advices.append(deferral.value.advice)

    assert advices == [Advice.RETRY] * 5 + [Advice.PACE]


@every_channel
def test_an_inner_address_pauses_the_account(channel: type[Channel], settings: Settings) -> None:
    settings.HTTP_ALLOWED_PRIVATE = []

    with pytest.raises(SendRefused) as refusal:
        channel().send(account("10.0.0.1:443"), envelope(channel))

    assert refusal.value.advice is Advice.PAUSE_ACCOUNT


@every_channel
def test_an_unsigned_webhook_is_forged(channel: type[Channel]) -> None:
    with pytest.raises(Forged):
        channel().verify(account("127.0.0.1:1"), b"{}", {})
    with pytest.raises(Forged):
        channel().answer_challenge(account("127.0.0.1:1"), {"hub.mode": "subscribe"})


@every_channel
def test_a_strange_payload_says_nothing(channel: type[Channel]) -> None:
    assert channel().notices({"entry": [None]}) == []


@every_channel
def test_secrets_and_texts_stay_out_of_representations(channel: type[Channel]) -> None:
    shown = repr(account("127.0.0.1:1")) + repr(envelope(channel))

    assert "access_token" not in shown
    assert "Olá" not in shown
