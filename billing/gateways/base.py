"""What every gateway takes and gives. Plain values: no models, no database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Credentials:
    """How to ask a bank about one account. `key` names its breaker."""

    key: str
    base_url: str
    client_id: str = field(repr=False)
    client_secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Received:
    """Money that the bank itself says has arrived."""

    end_to_end_id: str
    txid: str
    amount_cents: int
    pix_key: str
    received_at: datetime
    returned_cents: int = 0


class Gateway(Protocol):
    """A way to ask a bank. Raises Retryable when time may heal it, Permanent when it will not."""

    def __init__(self, credentials: Credentials) -> None: ...

    def received(self, end_to_end_id: str) -> Received:
        """This payment, as the bank has it. Raises NotThere when it knows none."""
        ...

    def received_between(self, start: datetime, end: datetime) -> list[Mapping[str, object]]:
        """Every payment of that time, in the words of the bank's own notices."""
        ...

    def call_here(self, pix_key: str, url: str) -> None:
        """Ask the bank to announce payments to this key at `url`."""
        ...
