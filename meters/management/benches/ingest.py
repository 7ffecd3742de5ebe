"""`manage.py bench ingest`: the lane beside a bare COPY, on servers of its own.

Everything is thrown away afterwards. The edge is one granian process; the load comes from another.
"""

from __future__ import annotations

import contextlib
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
STRANGE_EVERY: Final = 10  # requests
RULES: Final = 10
CHAINS: Final = 7
CHAIN_S: Final = 60.0
DRAIN_S: Final = 600.0
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
        empty(bench)
        everything = everything_on(bench, start, copy_rows)
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
        "everything_on": everything,
    }


def everything_on(bench: Bench, start: datetime, copy_rows: int) -> dict[str, Any]:
    """The same with alarm rules, rates shared through Valkey and a clock of 1970 in every tenth
    request: the edge alone, then beside a worker that computes intervals and judges alarms."""
    with psycopg.connect(bench.superuser_url, autocommit=True) as database:
        alone = _both(bench, start, copy_rows)
        empty(bench)
        with worker(bench):
            before = time.perf_counter()
            beside = _both(bench, start, copy_rows)
            loaded_s = time.perf_counter() - before
            rows = _number(database, "SELECT count(*) FROM pulso.meters_reading")
            _until(database, "SELECT NOT EXISTS (SELECT FROM pulso.meters_touched)", DRAIN_S)
            kept_up_s = time.perf_counter() - before
            waits = [_chain(bench, database, number) for number in range(CHAINS)]
        quarantined = _number(database, "SELECT count(*) FROM pulso.meters_quarantine")
    return {
        "alarm_rules": RULES,
        "edge_alone": alone,
        "beside_a_worker": {
            **beside,
            "stored_rows": rows,
            "load_s": round(loaded_s, 1),
            "until_all_intervals_s": round(kept_up_s, 1),
        },
        "answer_to_interval_s": _middle([wait[0] for wait in waits]),
        "answer_to_alarm_s": _middle([wait[1] for wait in waits]),
        "quarantined": quarantined,
    }


def _both(bench: Bench, start: datetime, copy_rows: int) -> dict[str, Any]:
    many = load(bench, COPY_ROWS, *PLAN[COPY_ROWS], start, strange_every=STRANGE_EVERY)
    single = load(bench, 1, *PLAN[1], start + timedelta(days=8), strange_every=STRANGE_EVERY)
    return {
        "rows_per_s": many["rows_per_s"],
        "share_of_copy": round(many["rows_per_s"] / copy_rows, 2),
        "p95_ms": many["p95_ms"],
        "single_requests_per_s": single["requests_per_s"],
        "single_p95_ms": single["p95_ms"],
    }


@contextmanager
def worker(bench: Bench) -> Iterator[None]:
    """A Celery worker as `up` starts it, without the scheduler: doorbells alone drive it."""
    children = import_module("config.commands.children")
    log = bench.folder / "worker.log"
    with log.open("ab") as output:
        process = import_module("config.services").spawn(
            children.worker(), env=bench.environment, cwd=ROOT, output=output
        )
    try:
        yield
    finally:
        _kill(process)  # what it has not finished is thrown away with the servers


def _chain(bench: Bench, database: psycopg.Connection[Any], number: int) -> tuple[float, float]:
    """Seconds from the answer to a reading until its interval is there, and until it rings."""
    serial, at = f"BENCH-{number:03d}", datetime.now(tz=UTC) - timedelta(minutes=1)
    reading = {"meter": serial, "measured_at": at.isoformat(), "power_w": 1.0, "voltage_l1_v": 9.0}
    connection = http.client.HTTPConnection("127.0.0.1", bench.port, timeout=30)
    headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
    connection.request("POST", "/api/v1/ingest", json.dumps(reading), headers)
    connection.getresponse().read()
    connection.close()
    answered = time.perf_counter()
    meter = f"(SELECT id FROM pulso.meters_meter WHERE serial = '{serial}')"
    computed = (
        f"SELECT EXISTS (SELECT FROM pulso.meters_interval WHERE meter_id = {meter} "
        "AND starts_at > now() - interval '20 min')"
    )
    rung = f"SELECT EXISTS (SELECT FROM pulso.meters_alarmevent WHERE meter_id = {meter})"
    _until(database, computed, CHAIN_S)
    interval_s = time.perf_counter() - answered
    _until(database, rung, CHAIN_S)
    return interval_s, time.perf_counter() - answered


def _until(database: psycopg.Connection[Any], question: str, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not _number(database, question):
        if time.monotonic() > deadline:
            raise TimeoutError(f"after {seconds:g} s still not: {question}")
        time.sleep(0.02)


def _number(database: psycopg.Connection[Any], question: str) -> int:
    row = database.execute(question.encode()).fetchone()
    return int(row[0]) if row else 0


def _middle(waits: list[float]) -> dict[str, float]:
    return {"median": round(sorted(waits)[len(waits) // 2], 2), "longest": round(max(waits), 2)}


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
        _stock(environment)
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
    bench: Bench,
    rows: int,
    connections: int,
    requests: int,
    start: datetime,
    *,
    strange_every: int = 0,
) -> dict[str, Any]:
    """What the load generator saw."""
    done = subprocess.run(
        [
            *(sys.executable, "-m", "meters.management.benches._load"),
            *("--port", str(bench.port), "--key", KEY, "--connections", str(connections)),
            *("--rows", str(rows), "--requests", str(requests), "--start", start.isoformat()),
            *("--strange-every", str(strange_every)),
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


def _stock(environment: dict[str, str]) -> None:
    subprocess.run(
        [
            *(sys.executable, "-m", "meters.management.benches._stock"),
            *("--secret", KEY, "--meters", str(METERS), "--rules", str(RULES)),
        ],
        cwd=ROOT,
        env=environment,
        check=True,
        stdout=subprocess.DEVNULL,
    )
