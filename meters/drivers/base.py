"""What every driver promises. Plain values in, plain values out: it knows no rows and no rules.

An instance is one line to one bus: it may keep its connection open between reads, and it is asked
one thing at a time. Whoever made it closes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Final, Protocol

from clients.kernel.errors import Permanent, Retryable

MODBUS_PORT: Final = 502  # what a connection's port is until somebody types another
Value = int | float  # an int for a register, in its base unit; a float for an instantaneous value


class Unreachable(Retryable):
    """Nobody answered in time, or the line could not be opened."""

    code: ClassVar[str] = "unreachable"


class BadReply(Retryable):
    """Somebody answered, and not with what was asked: noise, a foreign protocol, an exception."""

    code: ClassVar[str] = "bad_reply"

    def __init__(self, message: str, *, code: str = "", after_s: float | None = None) -> None:
        """`code` says more than `bad_reply` where a person can act on it."""
        super().__init__(message, after_s)
        self.error_code = code or self.code


class WrongMap(Permanent):
    """The device answers, and what it says cannot be what the profile names."""

    code: ClassVar[str] = "wrong_map"

    def __init__(self, message: str, doubts: tuple[Doubt, ...] = ()) -> None:
        super().__init__(message)
        self.doubts = doubts


class BadTarget(Permanent):
    """The connection's own settings cannot work; only a person can change that."""

    code: ClassVar[str] = "bad_target"

    def __init__(self, message: str, *, code: str = "") -> None:
        super().__init__(message)
        self.error_code = code or self.code


@dataclass(frozen=True, slots=True)
class Doubt:
    """A value that cannot be: which quantity, what was read, and which rule says so."""

    rule: str
    quantity: str
    value: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Whom to ask and how. Drivers use what they need; `options` and `secrets` are their own."""

    profile: str = ""
    transport: str = "tcp"
    host: str = ""
    port: int = 0
    serial_path: str = ""
    baud: int = 9_600
    parity: str = "N"
    stop_bits: int = 1
    unit_id: int = 1
    address: str = ""  # the device's own name at the other side: a topic, a device id
    timeout_s: float = 3.0
    options: Mapping[str, Any] = field(default_factory=dict)
    secrets: Mapping[str, Any] = field(default_factory=dict, repr=False)


def port_of(target: Target, usual: int) -> int:
    """The target's port, or the driver's usual one when nobody typed any."""
    return target.port if target.port not in (0, MODBUS_PORT) else usual


@dataclass(frozen=True, slots=True)
class Reply:
    """What a device said at one instant, by the names of `models/quantities.py`."""

    measured_at: datetime
    values: Mapping[str, Value]
    extra: Mapping[str, str | float | bool] = field(default_factory=dict)
    doubts: tuple[Doubt, ...] = ()  # values left out because they cannot be


class Driver(Protocol):
    """Talks to one kind of device over one line."""

    async def read(self, target: Target) -> Reply:
        """What the device says now, within about `timeout_s` for each question.

        Raises Unreachable, BadReply, WrongMap or BadTarget.
        """
        ...

    async def close(self) -> None:
        """Give the line back. Safe to call twice."""
        ...
