"""Questions and answers of Modbus as bytes: with a TCP header, or with a checksum (RTU).

Nothing here waits or knows a line. A parser is fed what arrives and says when the answer is whole;
what belongs to no question of ours is passed over.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final, Protocol

from meters.drivers.base import BadReply, Unreachable

EXCEPTION: Final = 0x80
ILLEGAL_ADDRESS: Final = 2
_MBAP: Final = struct.Struct(">HHHB")
_LONGEST_MBAP: Final = 254
_GATEWAY: Final = {10, 11}  # the gateway answers: it has no way, or the device is silent
_NAMES: Final = {
    1: "illegal_function",
    2: "illegal_address",
    3: "illegal_value",
    4: "device_failure",
    5: "acknowledged_only",
    6: "device_busy",
    8: "parity_error",
}


@dataclass(frozen=True, slots=True)
class Question:
    """Registers of one unit. `number` tells answers apart where the framing can carry it."""

    unit: int
    function: int
    start: int
    count: int
    number: int = 0

    @property
    def pdu(self) -> bytes:
        return struct.pack(">BHH", self.function, self.start, self.count)


class IllegalAddress(BadReply):
    """The device has no such registers, or not in one piece."""


class Framing(Protocol):
    """How a question is wrapped, and how its answer is found in what arrives."""

    def wrap(self, question: Question) -> bytes: ...
    def take(self, arrived: bytearray, question: Question) -> list[int] | None:
        """The registers, once the answer is whole; None while it is not.

        Raises BadReply for an exception or for what is no Modbus, Unreachable for a gateway's
        word that the device is silent.
        """
        ...


class MbapFraming:
    """Modbus TCP: a header with a number, so that a late answer is never taken for another."""

    def wrap(self, question: Question) -> bytes:
        pdu = question.pdu
        return _MBAP.pack(question.number, 0, len(pdu) + 1, question.unit) + pdu

    def take(self, arrived: bytearray, question: Question) -> list[int] | None:
        while len(arrived) >= _MBAP.size:
            number, protocol, length, unit = _MBAP.unpack_from(arrived)
            if protocol or not 3 <= length <= _LONGEST_MBAP:  # noqa: PLR2004 # unit, function, one
                raise BadReply("this is no Modbus TCP", code="not_modbus")
            whole = _MBAP.size + length - 1
            if len(arrived) < whole:
                return None
            pdu = bytes(arrived[_MBAP.size : whole])
            del arrived[:whole]
            if number == question.number and unit == question.unit:
                return registers_in(pdu, question)
        return None


class RtuFraming:
    """Modbus RTU: the unit, the answer and a checksum; whatever stands before it is noise."""

    def wrap(self, question: Question) -> bytes:
        frame = bytes([question.unit]) + question.pdu
        return frame + checksum(frame)

    def take(self, arrived: bytearray, question: Question) -> list[int] | None:
        asked = self.wrap(question)
        if arrived.startswith(asked):  # an adapter that hears itself
            del arrived[: len(asked)]
        while len(arrived) > 1:
            size = self._size(arrived, question)
            if size and len(arrived) < size:
                return None
            frame = bytes(arrived[:size])
            if size and checksum(frame[:-2]) == frame[-2:]:
                del arrived[:size]
                return registers_in(frame[1:-2], question)
            del arrived[0]
        return None

    def _size(self, arrived: bytearray, question: Question) -> int:
        """How long the answer that begins here is; 0 when none does."""
        if arrived[0] != question.unit:
            return 0
        if arrived[1] == question.function:
            return 2 * question.count + 5 if arrived[2:3] in (b"", _bytes(question)) else 0
        return 5 if arrived[1] == question.function | EXCEPTION else 0


def registers_in(pdu: bytes, question: Question) -> list[int]:
    """The registers of an answer. Raises BadReply, IllegalAddress or Unreachable."""
    if pdu[0] == question.function | EXCEPTION:
        _refuse(pdu[1] if len(pdu) > 1 else 0)
    if pdu[0] != question.function or pdu[1:2] != _bytes(question):
        raise BadReply("another answer than was asked for", code="other_answer")
    words = pdu[2:]
    if len(words) != 2 * question.count:
        raise BadReply("the answer is too short", code="other_answer")
    return list(struct.unpack(f">{question.count}H", words))


def checksum(frame: bytes) -> bytes:
    """Modbus' CRC-16, low byte first."""
    crc = 0xFFFF
    for byte in frame:
        crc = (crc >> 8) ^ _TABLE[(crc ^ byte) & 0xFF]
    return struct.pack("<H", crc)


def _bytes(question: Question) -> bytes:
    return bytes([2 * question.count & 0xFF])


def _refuse(code: int) -> None:
    if code in _GATEWAY:
        raise Unreachable("the gateway says that the device is silent")
    if code == ILLEGAL_ADDRESS:
        raise IllegalAddress("the device has no such registers", code="illegal_address")
    name = _NAMES.get(code, "device_refused")
    raise BadReply(f"the device answered with exception {code}", code=name)


def _crc_of(byte: int) -> int:
    for _bit in range(8):
        byte = (byte >> 1) ^ (0xA001 if byte & 1 else 0)
    return byte


_TABLE: Final = tuple(_crc_of(byte) for byte in range(256))
