"""Modbus gateways of our own on loopback: buses with meters that count, are slow, or are dead.

Written from the vendors' documents and the specification; it shares no code with the drivers. A
bus does one thing at a time, as a real one does: while a slow meter answers, others wait.
"""

from __future__ import annotations

import asyncio
import math
import struct
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

READ_HOLDING, READ_INPUT = 3, 4
MOST: Final = 125
ILLEGAL_FUNCTION, ILLEGAL_ADDRESS, ILLEGAL_VALUE = 1, 2, 3
LINE_S: Final = 0.004  # a question and its answer on the wire, shortened from 9600 baud's 0.1 s


@dataclass
class SimulatedMeter:
    """A meter on a bus. `delay_s` makes it slow; a dead one never answers."""

    unit: int
    model: str = "eastron-sdm630"
    base_w: float = 1_500.0
    register_wh: float = 1_000_000.0
    delay_s: float = 0.0
    is_dead: bool = False
    started_at: float = field(default_factory=time.time)
    asked: int = 0

    def power_w(self, at: float) -> float:
        """A load that breathes with the quarter-hour and with the meter's own number."""
        wave = math.sin(at / 143 + self.unit) * 0.35 + math.sin(at / 17 + 3 * self.unit) * 0.1
        return self.base_w * (1 + wave)

    def energy_wh(self, at: float) -> float:
        """The register: it never falls, and follows the base load."""
        hours = max(0.0, at - self.started_at) / 3600
        return self.register_wh + self.base_w * hours

    def registers(self, at: float) -> tuple[int, dict[int, int]]:
        """The function that reads this model, and its registers now."""
        return MODELS[self.model](self, at)


def _float(value: float, *, low_first: bool = False) -> list[int]:
    words = list(struct.unpack(">2H", struct.pack(">f", value)))
    return words[::-1] if low_first else words


def _long(value: int, *, low_first: bool = False) -> list[int]:
    words = list(struct.unpack(">2H", struct.pack(">I", value & 0xFFFFFFFF)))
    return words[::-1] if low_first else words


def _sdm630(meter: SimulatedMeter, at: float) -> tuple[int, dict[int, int]]:
    power, factor = meter.power_w(at), 0.95
    volts = [220.0 + 2 * math.sin(at / 61 + phase) for phase in range(3)]
    shares = (0.5, 0.3, 0.2)
    said: dict[int, float] = dict.fromkeys(range(0, 0x50, 2), 0.0)
    for phase, share in enumerate(shares):
        said[2 * phase] = volts[phase]
        said[6 + 2 * phase] = power * share / volts[phase] / factor
        said[0x0C + 2 * phase] = power * share
        said[0x1E + 2 * phase] = factor
    reactive = power * math.tan(math.acos(factor))
    said |= {0x34: power, 0x38: power / factor, 0x3C: reactive, 0x3E: factor}
    said |= {0x46: 60.0 + 0.02 * math.sin(at / 7), 0x48: meter.energy_wh(at) / 1000, 0x4A: 0.0}
    said |= {0x4C: 12.5, 0x4E: 0.25, 0xE0: 0.4, 0x156: meter.energy_wh(at) / 1000}
    return READ_INPUT, _spread({address: _float(value) for address, value in said.items()})


def _sdm120(meter: SimulatedMeter, at: float) -> tuple[int, dict[int, int]]:
    power, factor = meter.power_w(at), 0.93
    volts = 127.0 + math.sin(at / 61)
    said: dict[int, float] = dict.fromkeys(range(0, 0x50, 2), 0.0)
    said |= {0: volts, 6: power / volts / factor, 0x0C: power, 0x12: power / factor}
    said |= {0x18: power * math.tan(math.acos(factor)), 0x1E: factor, 0x46: 59.98}
    said |= {0x48: meter.energy_wh(at) / 1000, 0x4A: 0.0, 0x4C: 3.0, 0x4E: 0.0}
    said[0x156] = meter.energy_wh(at) / 1000
    return READ_INPUT, _spread({address: _float(value) for address, value in said.items()})


def _pzem(meter: SimulatedMeter, at: float) -> tuple[int, dict[int, int]]:
    power, factor, volts = meter.power_w(at), 0.9, 127.3
    blocks = {
        0: [round(volts * 10)],
        1: _long(round(power / volts / factor * 1000), low_first=True),
        3: _long(round(power * 10), low_first=True),
        5: _long(round(meter.energy_wh(at)), low_first=True),
        7: [600, round(factor * 100), 0],
    }
    return READ_INPUT, _spread(blocks)


def _spread(blocks: dict[int, list[int]]) -> dict[int, int]:
    return {a + n: word for a, words in blocks.items() for n, word in enumerate(words)}


MODELS: Final[dict[str, Callable[[SimulatedMeter, float], tuple[int, dict[int, int]]]]] = {
    "eastron-sdm630": _sdm630,
    "eastron-sdm120": _sdm120,
    "peacefair-pzem-004t-v3": _pzem,
}


class SimulatedBus:
    """A gateway with a bus behind it: Modbus TCP, or RTU frames over TCP."""

    def __init__(self, meters: list[SimulatedMeter], *, rtu: bool = False, port: int = 0) -> None:
        self.meters = {meter.unit: meter for meter in meters}
        self.rtu, self.port = rtu, port
        self.host = "127.0.0.1"
        self._line = asyncio.Lock()
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen; a port of 0 becomes a free one."""
        self._server = await asyncio.start_server(self._serve, self.host, self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Stop listening; safe to call twice."""
        if self._server is not None:
            self._server.close()
            self._server = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            while True:
                frame = await (self._rtu_frame(reader) if self.rtu else self._tcp_frame(reader))
                said = await self._answer(*frame)
                if said:
                    writer.write(said)
                    await writer.drain()
        writer.close()

    async def _tcp_frame(self, reader: asyncio.StreamReader) -> tuple[bytes, int, bytes]:
        head = await reader.readexactly(7)
        (length,) = struct.unpack(">H", head[4:6])
        return head[:4], head[6], await reader.readexactly(length - 1)

    async def _rtu_frame(self, reader: asyncio.StreamReader) -> tuple[bytes, int, bytes]:
        frame = await reader.readexactly(8)  # whoever reads registers says eight bytes
        return b"", frame[0], frame[1:6]

    async def _answer(self, head: bytes, unit: int, pdu: bytes) -> bytes:
        meter = self.meters.get(unit)
        async with self._line:
            await asyncio.sleep(LINE_S)
            if meter is None or meter.is_dead:
                return b""
            meter.asked += 1
            if meter.delay_s:
                await asyncio.sleep(meter.delay_s)
        return self._wrapped(head, unit, _pdu_of(meter, pdu))

    def _wrapped(self, head: bytes, unit: int, pdu: bytes) -> bytes:
        if self.rtu:
            frame = bytes([unit]) + pdu
            return frame + struct.pack("<H", _crc(frame))
        return head + struct.pack(">HB", len(pdu) + 1, unit) + pdu


def _pdu_of(meter: SimulatedMeter, pdu: bytes) -> bytes:
    function, start, count = struct.unpack(">BHH", pdu)
    reads, registers = meter.registers(time.time())
    if function != reads:
        return bytes([function | 0x80, ILLEGAL_FUNCTION])
    if not 1 <= count <= MOST:
        return bytes([function | 0x80, ILLEGAL_VALUE])
    try:
        words = [registers[address] for address in range(start, start + count)]
    except KeyError:
        return bytes([function | 0x80, ILLEGAL_ADDRESS])
    return struct.pack(f">BB{count}H", function, 2 * count, *words)


def _crc(frame: bytes) -> int:
    crc = 0xFFFF
    for byte in frame:
        crc ^= byte
        for _bit in range(8):
            crc = crc >> 1 ^ (0xA001 if crc & 1 else 0)
    return crc
