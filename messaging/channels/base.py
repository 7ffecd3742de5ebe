"""What every channel takes and gives. Plain values: no models, no database."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import ClassVar, Protocol

from clients.kernel.breaker import OPEN_SECONDS, CircuitOpen
from clients.kernel.egress import AddressRefused, Unreachable
from clients.kernel.http import Unanswered
from messaging.errors import Advice, OutcomeUnknown, SendDeferred, SendRefused


class AddressKind(StrEnum):
    """What a channel writes to."""

    EMAIL = "email"
    PHONE = "phone"


class Progress(StrEnum):
    """How far a message got, as a provider tells it, in this order. Failed is the end."""

    SENT = "sent"
    DELIVERED = "delivered"
    READ = "read"
    FAILED = "failed"


@dataclass(frozen=True)
class Account:
    """The tenant's account with a provider. `key` names its breaker."""

    key: str
    sender: str
    credentials: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True)
class ProviderTemplate:
    """A text that the provider approved beforehand; only its parameters are ours."""

    name: str
    language: str
    parameters: tuple[str, ...] = ()


@dataclass(frozen=True)
class Envelope:
    """One message to one person. `key` stays the same however often it is tried."""

    key: str
    to: str
    body: str = field(repr=False)
    subject: str = field(default="", repr=False)
    html: str = field(default="", repr=False)
    template: ProviderTemplate | None = None


@dataclass(frozen=True)
class SendResult:
    """The provider took it. `address` is how the provider calls the person, if not as we do."""

    provider_id: str
    address: str = ""


@dataclass(frozen=True)
class Notice:
    """What a provider says later about one message: `key` is ours, when the provider echoes it."""

    event_id: str
    progress: Progress
    at: datetime
    key: str = ""
    provider_id: str = ""
    address: str = ""
    error_code: str = ""
    advice: Advice | None = None


class Channel(Protocol):
    """How one kind of message leaves the house. Knows no rules."""

    address_kind: ClassVar[AddressKind]
    reports_delivery: ClassVar[bool]
    has_html: ClassVar[bool]
    longest_body: ClassVar[int]
    # Names in the credentials: what must be there, and what stays secret.
    required: ClassVar[tuple[str, ...]]

    def send(self, account: Account, envelope: Envelope) -> SendResult:
        """Hand the message over.

        Raises SendDeferred or SendRefused when it was not taken, OutcomeUnknown when that cannot
        be known. Sending the same key again is one message wherever the provider allows it.
        """
        ...

    def verify(self, account: Account, raw: bytes, headers: Mapping[str, str]) -> None:
        """Raise Forged unless the provider signed exactly these bytes. Header names lower case."""
        ...

    def answer_challenge(self, account: Account, query: Mapping[str, str]) -> str:
        """What to answer when the provider asks whether the address is ours. Raises Forged."""
        ...

    def notices(self, payload: object) -> list[Notice]:
        """What a verified webhook says about messages. What we do not know is left out."""
        ...


@contextmanager
def translated() -> Iterator[None]:
    """Turn what the safe client says about the network into what it means for a message."""
    try:
        yield
    except CircuitOpen as error:
        raise SendDeferred(Advice.PACE, error.code, timedelta(seconds=OPEN_SECONDS)) from error
    except Unreachable as error:
        raise SendDeferred(Advice.RETRY, error.code) from error
    except Unanswered as error:
        raise OutcomeUnknown("the provider did not answer") from error
    except AddressRefused as error:
        raise SendRefused(Advice.PAUSE_ACCOUNT, error.code) from error
