"""The lane as processes of its own: limits that hold across them, a database that is stuck."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from clients.kernel.tenancy import acting_for
from clients.models import Tenant
from config.services import Valkey
from meters.models import DeviceKey, Meter, Reading
from meters.testing import make_key
from meters.tests.door import HOUR_AGO
from meters.tests.edges import Edges, post
from tests.rows import owner

pytestmark = pytest.mark.commits
LIMIT = 10
PACE_S = 0.1


def knock(ports: list[int], key: str, times: int) -> Counter[int]:
    """Statuses of requests at each port in turn."""
    statuses: Counter[int] = Counter()
    for turn in range(times):
        at = (HOUR_AGO + timedelta(seconds=turn)).isoformat()
        status, headers = post(ports[turn % len(ports)], key, {"measured_at": at, "power_w": 1})
        statuses[status] += 1
        if status == 429:
            assert 1 <= int(headers["retry-after"]) <= 60
        time.sleep(PACE_S)
    return statuses


def within_a_minute(meter: Meter, tenant: Tenant, ports: list[int], times: int) -> Counter[int]:
    """The same, with a new key, again if the clock's minute changed meanwhile."""
    while True:
        with acting_for(tenant.pk):
            key = make_key(meter, rate_per_minute=None).secret
        minute = int(time.time()) // 60
        statuses = knock(ports, key, times)
        if int(time.time()) // 60 == minute:
            return statuses


def test_the_limit_holds_across_processes_and_without_valkey(
    edges: Edges, valkey: Valkey, acacia: Tenant, meter: Meter
) -> None:
    ports = [edges.start(), edges.start()]

    together = within_a_minute(meter, acacia, ports, 3 * LIMIT)
    valkey.process.kill()
    valkey.process.wait(10)
    began = time.monotonic()
    apart = within_a_minute(meter, acacia, ports, 3 * LIMIT)

    assert set(together) == {200, 429}
    assert LIMIT <= together[200] <= LIMIT + 4  # what passes within the moment of sharing
    assert apart == {200: 2 * LIMIT, 429: LIMIT}
    assert time.monotonic() - began < 120


def test_a_stuck_database_makes_the_lane_say_so_and_loses_nothing(
    edges: Edges, acacia: Tenant, meter: Meter, key: str
) -> None:
    port = edges.start()
    assert post(port, key, {"measured_at": HOUR_AGO.isoformat(), "power_w": 0})[0] == 200
    acknowledged: set[datetime] = set()
    refusals: list[dict[str, str]] = []
    statuses: set[int] = set()

    def insist(second: int) -> None:
        at = HOUR_AGO + timedelta(seconds=second)
        for _try in range(200):
            status, headers = post(port, key, {"measured_at": at.isoformat(), "power_w": second})
            statuses.add(status)
            if status == 200:
                acknowledged.add(at)
                return
            refusals.append(headers)
            time.sleep(0.1)

    threads = [threading.Thread(target=insist, args=[second]) for second in range(1, 41)]
    with owner() as database:
        database.autocommit = False
        database.execute("LOCK TABLE meters_touched IN ACCESS EXCLUSIVE MODE")
        for thread in threads[:20]:
            thread.start()
        time.sleep(1.3)
        for thread in threads[20:]:
            thread.start()
        deadline = time.monotonic() + 8
        while len(refusals) < 20 and time.monotonic() < deadline:
            time.sleep(0.05)
        assert acknowledged == set()
        database.rollback()
    for thread in threads:
        thread.join(30)

    assert len(refusals) >= 20
    assert {headers["retry-after"] for headers in refusals} == {"1"}
    assert statuses == {200, 503}
    assert len(acknowledged) == 40
    with acting_for(acacia.pk):
        stored = set(Reading.objects.values_list("measured_at", flat=True))
    assert acknowledged <= stored
    assert len(stored) == 41


def test_the_edge_and_django_tell_the_time(edges: Edges, acacia: Tenant) -> None:
    from django.test import Client

    connection = http.client.HTTPConnection("127.0.0.1", edges.start(), timeout=10)
    connection.request("GET", "/api/v1/time")
    answer = connection.getresponse()
    at_the_edge = json.loads(answer.read())
    from_django = Client().get("/api/v1/time")

    for said in (at_the_edge, from_django.json()):
        at = datetime.fromisoformat(said["time"])
        assert abs(datetime.now(tz=UTC) - at) < timedelta(seconds=30)
        assert said["unix_ms"] // 1000 == said["unix"] == int(at.timestamp())
    assert answer.headers["cache-control"] == from_django["cache-control"] == "no-store"


def test_a_key_is_revoked_on_a_running_edge_within_two_seconds(
    edges: Edges, acacia: Tenant, key: str
) -> None:
    port = edges.start()
    body = {"measured_at": HOUR_AGO.isoformat(), "power_w": 0}
    assert post(port, key, body)[0] == 200

    with acting_for(acacia.pk):
        DeviceKey.objects.update(revoked_at=datetime.now(tz=UTC))
    began = time.monotonic()
    while post(port, key, body)[0] == 200:
        assert time.monotonic() - began < 2
        time.sleep(0.05)
