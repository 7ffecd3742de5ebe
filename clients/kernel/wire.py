"""Streams for the HTTP client: dialled by egress, and every step bound by the caller's deadline."""

from __future__ import annotations

import select
import socket
import ssl
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import httpcore2

from clients.kernel import egress


@contextmanager
def _translated(late: type[Exception], broken: type[Exception]) -> Iterator[None]:
    try:
        yield
    except TimeoutError as error:
        raise late(str(error)) from error
    except OSError as error:
        raise broken(str(error)) from error


class DeadlineStream(httpcore2.NetworkStream):
    """One connection. It ignores time-outs of single steps: only the whole call has one."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        with _translated(httpcore2.ReadTimeout, httpcore2.ReadError):
            self._connection.settimeout(egress.time_left())
            return self._connection.recv(max_bytes)

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        with _translated(httpcore2.WriteTimeout, httpcore2.WriteError):
            rest = memoryview(buffer)
            while rest:
                self._connection.settimeout(egress.time_left())
                rest = rest[self._connection.send(rest) :]

    def close(self) -> None:
        self._connection.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore2.NetworkStream:
        try:
            with _translated(httpcore2.ConnectTimeout, httpcore2.ConnectError):
                self._connection.settimeout(egress.time_left())
                secured = ssl_context.wrap_socket(self._connection, server_hostname=server_hostname)
        except Exception:
            self.close()
            raise
        return DeadlineStream(secured)

    def get_extra_info(self, info: str) -> Any:  # as httpcore declares it
        if info == "socket":
            return self._connection
        if info == "is_readable":
            # Also true for a connection that the other side closed while it was idle.
            return bool(select.select([self._connection], [], [], 0)[0])
        return None


class CheckedBackend(httpcore2.NetworkBackend):
    """Dials only what egress allows, on the address that egress checked."""

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,  # httpcore's union of option tuples
    ) -> httpcore2.NetworkStream:
        with _translated(httpcore2.ConnectTimeout, httpcore2.ConnectError):
            return DeadlineStream(egress.dial(host, port))
