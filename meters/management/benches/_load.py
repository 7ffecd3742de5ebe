"""A closed-loop load generator: each connection posts, waits for its answer and posts again.

A process of its own with the standard library alone, so that it costs the measured side little:
bodies are made before the clock starts, sockets are watched by one epoll. Prints one JSON object.
"""

from __future__ import annotations

import argparse
import json
import selectors
import socket
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

VALUES: Final = (
    '"energy_import_wh":%d,"energy_export_wh":0,"power_w":1234.5,"reactive_power_var":10.0,'
    '"power_factor":0.95,"frequency_hz":60.01,"voltage_l1_v":220.1,"voltage_l2_v":219.8,'
    '"voltage_l3_v":221.0,"current_l1_a":5.5,"current_l2_a":5.4,"current_l3_a":5.6,'
    '"power_l1_w":1200.0,"power_l2_w":1180.0,"power_l3_w":1220.0'
)
OK: Final = b"HTTP/1.1 200"


@dataclass
class Connection:
    """One sender: what it still has to say and what it is hearing."""

    socket: socket.socket
    requests: Iterator[bytes]
    unsent: memoryview = field(default_factory=lambda: memoryview(b""))
    heard: bytes = b""
    asked_at: float = 0.0


NEW: Final = datetime(2026, 1, 1, tzinfo=UTC)  # when every register stood at 0; 1 Wh a second since
UNSET: Final = "1970-01-01T00:00:%02dZ"  # what a clock says that was never set


def bodies(
    serial: str, start: datetime, rows: int, requests: int, strange_every: int = 0
) -> list[bytes]:
    """Requests of `rows` readings, one reading a second; every so manieth begins in 1970."""
    made = []
    stood = int((start - NEW).total_seconds())
    for number in range(requests):
        said = []
        for row in range(number * rows, (number + 1) * rows):
            at = (start + timedelta(seconds=row)).strftime("%Y-%m-%dT%H:%M:%SZ")
            if strange_every and row == number * rows and number % strange_every == 0:
                at = UNSET % (number % 60)
            said.append(f'{{"measured_at":"{at}","meter":"{serial}",{VALUES % (stood + row)}}}')
        made.append(('{"readings":[' + ",".join(said) + "]}").encode())
    return made


def post(body: bytes, key: str) -> bytes:
    """The whole request."""
    head = (
        "POST /api/v1/ingest HTTP/1.1\r\nHost: edge\r\nContent-Type: application/json\r\n"
        f"Authorization: Bearer {key}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def run(connections: list[Connection]) -> list[float]:
    """Send everything; the time to each answer, in seconds."""
    waits: list[float] = []
    with selectors.DefaultSelector() as selector:
        for connection in connections:
            selector.register(connection.socket, selectors.EVENT_READ, connection)
            _next(connection, selector)
        while selector.get_map():
            for key, events in selector.select(30):
                connection = key.data
                if events & selectors.EVENT_WRITE:
                    _write(connection, selector)
                if events & selectors.EVENT_READ and _heard_all(connection):
                    waits.append(time.perf_counter() - connection.asked_at)
                    _next(connection, selector)
    return waits


def _next(connection: Connection, selector: selectors.BaseSelector) -> None:
    request = next(connection.requests, None)
    if request is None:
        selector.unregister(connection.socket)
        connection.socket.close()
        return
    connection.heard, connection.asked_at = b"", time.perf_counter()
    connection.unsent = memoryview(request)
    _write(connection, selector)


def _write(connection: Connection, selector: selectors.BaseSelector) -> None:
    try:
        sent = connection.socket.send(connection.unsent)
    except BlockingIOError:
        sent = 0
    connection.unsent = connection.unsent[sent:]
    waits = selectors.EVENT_READ | (selectors.EVENT_WRITE if connection.unsent else 0)
    if selector.get_key(connection.socket).events != waits:
        selector.modify(connection.socket, waits, connection)


def _heard_all(connection: Connection) -> bool:
    connection.heard += connection.socket.recv(65_536)
    head, found, body = connection.heard.partition(b"\r\n\r\n")
    if not found:
        return False
    if not head.startswith(OK):
        sys.exit(f"the edge refused: {connection.heard[:500]!r}")
    length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
    return len(body) >= length


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--key", required=True)
    parser.add_argument("--connections", type=int, required=True)
    parser.add_argument("--rows", type=int, required=True)
    parser.add_argument("--requests", type=int, required=True, help="of each connection")
    parser.add_argument("--start", required=True)
    parser.add_argument("--strange-every", type=int, default=0, help="requests; 0: never")
    asked = parser.parse_args()
    start = datetime.fromisoformat(asked.start).astimezone(UTC)
    connections = []
    for number in range(asked.connections):
        serial = f"BENCH-{number:03d}"
        said = bodies(serial, start, asked.rows, asked.requests, asked.strange_every)
        requests = iter([post(body, asked.key) for body in said])
        made = socket.create_connection(("127.0.0.1", asked.port))
        made.setblocking(False)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connections.append(Connection(made, requests))
    began = time.perf_counter()
    waits = sorted(run(connections))
    took = time.perf_counter() - began
    result = {
        "requests": len(waits),
        "requests_per_s": round(len(waits) / took),
        "rows_per_s": round(len(waits) * asked.rows / took),
        "p50_ms": round(waits[len(waits) // 2] * 1000, 2),
        "p95_ms": round(waits[int(len(waits) * 0.95)] * 1000, 2),
    }
    sys.stdout.write(json.dumps(result) + "\n")


if __name__ == "__main__":
    main()
