"""`manage.py chaos ingest`: kill -9 under load, again and again, and look for what was promised.

Writers post batches and note what was acknowledged; what was not, they send again, as a device
would. Meanwhile the edge or PostgreSQL is killed at random instants and started again. In the end
every acknowledged reading must be stored, and none twice.
"""

from __future__ import annotations

import http.client
import json
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import psycopg

from meters.management.benches.ingest import KEY, Bench, servers

WRITERS: Final = 4
BATCH: Final = 20
CALM_S: Final = (0.3, 1.0)  # between a recovery and the next kill
RECOVERY_S: Final = 30.0


@dataclass
class Writer:
    """One sender: its journal of acknowledged instants, and how often it had to ask again."""

    number: int
    port: int
    start: datetime
    acknowledged: list[datetime] = field(default_factory=list)
    unanswered: int = 0
    statuses: set[int] = field(default_factory=set)
    stopping: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """Send batch after batch; each again until it is acknowledged."""
        batch = 0
        while not self.stopping.is_set():
            first = batch * BATCH
            instants = [self.start + timedelta(seconds=first + n) for n in range(BATCH)]
            while not self._acknowledges(instants):
                self.unanswered += 1
                if self.stopping.wait(0.05):
                    return
            self.acknowledged += instants
            batch += 1

    def _acknowledges(self, instants: list[datetime]) -> bool:
        rows = [
            {
                "measured_at": at.isoformat(),
                "meter": f"BENCH-{self.number:03d}",
                "power_w": float(place),
            }
            for place, at in enumerate(instants)
        ]
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
            connection.request("POST", "/api/v1/ingest", json.dumps(rows), headers)
            answer = connection.getresponse()
            said = json.loads(answer.read())
        except (OSError, http.client.HTTPException, ValueError):
            return False
        finally:
            connection.close()
        self.statuses.add(answer.status)
        return answer.status == 200 and said["accepted"] + said["duplicates"] == len(instants)  # noqa: PLR2004


def run(kills: int = 10, seed: int = 0) -> dict[str, Any]:
    """Kill the edge `kills` times, then PostgreSQL as often; what was found. Raises nothing:
    `lost` and `twice` must be 0."""
    found: dict[str, Any] = {"kills_of_each": kills, "seed": seed}
    with servers() as bench:
        for name, kill, restart in (
            ("edge", bench.kill_edge, bench.restart_edge),
            ("postgres", bench.kill_postgres, bench.restart_postgres),
        ):
            found[name] = _assault(bench, kill, restart, kills, random.Random(f"{seed}-{name}"))  # noqa: S311
    return found


def _assault(
    bench: Bench,
    kill: Callable[[], None],
    restart: Callable[[], None],
    kills: int,
    chance: random.Random,
) -> dict[str, Any]:
    day = datetime.now(tz=UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    with psycopg.connect(bench.superuser_url, autocommit=True) as connection:
        connection.execute("TRUNCATE pulso.meters_reading, pulso.meters_touched")
    writers = [
        Writer(number, bench.port, day - timedelta(days=60 + number)) for number in range(WRITERS)
    ]
    threads = [threading.Thread(target=writer.run, daemon=True) for writer in writers]
    for thread in threads:
        thread.start()
    recoveries = []
    for _ in range(kills):
        time.sleep(chance.uniform(*CALM_S))
        kill()
        restart()
        recoveries.append(_recovered(writers))
    time.sleep(CALM_S[0])
    for writer in writers:
        writer.stopping.set()
    for thread in threads:
        thread.join(RECOVERY_S)
    return _judge(bench, writers, recoveries)


def _recovered(writers: list[Writer]) -> float:
    """How long it takes until every writer is acknowledged again."""
    before = [len(writer.acknowledged) for writer in writers]
    began = time.monotonic()
    while time.monotonic() - began < RECOVERY_S:
        after = [len(writer.acknowledged) for writer in writers]
        if all(now > then for now, then in zip(after, before, strict=True)):
            break
        time.sleep(0.02)
    return time.monotonic() - began


def _judge(bench: Bench, writers: list[Writer], recoveries: list[float]) -> dict[str, Any]:
    with psycopg.connect(bench.superuser_url) as connection:
        rows = connection.execute(
            "SELECT m.serial, r.measured_at FROM pulso.meters_reading r "
            "JOIN pulso.meters_meter m ON m.id = r.meter_id"
        ).fetchall()
    stored = set(rows)
    promised = {
        (f"BENCH-{writer.number:03d}", at) for writer in writers for at in writer.acknowledged
    }
    return {
        "acknowledged": len(promised),
        "stored": len(rows),
        "lost": len(promised - stored),
        "twice": len(rows) - len(stored),
        "sent_again": sum(writer.unanswered for writer in writers),
        "statuses": sorted(set().union(*(writer.statuses for writer in writers))),
        "slowest_recovery_s": round(max(recoveries), 2),
    }
