"""A line to a bus: bytes out, bytes in. TCP, or a serial port."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any, Final, Protocol

from meters.drivers.base import Target, Unreachable
from meters.drivers.reach import addresses_of, serial_path

READ_BYTES: Final = 512  # more than the longest answer
BITS_PER_BYTE: Final = 11  # start, eight bits, parity or a second stop, stop
QUIET_BYTES: Final = 3.5  # between two frames, says the specification
SHORTEST_QUIET_S: Final = 0.00175


class HungUp(Unreachable):
    """The other side closed the line; a new one may do."""


class Line(Protocol):
    """An open way to a bus."""

    quiet_s: float  # what must pass between two frames

    async def send(self, content: bytes) -> None: ...
    async def receive(self) -> bytes:
        """What comes next. Raises HungUp."""
        ...

    def drop(self) -> None:
        """Forget what has arrived."""
        ...

    def close(self) -> None: ...


class TcpLine:
    """A TCP connection. An answer that comes after its question was given up goes with it."""

    quiet_s = 0.0

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    @classmethod
    async def open(cls, target: Target) -> TcpLine:
        failure: OSError | None = None
        for address in await addresses_of(target.host, target.port, target.timeout_s):
            try:
                return cls(*await asyncio.open_connection(address, target.port))
            except OSError as error:
                failure = error
        raise Unreachable("nobody answers at this address") from failure

    async def send(self, content: bytes) -> None:
        try:
            self._writer.write(content)
            await self._writer.drain()
        except OSError as error:
            raise HungUp("the connection was closed") from error

    async def receive(self) -> bytes:
        try:
            content = await self._reader.read(READ_BYTES)
        except OSError as error:
            raise HungUp("the connection was closed") from error
        if not content:
            raise HungUp("the connection was closed")
        return content

    def drop(self) -> None:
        # StreamReader has no other way to look without waiting.
        self._reader._buffer.clear()  # type: ignore[attr-defined]

    def close(self) -> None:
        with contextlib.suppress(OSError, RuntimeError):
            self._writer.close()


class SerialLine:
    """A serial port, read when the loop says that there is something."""

    def __init__(self, port: Any, quiet_s: float) -> None:
        self._port, self.quiet_s = port, quiet_s
        self._arrived = bytearray()
        self._news = asyncio.Event()
        self._failed = False
        asyncio.get_running_loop().add_reader(port.fileno(), self._read)

    @classmethod
    async def open(cls, target: Target) -> SerialLine:
        # Only whoever has a serial port needs it; it brings no types.
        import serial  # type: ignore[import-untyped]

        path = serial_path(target.serial_path)
        try:
            port = serial.Serial(
                path,
                baudrate=target.baud,
                parity=target.parity,
                stopbits=target.stop_bits,
                timeout=0,
                write_timeout=target.timeout_s,
                exclusive=True,
            )
        except (OSError, ValueError) as error:  # SerialException is an OSError
            raise Unreachable("the serial port does not open") from error
        quiet_s = max(SHORTEST_QUIET_S, QUIET_BYTES * BITS_PER_BYTE / target.baud)
        return cls(port, quiet_s)

    def _read(self) -> None:
        try:
            content = self._port.read(READ_BYTES)
        except OSError:
            content = b""
        if not content:
            self._failed = True
            asyncio.get_running_loop().remove_reader(self._port.fileno())
        self._arrived += content
        self._news.set()

    async def send(self, content: bytes) -> None:
        try:
            self._port.write(content)  # a question is eight bytes: the driver's buffer takes it
        except OSError as error:
            raise HungUp("the serial port is gone") from error

    async def receive(self) -> bytes:
        while not self._arrived:
            if self._failed:
                raise HungUp("the serial port is gone")
            self._news.clear()
            await self._news.wait()
        content = bytes(self._arrived)
        self._arrived.clear()
        return content

    def drop(self) -> None:
        self._arrived.clear()

    def close(self) -> None:
        with contextlib.suppress(OSError, RuntimeError, ValueError):
            asyncio.get_running_loop().remove_reader(self._port.fileno())
        with contextlib.suppress(OSError):
            self._port.close()
