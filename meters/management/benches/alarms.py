"""`manage.py bench alarms`: from the ingest answer to the alarm, with a real edge and worker.

Servers of their own, thrown away afterwards. First what ten rules cost: rows judged in a second.
Then the wait: a reading crosses a limit, and the clock runs from the edge's answer until another
connection sees the alarm committed; once alone, once beside 5,000 rows a second.
"""

from __future__ import annotations

import http.client
import json
import random
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import psycopg

from meters.management.benches._load import bodies
from meters.management.benches.ingest import KEY, METERS, ROOT, Bench, load, servers, worker

ROUNDS: Final = 5
RINGING: Final = 40  # meters that cross a limit, the others make the load beside
SPACING_S: Final = (0.02, 0.08)
LONGEST_WAIT_S: Final = 15.0
POLL_S: Final = 0.004
LOAD_ROWS: Final = 500
LOAD_EVERY_S: Final = 0.1
TEN_RULES: Final = (
    ("threshold", "voltage_l1_v", "<", 198.0, 0, None, 0.0, None),
    ("threshold", "voltage_l2_v", "<", 198.0, 300, None, 2.0, None),
    ("threshold", "voltage_l3_v", ">", 242.0, 300, None, 2.0, None),
    ("threshold", "current_total_a", ">", 50.0, 60, None, 0.0, None),
    ("threshold", "voltage_unbalance_percent", ">", 3.0, 0, None, 0.0, None),
    ("threshold", "power_w", ">", 1000.0, 60, None, 50.0, None),
    ("threshold", "power_factor", "<", 0.92, 600, None, 0.0, None),
    ("threshold", "frequency_hz", "!=", 60.01, 0, None, 0.0, None),
    ("rate", "energy_import_wh", ">", 1e9, 0, 900, 0.0, None),
    ("threshold", "power_l1_w", ">=", 1e6, 0, None, 0.0, "08:00"),
)


def run() -> dict[str, Any]:
    """For `manage.py bench alarms`."""
    with servers() as bench, psycopg.connect(bench.superuser_url, autocommit=True) as database:
        database.execute("SET search_path = pulso")
        database.execute("DELETE FROM meters_alarmrule")
        _make_rules(database)
        found = {"rules": len(TEN_RULES), **_throughput(bench)}
        with worker(bench):
            alone = _waits(bench, database)
            with _load_beside(bench):
                beside = _waits(bench, database)
        return {**found, "alone": _told(alone), "beside_5000_rows_per_s": _told(beside)}


def _make_rules(database: psycopg.Connection[Any]) -> None:
    for number, rule in enumerate(TEN_RULES):
        database.execute(
            "INSERT INTO meters_alarmrule (public_id, name, kind, metric, operator, threshold, "
            "for_seconds, window_seconds, hysteresis, daily_from, daily_until, weekdays, severity, "
            "scope, tells, is_enabled, active_since, created_at, tenant_id) SELECT "
            "gen_random_uuid(), %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, '{}', 'warning', 'tenant', "
            "'managers', true, now() - interval '30 days', now(), id FROM clients_tenant",
            [f"Rule {number}", *rule, "20:00" if rule[-1] else None],
        )


def _throughput(bench: Bench) -> dict[str, Any]:
    """Rows a second that ten rules judge, after their intervals are computed."""
    rows, connections, requests = 2_000, 8, 8
    start = datetime.now(tz=UTC) - timedelta(days=2)  # before what the load beside says
    load(bench, rows, connections, requests, start)
    with psycopg.connect(bench.superuser_url) as database:
        tenant = database.execute("SELECT id FROM pulso.clients_tenant").fetchone()
    assert tenant is not None  # noqa: S101 - made with the servers
    done = subprocess.run(
        [sys.executable, "-m", "meters.management.benches._judge", str(tenant[0])],
        cwd=ROOT,
        env={**bench.environment, "NUDGES_ENABLED": "0"},
        check=True,
        capture_output=True,
    )
    took = json.loads(done.stdout.splitlines()[-1])
    total = rows * connections * requests
    return {
        "rows": total,
        "judged_rows_per_s": round(total / took["judged_s"]),
        "computed_rows_per_s": round(total / took["computed_s"]),
        "events": took["events"],
    }


def _post(connection: http.client.HTTPConnection, body: bytes) -> float:
    """Send; the instant of the answer."""
    headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
    connection.request("POST", "/api/v1/ingest", body, headers)
    answer = connection.getresponse()
    said = answer.read()
    heard = time.perf_counter()
    if answer.status != http.client.OK:
        raise RuntimeError(f"the edge refused: {said[:300]!r}")
    return heard


def _reading(serial: str, volts: float) -> bytes:
    at = datetime.now(tz=UTC).isoformat()
    return json.dumps({"meter": serial, "measured_at": at, "voltage_l1_v": volts}).encode()


def _waits(bench: Bench, database: psycopg.Connection[Any]) -> list[float]:
    """How long each alarm took from the answer until it was seen, in seconds."""
    rule = "(SELECT min(id) FROM meters_alarmrule)"
    meters = dict(database.execute("SELECT serial, id FROM meters_meter").fetchall())
    serials = [f"BENCH-{number:03d}" for number in range(METERS - RINGING, METERS)]
    connection = http.client.HTTPConnection("127.0.0.1", bench.port, timeout=30)
    waits: list[float] = []
    for turn in range(ROUNDS + 1):
        answered: dict[int, float] = {}
        seen: dict[int, float] = {}
        newest = database.execute("SELECT coalesce(max(id), 0) FROM meters_alarmevent").fetchone()
        watcher = threading.Thread(
            target=_watch, args=(bench.superuser_url, rule, newest[0] if newest else 0, seen)
        )
        watcher.start()
        for serial in serials:
            answered[meters[serial]] = _post(connection, _reading(serial, 180.0))
            time.sleep(random.uniform(*SPACING_S))  # noqa: S311 - not a secret
        watcher.join()
        if turn:  # the first finds a worker that has just begun
            waits += [seen.get(meter, float("inf")) - at for meter, at in answered.items()]
        for serial in serials:
            _post(connection, _reading(serial, 220.0))
        _until_normal(database, rule)
    return waits


def _until_normal(database: psycopg.Connection[Any], rule: str) -> None:
    """What still rings would not ring again, and count as missed."""
    until = time.perf_counter() + LONGEST_WAIT_S
    still = f"SELECT FROM meters_alarmevent WHERE rule_id = {rule} AND cleared_at IS NULL LIMIT 1"
    while database.execute(still).fetchone() is not None and time.perf_counter() < until:
        time.sleep(0.1)


def _watch(url: str, rule: str, newest: int, seen: dict[int, float]) -> None:
    """Note when another connection first sees each new alarm."""
    until = time.perf_counter() + LONGEST_WAIT_S
    with psycopg.connect(url, autocommit=True) as database:
        database.execute("SET search_path = pulso")
        while len(seen) < RINGING and time.perf_counter() < until:
            rows = database.execute(
                f"SELECT meter_id FROM meters_alarmevent WHERE id > %s AND rule_id = {rule}",
                [newest],
            ).fetchall()
            for (meter_id,) in rows:
                seen.setdefault(meter_id, time.perf_counter())
            time.sleep(POLL_S)


@contextmanager
def _load_beside(bench: Bench) -> Iterator[None]:
    """5,000 rows a second of other meters."""
    is_over = threading.Event()
    start = datetime.now(tz=UTC) - timedelta(hours=12)
    senders = METERS - RINGING
    said = [bodies(f"BENCH-{n:03d}", start, LOAD_ROWS, 40) for n in range(senders)]

    def send() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", bench.port, timeout=30)
        for turn in range(40):
            for its in said:
                if is_over.is_set():
                    return
                _post(connection, its[turn])
                time.sleep(LOAD_EVERY_S)

    sender = threading.Thread(target=send, daemon=True)
    sender.start()
    try:
        yield
    finally:
        is_over.set()
        sender.join(30)


def _told(waits: list[float]) -> dict[str, Any]:
    known = sorted(wait for wait in waits if wait < LONGEST_WAIT_S)
    found: dict[str, Any] = {"alarms": len(waits), "missed": len(waits) - len(known)}
    if known:
        found["p50_s"] = round(statistics.median(known), 3)
        found["p95_s"] = round(known[int(len(known) * 0.95)], 3)
        found["max_s"] = round(known[-1], 3)
    return found
