"""`manage.py chaos bodies --count 10000`: bodies that no one can understand, against a real edge.

Each is made wrong on purpose, so that whatever is stored of it is a fault of ours. No answer may be
5xx, nothing may be stored, and the edge's memory must not grow with what it refuses.
"""

from __future__ import annotations

import gzip
import http.client
import json
import random
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import psycopg

from meters.management.benches.ingest import KEY, servers

WARM_UP: Final = 2_000  # the first bodies fill caches and start threads
METER: Final = "BENCH-000"
SERVER_ERROR: Final = 500
ENDLESS: Final = [float("inf"), float("nan"), 10**400]
WRONG_VALUES: Final[list[tuple[str, list[Any]]]] = [
    ("power_w", [1e13, -1e13, *ENDLESS]),
    ("energy_import_wh", [-1, 1.5, 10**16, *ENDLESS]),
    ("energy_kwh", [-1, 1e13, 10**16, *ENDLESS]),
    ("1-0:1.8.0", [-1, 1e13, "12*V", "12,5*kWh", *ENDLESS]),
    ("unix", [0, 1e13, *ENDLESS]),  # a second time in the same reading
]


class Maker:
    """Makes bodies that are wrong, a kind at a time."""

    def __init__(self, chance: random.Random, start: datetime, meter: str) -> None:
        self.chance, self.start, self.meter = chance, start, meter
        self.kinds: list[Callable[[], bytes]] = [
            self.cut,
            self.noise,
            self.flipped,
            self.wrong_types,
            self.wrong_values,
            self.wrong_names,
            self.wrong_times,
            self.strange_text,
            self.deep,
            self.no_readings,
            self.wrong_meter,
            self.said_twice,
            self.old_form,
            self.broken_lines,
            self.odd_json,
            self.two_envelopes,
        ]

    def body(self) -> tuple[bytes, dict[str, str]]:
        """A body and its headers."""
        made = self.chance.choice(self.kinds)()
        way = self.chance.random()
        if way < 0.1:  # noqa: PLR2004
            return gzip.compress(made), {"Content-Encoding": "gzip"}
        if way < 0.13:  # noqa: PLR2004
            return gzip.compress(made)[: -self.chance.randint(1, 12)], {"Content-Encoding": "gzip"}
        if way < 0.16:  # noqa: PLR2004
            return made, {"Content-Encoding": self.chance.choice(["br", "deflate", "gzip, gzip"])}
        return made, {}

    def reading(self) -> dict[str, Any]:
        at = self.start + timedelta(seconds=self.chance.randint(0, 1_000_000))
        return {
            "measured_at": at.isoformat(),
            "meter": self.meter,
            "power_w": self.chance.uniform(-1e4, 1e4),
        }

    def several(self, change: Callable[[dict[str, Any]], None]) -> bytes:
        """Readings that are all wrong, in one of the forms."""
        rows = [self.reading() for _ in range(self.chance.choice([1, 1, 2, 20, 200]))]
        for row in rows:
            change(row)
        form = self.chance.randint(0, 3)
        if form == 0:
            return json.dumps(rows).encode()
        if form == 1:
            return json.dumps({"readings": rows}).encode()
        if form == 2:  # noqa: PLR2004
            return "\n".join(map(json.dumps, rows)).encode()
        return json.dumps(rows[0]).encode()

    def cut(self) -> bytes:
        whole = json.dumps([self.reading() for _ in range(self.chance.randint(1, 50))]).encode()
        return whole[: self.chance.randint(0, len(whole) - 1)]

    def noise(self) -> bytes:
        return bytes([255]) + self.chance.randbytes(self.chance.randint(0, 3_000))

    def flipped(self) -> bytes:
        """A byte that is not UTF-8 in the middle of a good reading."""
        whole = bytearray(json.dumps(self.reading()).encode())
        whole[self.chance.randrange(len(whole))] = self.chance.randint(0xF8, 0xFF)
        return bytes(whole)

    def wrong_types(self) -> bytes:
        wrong = ["1", True, [1], {"a": 1}, "NaN", ""]
        name = self.chance.choice(("power_w", "energy_import_wh", "energy_kwh", "1.8.0"))
        return self.several(lambda row: row.update({name: self.chance.choice(wrong)}))

    def wrong_values(self) -> bytes:
        name, wrong = self.chance.choice(WRONG_VALUES)
        return self.several(lambda row: row.update({name: self.chance.choice(wrong)}))

    def wrong_names(self) -> bytes:
        wrong = ["powr_w", "energy", "power_mw", "", "\x00", "a" * 5_000, "ü", "9.9.9", "readings"]
        return self.several(lambda row: row.update({self.chance.choice(wrong): 1}))

    def wrong_times(self) -> bytes:
        wrong: list[Any] = [
            "2026-02-30T00:00:00Z",
            "2026-01-01T25:00:00Z",
            "2025-W01-1",
            "2026-01-01",
            "2026-01-01T00:00:00",
            "now",
            "٢٠٢٦-٠١-٠١T00:00:00Z",
            "2016-12-31T23:59:60Z",
            "",
            None,
            [],
            1e400,
            17,
        ]
        return self.several(lambda row: row.update(measured_at=self.chance.choice(wrong)))

    def strange_text(self) -> bytes:
        wrong = ["\x00", "\ud800", "x" * 300]
        extra = {"a": self.chance.choice(wrong), "b": 1}
        return self.several(lambda row: row.update(extra=extra))

    def deep(self) -> bytes:
        opener = self.chance.choice([b"[", b'{"readings":', b'{"extra":{"a":', b'{"a":['])
        return opener * self.chance.choice([10, 500, 5_000, 100_000])

    def no_readings(self) -> bytes:
        return self.chance.choice(
            [b"", b" ", b"[]", b"{}", b"null", b"7", b'"x"', b'{"readings":[]}', b"[[]]", b"\n\n"]
        )

    def wrong_meter(self) -> bytes:
        wrong = ["nobody", "", "m" * 200, 5.5, [self.meter], self.meter + "\x00", self.meter + " "]
        return self.several(lambda row: row.update(meter=self.chance.choice(wrong)))

    def said_twice(self) -> bytes:
        row = json.dumps(self.reading())
        return (row[:-1] + ', "power_w": 1.5}').encode()

    def old_form(self) -> bytes:
        at = self.reading()["measured_at"]
        wrong: list[dict[str, Any]] = [
            {"metric": "energy", "value": 1},
            {"metric": "voltage", "value": "220"},
            {"metric": 5, "value": 1},
            {"metric": "", "value": 1},
            {"metric": "voltage", "value": True},
            {"metric": "energy_kwh", "value": -1},
            {"metric": "voltage", "value": 1, "colour": 2},
            {"metric": "voltage"},
            {"value": 1},
        ]
        return json.dumps(
            {"device_id": self.meter, "timestamp": at, **self.chance.choice(wrong)}
        ).encode()

    def broken_lines(self) -> bytes:
        line = b'{"measured_at": "x", "power_w": 1}'
        return b"\n".join([line, line[:-5], b"]", line + line][: self.chance.randint(2, 4)])

    def odd_json(self) -> bytes:
        """Valid by JSON's grammar, and still no text, number or depth of ours."""
        odd = [
            '"energy_kwh": 1e99999999999999999999',
            '"voltage": 1e-99999999999999999999',
            '"power_w": 1, "extra": {"a": 1e400}',
            '"power_w": 1, "extra": {"a": ' + "9" * 5_000 + "}",
            '"energy_kwh": -0.0001',
            '"power_w": 1, "meter": ' + "9" * 30,
            '"power_w": 1, "\\ud800": 1',
            '"power_w": 1, "timestamp": "\\ud800"',
            '"power_w": 1,\r"power_w": 2',
            '"foo": ' + '{"a": ' * 700 + "1" + "}" * 700,
        ]
        at = self.reading()["measured_at"]
        rows = [
            f'{{"measured_at": "{at}", {self.chance.choice(odd)}}}'
            for _ in range(self.chance.choice([1, 1, 2, 20]))
        ]
        return self.chance.choice(["[" + ",".join(rows) + "]", "\n".join(rows), rows[0]]).encode()

    def two_envelopes(self) -> bytes:
        one, other = json.dumps([self.reading()]), json.dumps([self.reading()])
        return f'{{"readings": {one}, "readings": {other}}}'.encode()


def bodies(count: int, seed: int, meter: str) -> Iterator[tuple[bytes, dict[str, str]]]:
    """`count` bodies of which nothing may be stored."""
    chance = random.Random(seed)  # noqa: S311 - not for secrets
    maker = Maker(chance, datetime.now(tz=UTC) - timedelta(days=20), meter)
    for _ in range(count):
        yield maker.body()


def run(count: int = 10_000, seed: int = 0) -> dict[str, Any]:
    """Post them all: what was answered and what was left behind.

    `server_errors` and `wrongly_stored` must be 0."""
    with servers() as bench:
        target = Target(bench.port, KEY, bench.edge.pid, METER)
        assault(target, WARM_UP, seed + 1)
        found = assault(target, count, seed)
        with psycopg.connect(bench.superuser_url) as connection:
            found["wrongly_stored"] = _count(connection, "meters_reading")
            found["quarantined"] = _count(connection, "meters_quarantine")
        return {"bodies": {"count": count, "seed": seed, **found}}


@dataclass(frozen=True, slots=True)
class Target:
    """A running edge, its process, and a key with its meter."""

    port: int
    key: str
    pid: int
    meter: str


def assault(target: Target, count: int, seed: int) -> dict[str, Any]:
    """What was answered, and the edge's memory before, ten times meanwhile, and after."""
    statuses: Counter[int] = Counter()
    memory = [memory_mb(target.pid)]
    began = time.monotonic()
    connection = http.client.HTTPConnection("127.0.0.1", target.port, timeout=60)
    for number, (body, headers) in enumerate(bodies(count, seed, target.meter), 1):
        try:
            statuses[_status(connection, target.key, body, headers)] += 1
        except (http.client.HTTPException, OSError):
            connection.close()  # it was kept open too long; a dead edge fails the second try
            statuses[_status(connection, target.key, body, headers)] += 1
        if number % max(1, count // 10) == 0:
            memory.append(memory_mb(target.pid))
    connection.close()
    return {
        "statuses": {str(status): n for status, n in sorted(statuses.items())},
        "server_errors": sum(n for status, n in statuses.items() if status >= SERVER_ERROR),
        "bodies_per_s": round(count / (time.monotonic() - began)),
        "rss_before_mb": memory[0],
        "rss_after_mb": memory[-1],
        "rss_mb": memory,
    }


def _status(connection: Any, key: str, body: bytes, headers: dict[str, str]) -> int:
    sent = {"Authorization": f"Bearer {key}", "Content-Type": "application/json", **headers}
    connection.request("POST", "/api/v1/ingest", body, sent)
    answer = connection.getresponse()
    answer.read()
    status: int = answer.status
    return status


def memory_mb(pid: int) -> float:
    """What the process and those it started have in memory; 0 where the system does not say."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return 0.0
    own = re.search(r"^VmRSS:\s+(\d+) kB", status, re.MULTILINE)
    kilobytes = int(own[1]) if own else 0
    return round(kilobytes / 1024 + sum(memory_mb(int(child)) for child in children), 1)


def _count(connection: psycopg.Connection[Any], table: str) -> int:
    row = connection.execute(f"SELECT count(*) FROM pulso.{table}".encode()).fetchone()
    return int(row[0]) if row else 0
