"""Real peers for drivers: pymodbus' servers on sockets and on a serial line, and some bad ones."""

from __future__ import annotations

import asyncio
import os
import tty
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

from pymodbus import FramerType
from pymodbus.server import ModbusSerialServer, ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from config.processes import free_port
from meters.drivers.base import Target
from meters.drivers.profiles import Profile


def device(unit: int, registers: dict[int, int], action: Any = None) -> SimDevice:
    """A device with exactly these registers; any other is an illegal address."""
    runs: dict[int, list[int]] = {}
    for address in sorted(registers):
        start = next((s for s, words in runs.items() if s + len(words) == address), None)
        if start is None:
            runs[address] = [registers[address]]
        else:
            runs[start].append(registers[address])
    data = [SimData(s, values=words, datatype=DataType.REGISTERS) for s, words in runs.items()]
    return SimDevice(id=unit, simdata=data, action=action)


def whole(profile: Profile, vector: int = 0) -> dict[int, int]:
    """The registers of a test vector, with zeros in the holes, as a device has them."""
    given = profile.vectors[vector].registers()
    low = {min(r.address for r in profile.registers if r.function in (None, f)) for f in (3, 4)}
    return {a: given.get(a, 0) for a in range(min(low), max(given) + 1)}


@asynccontextmanager
async def tcp(*devices: SimDevice, rtu: bool = False, **options: Any) -> AsyncIterator[Target]:
    """A server of pymodbus; the target has its address."""
    port = free_port()
    framer = FramerType.RTU if rtu else FramerType.SOCKET
    server = ModbusTcpServer(list(devices), framer=framer, address=("127.0.0.1", port), **options)
    await server.serve_forever(background=True)
    transport = "rtu_over_tcp" if rtu else "tcp"
    try:
        yield Target(host="127.0.0.1", port=port, transport=transport, timeout_s=1.0)
    finally:
        await server.shutdown()


@asynccontextmanager
async def serial(*devices: SimDevice, **options: Any) -> AsyncIterator[Target]:
    """A server of pymodbus at one end of a serial line; the target has the other end's path."""
    loop = asyncio.get_running_loop()
    ends = [os.openpty(), os.openpty()]
    for master, slave in ends:
        tty.setraw(slave)
        os.set_blocking(master, False)

    def relay(source: int, sink: int) -> Callable[[], None]:
        def pass_on() -> None:
            with suppress(OSError):
                os.write(sink, os.read(source, 4096))

        return pass_on

    loop.add_reader(ends[0][0], relay(ends[0][0], ends[1][0]))
    loop.add_reader(ends[1][0], relay(ends[1][0], ends[0][0]))
    server = ModbusSerialServer(
        list(devices), framer=FramerType.RTU, port=os.ttyname(ends[0][1]), baudrate=9600, **options
    )
    await server.serve_forever(background=True)
    try:
        yield Target(transport="serial", serial_path=os.ttyname(ends[1][1]), timeout_s=1.0)
    finally:
        await server.shutdown()
        for master, slave in ends:
            loop.remove_reader(master)
            os.close(master)
            os.close(slave)


@asynccontextmanager
async def answering(
    answer: Callable[[bytes], bytes | None], transport: str = "tcp"
) -> AsyncIterator[Target]:
    """A peer that answers bytes with bytes; None hangs up, nothing is silence."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while asked := await reader.read(512):
                said = answer(asked)
                if said is None:
                    break
                writer.write(said)
                await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        yield Target(host="127.0.0.1", port=port, transport=transport, timeout_s=0.3)
    finally:
        server.close()
