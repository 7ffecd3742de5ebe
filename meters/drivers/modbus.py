"""Modbus over TCP, RTU over TCP and RTU on a serial line.

One line for one bus, and on it one conversation at a time. Near registers are read together; a
device that refuses a stretch with a hole in it is asked for the pieces from then on.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from meters.drivers.base import (
    BadTarget,
    Doubt,
    Reply,
    Target,
    Unreachable,
    Value,
    WrongMap,
)
from meters.drivers.framing import Framing, IllegalAddress, MbapFraming, Question, RtuFraming
from meters.drivers.lines import HungUp, Line, SerialLine, TcpLine
from meters.drivers.plausibility import doubts_of, is_wrong
from meters.drivers.profiles import EXTRA, GENERIC, BadProfile, Profile, profile_named
from meters.drivers.registers import Block, blocks_of, decode

NUMBERS: Final = 65_536
SETTLE_S: Final = 0.02  # for what a gateway still has for somebody who has left


@dataclass(frozen=True, slots=True)
class Answers:
    """The registers of a device, `{function: {address: word}}`, and when they were read."""

    measured_at: datetime
    registers: Mapping[int, Mapping[int, int]]


@dataclass
class Modbus:
    """One line to one bus of Modbus devices."""

    _line: Line | None = None
    _line_of: tuple[Any, ...] = ()
    _numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))
    _learnt: dict[tuple[int, str], list[Block]] = field(default_factory=dict)
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def read(self, target: Target) -> Reply:
        """The device's values by its profile."""
        profile = profile_of(target)
        answers = await self.registers(target, profile)
        return reply_of(profile, answers, target)

    async def registers(self, target: Target, profile: Profile) -> Answers:
        """All registers of the profile. Raises WrongMap when the device has not got them."""
        key = (target.unit_id, profile.name)
        try:
            return await self.blocks(target, self._learnt.get(key) or blocks_of(profile))
        except IllegalAddress as error:
            if key in self._learnt:
                raise WrongMap("the device has no such registers") from error
        pieces = await self._pieces(target, profile)
        answers = await self.blocks(target, pieces)
        self._learnt[key] = pieces
        return answers

    async def _pieces(self, target: Target, profile: Profile) -> list[Block]:
        """The stretches without a hole that this device has, found out by asking."""
        found = []
        for is_optional in (False, True):
            chosen = [r for r in profile.registers if r.optional is is_optional]
            for piece in blocks_of(profile, chosen, gap=0):
                try:
                    await self.ask(target, piece)
                    found.append(piece)
                except IllegalAddress as error:
                    if not is_optional:
                        raise WrongMap("the device has no such registers") from error
        return found

    async def blocks(self, target: Target, blocks: list[Block]) -> Answers:
        """The registers of these blocks, asked for one after the other."""
        found: dict[int, dict[int, int]] = {}
        measured_at = None
        for block in blocks:
            words = await self.ask(target, block)
            measured_at = measured_at or datetime.now(UTC)
            of_function = found.setdefault(block.function, {})
            of_function.update(zip(range(block.start, block.end), words, strict=True))
        return Answers(measured_at or datetime.now(UTC), found)

    async def ask(self, target: Target, block: Block) -> list[int]:
        """One question and its answer. A line on which something went wrong is closed."""
        async with self._turn:
            if self._line is not None and self._line_of == _way(target):
                try:
                    return await self._ask(target, block)
                except HungUp:  # it had been idle for too long, and that is no failure
                    pass
            return await self._ask(target, block)

    async def _ask(self, target: Target, block: Block) -> list[int]:
        number = next(self._numbers) % NUMBERS
        question = Question(target.unit_id, block.function, block.start, block.count, number)
        try:
            async with asyncio.timeout(target.timeout_s):
                line = await self._open(target)
            async with asyncio.timeout(target.timeout_s):
                return await _converse(line, _framing(target), question)
        except IllegalAddress:
            raise
        except TimeoutError as error:
            self._hang_up()
            raise Unreachable("no answer in time") from error
        except BaseException:
            self._hang_up()  # what comes now is nobody's
            raise

    async def _open(self, target: Target) -> Line:
        way = _way(target)
        if self._line is not None and self._line_of == way:
            return self._line
        self._hang_up()
        opened: Line
        if target.transport == "serial":
            opened = await SerialLine.open(target)
        else:
            opened = await TcpLine.open(target)
        self._line, self._line_of = opened, way
        if target.transport != "tcp":
            await asyncio.sleep(SETTLE_S)
        return opened

    def _hang_up(self) -> None:
        if self._line is not None:
            self._line.close()
            self._line = None

    async def close(self) -> None:
        """Give the line back. Safe to call twice."""
        self._hang_up()


async def _converse(line: Line, framing: Framing, question: Question) -> list[int]:
    if line.quiet_s:
        await asyncio.sleep(line.quiet_s)
    line.drop()
    await line.send(framing.wrap(question))
    arrived = bytearray()
    while True:
        arrived += await line.receive()
        words = framing.take(arrived, question)
        if words is not None:
            return words


def _framing(target: Target) -> Framing:
    return MbapFraming() if target.transport == "tcp" else RtuFraming()


def _way(target: Target) -> tuple[Any, ...]:
    if target.transport == "serial":
        return (target.serial_path, target.baud, target.parity, target.stop_bits)
    return (target.host, target.port, target.transport)


def reply_of(profile: Profile, answers: Answers, target: Target) -> Reply:
    """The values in our units. Raises WrongMap when they cannot be a meter's."""
    said = decode(
        profile,
        answers.registers,
        word_order=target.options.get("word_order"),
        byte_order=target.options.get("byte_order"),
    )
    doubts = doubts_of(profile, said)
    if is_wrong(profile, doubts):
        raise WrongMap("the values cannot be a meter's", doubts)
    if not any(value is not None for value in said.values()):
        raise WrongMap("the device says nothing", (Doubt("silent", profile.identity.must[0]),))
    strange = {doubt.quantity for doubt in doubts}
    kept = {n: v for n, v in said.items() if v is not None and n not in strange}
    values: dict[str, Value] = {n: v for n, v in kept.items() if not n.startswith(EXTRA)}
    for register in profile.registers:  # a counter cannot be below zero
        name = register.quantity
        if isinstance(value := values.get(name), int) and value < 0:
            del values[name]
    extra = {n.removeprefix(EXTRA): float(v) for n, v in kept.items() if n.startswith(EXTRA)}
    return Reply(answers.measured_at, values, extra, doubts)


def profile_of(target: Target) -> Profile:
    """The profile that the connection names, or the one that its options spell out."""
    try:
        if target.profile in ("", GENERIC):
            return generic_profile(target.options)
        return profile_named(target.profile)
    except KeyError as error:
        raise BadTarget("there is no such profile", code="no_profile") from error
    except (BadProfile, msgspec.ValidationError, ValueError, TypeError) as error:
        raise BadTarget(str(error), code="bad_options") from error


def generic_profile(options: Mapping[str, Any]) -> Profile:
    """A profile from options: `base`, `count` and `metrics`, or `registers` as in a profile file.

    With `metrics` alone each register is one unsigned number, named by its place: the first is
    `metrics[0]`.
    """
    registers = options.get("registers")
    if registers is None:
        registers = _by_place(options)
    must = options.get("must") or [r["quantity"] for r in registers][:1]
    known = {k: options[k] for k in ("function", "word_order", "byte_order", "gap") if k in options}
    return msgspec.convert(
        {
            "name": GENERIC,
            "vendor": "—",
            "model": "—",
            "revision": 1,
            "source": {"title": "entered by a person"},
            "verified": {"by": "other_software", "note": "entered by a person", "on": "—"},
            "vectors": [{"note": "—", "blocks": {"0x0000": "0000"}, "values": {"—": 0}}],
            "identity": {"must": must},
            "registers": [{"manual": "—", **_without_none(r)} for r in registers],
            **known,
        },
        Profile,
    )


def _by_place(options: Mapping[str, Any]) -> list[dict[str, Any]]:
    base, metrics = int(options.get("base", 0)), list(options.get("metrics", []))
    count = int(options.get("count", len(metrics) or 4))
    found = []
    for place in range(count):
        name = str(metrics[place]) if place < len(metrics) else f"{EXTRA}reg_{place}"
        found.append(
            {
                "quantity": name,
                "address": base + place,
                "type": "u16",
                "unit": "1",
                "bounds": (0, 65_535),
            }
        )
    return found


def _without_none(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if value is not None}
