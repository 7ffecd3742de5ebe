"""What devices say on their own, without being asked: the words that all dialects share.

A dialect knows the topics and payloads of one firmware. It is pure: text and bytes in, named
quantities out. It never raises anything but `Malformed`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, ClassVar, Final, Protocol

import msgspec

from clients.kernel.errors import Permanent

LONGEST_PAYLOAD: Final = 65_536
LARGEST_REGISTER: Final = 10**15
LARGEST_INSTANT: Final = 1e12
MILLISECONDS_FROM: Final = 1e11  # as seconds this would be the year 5138
PHASES: Final = ("l1", "l2", "l3")
LETTERS: Final = ("a", "b", "c")  # what firmwares call them


class Malformed(Permanent):
    """A message that its sender's firmware would not write."""

    code: ClassVar[str] = "malformed"

    def __init__(self, reason: str) -> None:
        """`reason` is a code: not_json, not_an_object, too_long, bad_time, bad_value …"""
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Said:
    """Values of one instant. Without `measured_at` the message does not say when."""

    values: Mapping[str, int | float]
    measured_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Presence:
    """The device, or the broker on its behalf, says whether it is there."""

    is_online: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Listener:
    """One meter as a dialect sees it: the device's own name, its channel, and the site's zone."""

    address: str
    channel: int = 0
    zone: tzinfo = UTC


Heard = Said | Presence | None  # None: a message about something else


class Dialect(Protocol):
    """Topics and payloads of one firmware."""

    def topics(self, listener: Listener) -> Sequence[str]:
        """What to subscribe to, for the messages of this device."""
        ...

    def hear(self, listener: Listener, topic: str, payload: bytes) -> Heard:
        """What a message says. Raises Malformed."""
        ...


def is_topic(address: str) -> bool:
    """Whether a device may have this name: something, and no wildcard that hears others' too."""
    return bool(address) and not set("#+\0") & set(address) and not address.startswith("$")


def decoded(payload: bytes) -> dict[str, Any]:
    """The payload as a JSON object."""
    if len(payload) > LONGEST_PAYLOAD:
        raise Malformed("too_long")
    try:
        found = msgspec.json.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Malformed("not_json") from error
    if not isinstance(found, dict):
        raise Malformed("not_an_object")
    return found


def number(value: Any) -> float | None:
    """The value as a number; None when there is none. Raises Malformed for anything else."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Malformed("bad_value")
    try:
        found = float(value)
    except OverflowError as error:
        raise Malformed("bad_value") from error
    if not math.isfinite(found) or abs(found) > LARGEST_INSTANT:
        raise Malformed("bad_value")
    return found


def numbers(value: Any) -> list[float]:
    """One number, or one for each phase."""
    found = [number(each) for each in (value if isinstance(value, list) else [value])]
    return [each for each in found if each is not None]


def register(value: Any, factor: int | Decimal = 1) -> int | None:
    """A counter in whole base units, half up: `factor` base units are one of the device's."""
    found = number(value)
    if found is None:
        return None
    exact = Decimal(str(found)) * factor
    if not 0 <= exact <= LARGEST_REGISTER:
        raise Malformed("bad_value")
    return int(exact.quantize(Decimal(1), ROUND_HALF_UP))


def instant(value: Any, zone: tzinfo = UTC) -> datetime | None:
    """An instant, said in ISO 8601 (without offset: in `zone`), or as Unix seconds or
    milliseconds."""
    if value is None:
        return None
    try:
        if isinstance(value, str):
            found = datetime.fromisoformat(value)
            return (found if found.tzinfo else found.replace(tzinfo=zone)).astimezone(UTC)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise Malformed("bad_time")
        is_milliseconds = value >= MILLISECONDS_FROM
        return datetime.fromtimestamp(value / 1000 if is_milliseconds else value, UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise Malformed("bad_time") from error


def present(values: Mapping[str, int | float | None]) -> dict[str, int | float]:
    """The values that were said."""
    return {name: value for name, value in values.items() if value is not None}


def by_phase(pattern: str, found: Sequence[float]) -> dict[str, float]:
    """Values of one to three phases, named by `pattern`, as in `voltage_{}_v`."""
    return {pattern.format(phase): value for phase, value in zip(PHASES, found, strict=False)}
