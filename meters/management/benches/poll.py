"""`manage.py bench poll`: 500 simulated meters on 50 buses, some dead, some slow, every 30 seconds.

The fleet, the poller and PostgreSQL are processes of their own; what is counted is the poller's
alone. How late a question was is told by the poller, that nothing is missing by what is stored.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import psycopg

ROOT: Final = Path(__file__).resolve().parents[3]
METERS, BUSES, DEAD, SLOW = 500, 50, 25, 25
PERIOD_S: Final = 30
SETTLING_S: Final = 95.0  # three rounds: all are new at once, and turns find their places
MEASURED_S: Final = 180.0
LATE_S: Final = 1.0
TICKS: Final = os.sysconf("SC_CLK_TCK")
PAGE_MB: Final = os.sysconf("SC_PAGE_SIZE") / 1e6


@dataclass
class Bench:
    """A running database with one company in it."""

    environment: dict[str, str]
    superuser_url: str
    folder: Path


@dataclass
class Usage:
    """What a process has used so far."""

    cpu_s: float
    rss_mb: float


def run() -> dict[str, Any]:
    """For `manage.py bench poll`."""
    with servers() as bench:
        fleet = _start(
            bench,
            *("simulate_fleet", "--modbus", str(METERS), "--buses", str(BUSES)),
            *("--dead", str(DEAD), "--slow", str(SLOW), "--connect", "bench", "--json"),
            output=subprocess.PIPE,
        )
        try:
            kinds = _kinds(fleet)
            return measure(bench, kinds)
        finally:
            _end(fleet)


@contextmanager
def servers() -> Iterator[Bench]:
    """A throw-away PostgreSQL with one company."""
    # config wires the apps and nobody imports it; its servers are fetched by name.
    services, roles = import_module("config.services"), import_module("config.roles")
    with (
        tempfile.TemporaryDirectory(prefix="pulso-bench-") as folder,
        services.Postgres(Path(folder) / "postgres") as postgres,
    ):
        urls = roles.create_roles(postgres.superuser_url(), "bench")
        environment = {
            **os.environ,
            **{f"DATABASE_{role.upper()}_URL": url for role, url in urls.items() if role != "app"},
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "DATABASE_URL": urls["app"],
            "POLL_NETWORKS": "127.0.0.0/8",
            "NUDGES_ENABLED": "0",
            "LOG_LEVEL": "ERROR",
        }
        bench = Bench(environment, postgres.superuser_url("bench"), Path(folder))
        migrating = _start(bench, "migrate", "--database=owner", "--verbosity=0", output=None)
        if migrating.wait():
            raise RuntimeError("the tables could not be made")
        with psycopg.connect(bench.superuser_url) as connection:
            connection.execute(
                "INSERT INTO pulso.clients_tenant (public_id, name, slug, trade, status, "
                "legal_name, document, address, city, state, currency, locale, time_zone, "
                "is_demo, created_at) VALUES (gen_random_uuid(), 'Bench', 'bench', 'energy', "
                "'active', '', '', '', '', '', 'BRL', 'pt-br', 'America/Sao_Paulo', false, now())"
            )
        yield bench


def measure(bench: Bench, kinds: dict[str, str]) -> dict[str, Any]:
    """Poll for some minutes and say what happened."""
    trace = bench.folder / "trace.jsonl"
    poller = _start(bench, "poll", "--trace", str(trace), output=subprocess.DEVNULL)
    try:
        time.sleep(SETTLING_S)
        before, began = usage(poller.pid), time.monotonic()
        time.sleep(MEASURED_S)
        after, ended = usage(poller.pid), time.monotonic()
    finally:
        _end(poller)
    serials = _serials(bench)
    asked = [json.loads(line) for line in trace.read_text().splitlines()]
    for each in asked:
        each["kind"] = kinds[serials[each["id"]]]
    return {
        "meters": METERS,
        "buses": BUSES,
        "dead": DEAD,
        "slow": SLOW,
        "period_s": PERIOD_S,
        "first_rounds": lateness([e for e in asked if e["at"] < began]),
        "settled": lateness([e for e in asked if began <= e["at"] < ended]),
        "measured_s": round(ended - began, 1),
        "questions": sum(began <= e["at"] < ended for e in asked),
        "cpu_s": round(after.cpu_s - before.cpu_s, 2),
        "cpu_share": round((after.cpu_s - before.cpu_s) / (ended - began), 4),
        "rss_mb": round(after.rss_mb, 1),
        "gaps": gaps(bench, kinds),
    }


def lateness(asked: list[dict[str, Any]]) -> dict[str, Any]:
    """How late healthy meters were asked, in seconds; `late` are those beyond a second."""
    found = {}
    for kind in ("healthy", "slow"):
        late = sorted(each["late_s"] for each in asked if each["kind"] == kind)
        failed = sum(bool(each["error"]) for each in asked if each["kind"] == kind)
        found[kind] = {
            "questions": len(late),
            "p95_s": round(late[int(len(late) * 0.95)], 3) if late else None,
            "max_s": round(late[-1], 3) if late else None,
            "late": sum(each > LATE_S for each in late),
            "failed": failed,
        }
    return found


def gaps(bench: Bench, kinds: dict[str, str]) -> dict[str, Any]:
    """The longest time between two readings of a meter that answers, from what is stored."""
    with psycopg.connect(bench.superuser_url) as connection:
        rows = connection.execute(
            "SELECT m.serial, extract(epoch FROM max(r.gap)), count(*) FROM ("
            " SELECT meter_id, measured_at - lag(measured_at) OVER "
            " (PARTITION BY meter_id ORDER BY measured_at) AS gap FROM pulso.meters_reading) r "
            "JOIN pulso.meters_meter m ON m.id = r.meter_id GROUP BY 1"
        ).fetchall()
    healthy = [(float(gap), count) for serial, gap, count in rows if kinds[serial] == "healthy"]
    return {
        "meters_with_readings": len(rows),
        "longest_s": round(max(gap for gap, _count in healthy), 2),
        "fewest_readings": min(count for _gap, count in healthy),
        "readings": sum(count for _serial, _gap, count in rows),
    }


def usage(pid: int) -> Usage:
    """CPU time and resident memory of a process, from /proc."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    resident = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return Usage((int(fields[11]) + int(fields[12])) / TICKS, resident * PAGE_MB)


def _start(bench: Bench, *command: str, output: int | None) -> subprocess.Popen[bytes]:
    """One of our commands, which ends with us."""
    started: subprocess.Popen[bytes] = import_module("config.processes").spawn(
        [sys.executable, "-m", "django", *command],
        cwd=ROOT,
        env=bench.environment,
        output=output,
    )
    return started


def _kinds(fleet: subprocess.Popen[bytes]) -> dict[str, str]:
    """Serial → healthy, slow or dead, once the connections are entered."""
    assert fleet.stdout is not None  # noqa: S101 # we asked for a pipe
    kinds: dict[str, str] = {}
    for line in fleet.stdout:
        if line.startswith(b"{"):
            place = json.loads(line)
            kinds[place["serial"]] = place["kind"]
        elif b"entered" in line:
            return kinds
    raise RuntimeError("the fleet did not start")


def _serials(bench: Bench) -> dict[int, str]:
    with psycopg.connect(bench.superuser_url) as connection:
        return dict(
            connection.execute(
                "SELECT c.id, m.serial FROM pulso.meters_connection c "
                "JOIN pulso.meters_meter m ON m.id = c.meter_id"
            ).fetchall()
        )


def _end(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        process.wait(15)
        return
    process.kill()
    process.wait()
