"""`manage.py bench ingest`: the lane beside a bare COPY, on servers of its own.

Everything is thrown away afterwards. The edge is one granian process; the load comes from another.
"""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import IO, Any, Final

import psycopg

from meters.management.benches._load import bodies
from meters.services.copying import copy_readings, encode, stream
from meters.services.samples import parse

EDGE_STARTS_S: Final = 60
KEY: Final = "plsk_bench"
METERS: Final = 64
COPY_ROWS: Final = 2_000
# rows a request: (connections, requests of each)
PLAN: Final = {1: (64, 400), 100: (16, 300), 500: (8, 120), 2000: (8, 40)}
ROOT: Final = Path(__file__).resolve().parents[3]


@dataclass
class Bench:
    """Running servers, and where to find them."""

    environment: dict[str, str]
    superuser_url: str
    ingest_url: str
    postgres: Any  # config.services.Postgres; config is not imported from below
    folder: Path
    port: int
    edge: subprocess.Popen[bytes]

    def kill_edge(self) -> None:
        """End the edge's processes as kill -9 does."""
        _kill(self.edge)

    def restart_edge(self) -> None:
        """Have an edge again, at the same address."""
        self.edge = start_edge(self.environment, self.port, self.folder)

    def kill_postgres(self) -> None:
        """End all of the database's processes as kill -9 does."""
        _kill(self.postgres.process)

    def restart_postgres(self) -> None:
        """Have the database again: it recovers from its log."""
        self.postgres.start()


def run() -> dict[str, Any]:
    """For `manage.py bench ingest`."""
    return measure(rounds=2)


def measure(rounds: int = 1) -> dict[str, Any]:
    """The figures of DESIGN §8 for ingest, measured in one run."""
    with servers() as bench:
        day = datetime.now(tz=UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        start = (day - timedelta(days=45)).replace(day=1)
        copies = []
        batches: dict[int, dict[str, Any]] = {}
        for rows, (connections, requests) in PLAN.items():
            copies.append(bare_copy(bench, start))  # between the others: the machine's speed varies
            tries = []
            for _ in range(rounds):
                empty(bench)
                tries.append(load(bench, rows, connections, requests, start))
            batches[rows] = max(tries, key=lambda found: found["rows_per_s"])
        copies.append(bare_copy(bench, start))
        empty(bench)
        with busy_tab(bench.port):
            beside = load(bench, 1, *PLAN[1], start)
    copy_rows = max(copies)
    return {
        "copy_rows_per_s": copy_rows,
        "batches": {
            str(rows): {key: found[key] for key in ("rows_per_s", "p95_ms")}
            | {"share_of_copy": round(found["rows_per_s"] / copy_rows, 2)}
            for rows, found in batches.items()
        },
        "single": {
            "requests_per_s": batches[1]["requests_per_s"],
            "p95_ms": batches[1]["p95_ms"],
            "connections": PLAN[1][0],
        },
        "single_beside_a_busy_tab": {
            "requests_per_s": beside["requests_per_s"],
            "p95_ms": beside["p95_ms"],
        },
    }


@contextmanager
def servers() -> Iterator[Bench]:
    """Throw-away PostgreSQL, Valkey and edge, with one tenant, its meters and a key."""
    # config wires the apps and nobody imports it; its servers are fetched by name.
    services, roles = import_module("config.services"), import_module("config.roles")
    with (
        tempfile.TemporaryDirectory(prefix="pulso-bench-") as folder,
        services.Postgres(Path(folder) / "postgres") as postgres,
        services.Valkey(Path(folder) / "valkey", durable=False) as valkey,
    ):
        urls = roles.create_roles(postgres.superuser_url(), "bench")
        environment = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "DATABASE_URL": urls["app"],
            **{
                f"DATABASE_{role.upper()}_URL": urls[role]
                for role in ("owner", "ingest", "ops", "backup")
            },
            "REDIS_URL": valkey.url(0),
        }
        subprocess.run(
            [sys.executable, "-m", "django", "migrate", "--database=owner", "--verbosity=0"],
            cwd=ROOT,
            env=environment,
            check=True,
            stdout=subprocess.DEVNULL,
        )
        superuser_url = postgres.superuser_url("bench")
        _prepare(superuser_url)
        port = services.free_port()
        edge = start_edge(environment, port, Path(folder))
        bench = Bench(
            environment, superuser_url, urls["ingest"], postgres, Path(folder), port, edge
        )
        try:
            yield bench
        finally:
            bench.edge.terminate()
            bench.edge.wait(15)


def _kill(process: subprocess.Popen[bytes]) -> None:
    os.killpg(process.pid, signal.SIGKILL)  # it leads a session that we started
    process.wait(10)


def start_edge(environment: dict[str, str], port: int, folder: Path) -> subprocess.Popen[bytes]:
    """One granian process that serves the edge; returns when it listens."""
    log = folder / "edge.log"
    with log.open("ab") as output:
        edge = _spawn_edge(environment, port, output)
    deadline = time.monotonic() + EDGE_STARTS_S
    while time.monotonic() < deadline and edge.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return edge
    raise RuntimeError(f"the edge did not start: {log.read_text()[-2000:]}")


def _spawn_edge(
    environment: dict[str, str], port: int, output: IO[bytes]
) -> subprocess.Popen[bytes]:
    spawned: subprocess.Popen[bytes] = import_module("config.services").spawn(
        [
            *(sys.executable, "-m", "granian", "config.asgi:application"),
            *("--interface", "asgi", "--host", "127.0.0.1", "--port", str(port)),
            *("--http", "1", "--no-ws", "--workers-kill-timeout", "5", "--log-level", "warning"),
        ],
        env=environment,
        cwd=ROOT,
        output=output,
    )
    return spawned


def bare_copy(bench: Bench, start: datetime) -> int:
    """Rows a second of binary COPY alone, from bytes made beforehand: one connection, the same
    rows in the same order and as durable as the lane's, 2,000 in each COPY."""
    empty(bench)
    connections, requests = PLAN[COPY_ROWS]
    said = [
        [parse(body) for body in bodies(f"BENCH-{number:03d}", start, COPY_ROWS, requests)]
        for number in range(connections)
    ]
    encoded = [
        encode(1, [number + 1] * COPY_ROWS, samples)
        for turn in zip(*said, strict=True)
        for number, samples in enumerate(turn)
    ]
    copies = [
        (copy_readings(month), stream(blocks))
        for part in encoded
        for month, blocks in part.rows.items()
    ]
    with psycopg.connect(bench.ingest_url, autocommit=True) as connection:
        for month in {month for part in encoded for month in part.rows}:
            connection.execute("SELECT meters_make_partition(%s)", [month])
        began = time.perf_counter()
        for statement, rows in copies:
            with connection.cursor() as cursor, cursor.copy(statement) as copy:
                copy.write(rows)
        took = time.perf_counter() - began
    return round(len(encoded) * COPY_ROWS / took)


def load(
    bench: Bench, rows: int, connections: int, requests: int, start: datetime
) -> dict[str, Any]:
    """What the load generator saw."""
    done = subprocess.run(
        [
            *(sys.executable, "-m", "meters.management.benches._load"),
            *("--port", str(bench.port), "--key", KEY, "--connections", str(connections)),
            *("--rows", str(rows), "--requests", str(requests), "--start", start.isoformat()),
        ],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@contextmanager
def busy_tab(port: int) -> Iterator[None]:
    """Somebody who opens a page of the office again and again, in the same edge process."""
    is_over = threading.Event()

    def visit() -> None:
        while not is_over.is_set():
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
            with contextlib.suppress(OSError, http.client.HTTPException):
                connection.request("GET", "/admin/login/")
                connection.getresponse().read()
            connection.close()

    browser = threading.Thread(target=visit, daemon=True)
    browser.start()
    try:
        yield
    finally:
        is_over.set()
        browser.join(30)


def empty(bench: Bench) -> None:
    """Start each measurement from an empty table."""
    with psycopg.connect(bench.superuser_url, autocommit=True) as connection:
        connection.execute("TRUNCATE pulso.meters_reading, pulso.meters_touched")
        connection.execute("CHECKPOINT")


def _prepare(superuser_url: str) -> None:
    with psycopg.connect(superuser_url) as connection:
        connection.execute("SET search_path = pulso")
        connection.execute(
            "INSERT INTO clients_tenant (public_id, name, slug, trade, status, legal_name, "
            "document, address, city, state, currency, locale, time_zone, is_demo, created_at) "
            "VALUES (gen_random_uuid(), 'Bench', 'bench', 'energy', 'active', '', '', '', '', '', "
            "'BRL', 'pt-br', 'America/Sao_Paulo', false, now())"
        )
        connection.execute(
            "INSERT INTO meters_meter (public_id, serial, model, kind, register_step, "
            "sample_seconds, is_active, registers_seen, created_at, tenant_id) "
            "SELECT gen_random_uuid(), 'BENCH-' || to_char(n, 'FM000'), '', 'energy', 1, 60, true, "
            "'{}', now(), t.id FROM clients_tenant t, generate_series(0, %s) AS n",
            [METERS - 1],
        )
        connection.execute(
            "INSERT INTO meters_devicekey (public_id, name, prefix, secret_sha256, "
            "rate_per_minute, created_at, tenant_id) "
            "SELECT gen_random_uuid(), 'Bench', '', %s, 100000000, now(), id FROM clients_tenant",
            [hashlib.sha256(KEY.encode()).digest()],
        )
        connection.execute(
            "INSERT INTO meters_devicekeymeter (device_key_id, meter_id, tenant_id) "
            "SELECT k.id, m.id, m.tenant_id FROM meters_devicekey k, meters_meter m"
        )
