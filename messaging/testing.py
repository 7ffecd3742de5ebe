"""Makers for the tests of messaging and of the apps above."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings

from clients.models import Client, Tenant
from messaging.models import ChannelAccount, ChannelKind, Message
from messaging.services.accounts import open_account, open_simulated_whatsapp
from messaging.services.kinds import DefaultText, MessageKind, register_kind
from messaging.services.outbox import queue_message
from messaging.simulators.whatsapp import WhatsAppSimulator

_serial = itertools.count(1)

GREETING = register_kind(
    MessageKind(
        key="greeting",
        label="Greeting",
        variables={"day": "segunda-feira"},
        texts={
            "pt-br": DefaultText(subject="Boa {day}", body="Olá, {first_name}. Boa {{day}}!"),
            "en": DefaultText(subject="Good {day}", body="Hello, {first_name}. Good {{day}}!"),
        },
    )
)


def make_channel_account(
    *, tenant: Tenant, kind: str = ChannelKind.EMAIL, api_url: str = "", **fields: Any
) -> ChannelAccount:
    """An account that reaches nobody: the local mailbox, or WhatsApp's simulator at `api_url`."""
    if kind == ChannelKind.WHATSAPP:
        return open_simulated_whatsapp(api_url)
    return open_account(
        kind,
        fields.pop("name", "Mail"),
        sender=f"{tenant.name} <contas@{tenant.slug}.example>",
        **fields,
    )


def make_message(*, client: Client, dedupe_key: str = "", **how: Any) -> Message:
    """A queued greeting to the client."""
    key = dedupe_key or f"greeting:{next(_serial)}"
    return queue_message(client, GREETING.key, {"day": "segunda"}, dedupe_key=key, **how)


@contextmanager
def whatsapp_simulator(**how: Any) -> Iterator[WhatsAppSimulator]:
    """A running simulator on a free port, which the HTTP client may reach."""
    simulator = WhatsAppSimulator(pace_seconds=0.01, silence_seconds=0.1, **how).start()
    before = settings.HTTP_ALLOWED_PRIVATE
    settings.HTTP_ALLOWED_PRIVATE = [*before, "127.0.0.1"]
    try:
        yield simulator
    finally:
        settings.HTTP_ALLOWED_PRIVATE = before
        simulator.stop()
