"""From 16-bit registers to exact values, and from a profile to the questions to ask."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Final

from meters.drivers.base import Value
from meters.drivers.profiles import Order, Profile, Register

_CODE: Final = {
    "u16": ">H",
    "s16": ">h",
    "u32": ">I",
    "s32": ">i",
    "u64": ">Q",
    "s64": ">q",
    "f32": ">f",
    "f64": ">d",
}
_REGISTER_UNITS: Final = ("_wh", "_varh", "_l", "_vah")
_SHORTEST: Final = range(6, 10)  # digits that a four-byte float can need


@dataclass(frozen=True, slots=True)
class Block:
    """One question: registers from `start` on, with the function that reads them."""

    function: int
    start: int
    count: int

    @property
    def end(self) -> int:
        return self.start + self.count


def blocks_of(
    profile: Profile, registers: Iterable[Register] | None = None, *, gap: int | None = None
) -> list[Block]:
    """As few questions as possible: near registers together, at most `max_registers` in one."""
    most, hole = profile.max_registers, profile.gap if gap is None else gap
    chosen = profile.registers if registers is None else registers
    wanted = sorted((profile.function_of(r), r.address, r.address + r.words) for r in chosen)
    blocks: list[Block] = []
    for function, start, end in wanted:
        last = blocks[-1] if blocks else None
        if (
            last is not None
            and last.function == function
            and start - last.end <= hole
            and max(end, last.end) - last.start <= most
        ):
            blocks[-1] = Block(function, last.start, max(end, last.end) - last.start)
        else:
            blocks.append(Block(function, start, end - start))
    return blocks


def raw_number(
    words: list[int], register: Register, word_order: Order, byte_order: Order
) -> Decimal | None:
    """The number that the registers hold, exactly; None when they say that there is none."""
    ordered = words if word_order == "high_first" else reversed(words)
    code = "<H" if byte_order == "low_first" else ">H"
    packed = b"".join(struct.pack(code, word) for word in ordered)
    if int.from_bytes(packed, "big") in register.absent:
        return None
    number = struct.unpack(_CODE[register.type], packed)[0]
    if isinstance(number, int):
        return Decimal(number)
    if not math.isfinite(number):
        return None
    return _shortest(number) if register.type == "f32" else Decimal(repr(number))


def _shortest(number: float) -> Decimal:
    """The shortest decimal that is this four-byte float: 230.2, not 230.19999694824219."""
    packed = struct.pack(">f", number)
    for digits in _SHORTEST:
        text = f"{number:.{digits}g}"
        try:
            if struct.pack(">f", float(text)) == packed:
                return Decimal(text)
        except OverflowError:  # rounded up beyond the largest
            continue
    return Decimal(number)


def value_of(register: Register, raw: Decimal) -> Value:
    """The value in our unit: a whole number for a register that counts, else a float."""
    exact = raw * register.factor
    if register.quantity.endswith(_REGISTER_UNITS):
        return int(exact.to_integral_value(ROUND_HALF_UP))
    return float(exact)


def decode(
    profile: Profile,
    registers: Mapping[int, Mapping[int, int]],
    *,
    word_order: Order | None = None,
    byte_order: Order | None = None,
) -> dict[str, Value | None]:
    """Every value of the profile from `{function: {address: word}}`; None where none is said.

    An order given here is used in place of the profile's own, to find out which one fits.
    """
    found: dict[str, Value | None] = {}
    for register in profile.registers:
        of_function = registers.get(profile.function_of(register), {})
        places = range(register.address, register.address + register.words)
        if not all(place in of_function for place in places):
            continue
        raw = raw_number(
            [of_function[place] for place in places],
            register,
            word_order or register.word_order or profile.word_order,
            byte_order or register.byte_order or profile.byte_order,
        )
        found[register.quantity] = None if raw is None else value_of(register, raw)
    return found
