from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db.models.functions import Now
from django.utils.translation import override

from clients.kernel.tenancy import acting_for
from clients.models import Tenant
from meters.errors import ForwardingRefused
from meters.models import Change, ForwardBatch, ForwardedMeter, Forwarder, Reading
from meters.services import forwarding
from meters.services.intervals import recompute_all_touched
from meters.services.keys import revoke_key
from meters.testing import keep_readings, make_key, make_meter
from meters.tests.edges import Edges

pytestmark = pytest.mark.commits
NOW = datetime.now(tz=UTC).replace(microsecond=0)
START = NOW.replace(minute=0, second=0) - timedelta(hours=8)
ROOT = Path(__file__).resolve().parents[3]
SENDER = """
import django
django.setup()
from meters.services import forwarding
while forwarding.deliver(1):
    pass
"""


def rows(count: int, *, every: timedelta = timedelta(minutes=1)) -> list[dict[str, Any]]:
    return [
        {
            "measured_at": START + n * every,
            "energy_import_wh": n,
            "power_w": 0.1 * n,
            "extra": {"n": n},
        }
        for n in range(count)
    ]


def forwarder(tenant: Tenant, url: str, key: str, **fields: Any) -> Forwarder:
    return Forwarder.objects.create(
        **{"tenant": tenant, "name": "Head office", "url": url, "device_key": key, **fields}
    )


def everything_is_due() -> None:
    ForwardBatch.objects.filter(due_at__isnull=False).update(
        due_at=Now() - timedelta(seconds=1), leased_until=None
    )


def gather(tenant: Tenant) -> None:
    recompute_all_touched(tenant.pk)
    more = 1
    while more:
        with acting_for(tenant.pk):
            more = forwarding.gather()


def send_all(tenant: Tenant) -> None:
    with acting_for(tenant.pk):
        everything_is_due()
    while forwarding.deliver():
        pass


def readings(tenant: Tenant) -> list[tuple[Any, ...]]:
    with acting_for(tenant.pk):
        return list(
            Reading.objects.order_by("meter__serial", "measured_at").values_list(
                "meter__serial", "measured_at", "energy_import_wh", "power_w", "extra"
            )
        )


@pytest.fixture
def there(edges: Edges, settings: Any) -> str:
    port = edges.start()
    settings.HTTP_ALLOWED_PRIVATE = [f"127.0.0.1:{port}"]
    return f"http://127.0.0.1:{port}"


def test_new_readings_go_on_and_arrive_once(there: str, acacia: Tenant, baobab: Tenant) -> None:
    with acting_for(baobab.pk):
        key = make_key(make_meter(tenant=baobab, serial="A"), make_meter(tenant=baobab, serial="X"))
    with acting_for(acacia.pk):
        one, two = make_meter(tenant=acacia, serial="A"), make_meter(tenant=acacia, serial="B")
        found = forwarder(acacia, there, key.secret)
        forwarding.check(found)
        ForwardedMeter.objects.create(tenant=acacia, forwarder=found, meter=one)
        ForwardedMeter.objects.create(tenant=acacia, forwarder=found, meter=two, name_there="X")

    keep_readings(one, rows(90), now=NOW)
    keep_readings(two, rows(30), now=NOW)
    gather(acacia)
    with acting_for(acacia.pk):
        assert ForwardBatch.objects.count() == 1
        assert not Change.objects.filter(follower=forwarding.FOLLOWER).exists()
    send_all(acacia)
    keep_readings(one, rows(95), now=NOW)  # the last five are new
    gather(acacia)
    send_all(acacia)

    arrived = readings(baobab)
    assert [row[1:] for row in arrived if row[0] == "A"] == [
        row[1:] for row in readings(acacia) if row[0] == "A"
    ]
    assert [row[1:] for row in arrived if row[0] == "X"] == [
        row[1:] for row in readings(acacia) if row[0] == "B"
    ]
    assert len(arrived) == 125
    with acting_for(acacia.pk):
        found.refresh_from_db()
        last = ForwardBatch.objects.latest("pk")
    assert found.sent_at is not None
    assert found.rejected_count == 0
    assert last.accepted == 5
    assert last.duplicates + last.accepted <= 15  # the touched quarter-hours alone


def test_killed_on_either_side_everything_arrives_exactly_once(
    edges: Edges, there: str, acacia: Tenant, baobab: Tenant, fresh_database: Any
) -> None:
    port = int(there.rpartition(":")[2])
    with acting_for(baobab.pk):
        key = make_key(make_meter(tenant=baobab, serial="A"))
    with acting_for(acacia.pk):
        meter = make_meter(tenant=acacia, serial="A")
        forwarder(acacia, there, key.secret)
    keep_readings(meter, rows(20_000, every=timedelta(seconds=1)), now=NOW)
    gather(acacia)
    environment = {
        **os.environ,
        **fresh_database.environment(),
        "HTTP_ALLOWED_PRIVATE": f"127.0.0.1:{port}",
    }

    def sender() -> subprocess.Popen[bytes]:
        with acting_for(acacia.pk):
            everything_is_due()
        return subprocess.Popen(
            [sys.executable, "-c", SENDER], cwd=ROOT, env=environment, start_new_session=True
        )

    def wait_for(count: int, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + 60
        while len(readings(baobab)) < count and process.poll() is None:
            assert time.monotonic() < deadline
            time.sleep(0.02)

    first = sender()
    wait_for(1, first)
    os.killpg(first.pid, signal.SIGKILL)  # it leads a session that we started
    first.wait(10)
    halfway = len(readings(baobab))
    second = sender()
    wait_for(halfway + 1, second)
    edges.kill(port)
    second.wait(60)
    edges.start(port)
    send_all(acacia)

    assert 0 < halfway < 20_000
    assert readings(baobab) == readings(acacia)
    with acting_for(acacia.pk):
        assert not ForwardBatch.objects.filter(due_at__isnull=False).exists()
        found = Forwarder.objects.get()
        assert (found.last_error, found.failed_at) == ("", None)


def test_what_the_other_side_refuses_is_kept_with_its_reason(
    there: str, acacia: Tenant, baobab: Tenant
) -> None:
    with acting_for(baobab.pk):
        key = make_key(make_meter(tenant=baobab, serial="A"))
    with acting_for(acacia.pk):
        known, unknown = (
            make_meter(tenant=acacia, serial="A"),
            make_meter(tenant=acacia, serial="B"),
        )
        found = forwarder(acacia, there, key.secret)

    keep_readings(known, rows(3), now=NOW)
    keep_readings(unknown, rows(2), now=NOW)
    gather(acacia)
    send_all(acacia)

    assert len(readings(baobab)) == 3
    with acting_for(acacia.pk):
        batch = ForwardBatch.objects.get()
        found.refresh_from_db()
    assert (batch.accepted, batch.rejected, batch.due_at) == (3, 2, None)
    assert [reject["code"] for reject in batch.rejects] == ["unknown_meter"] * 2
    assert found.rejected_count == 2


def test_a_refused_key_or_a_dead_address_keeps_everything_waiting(
    there: str, acacia: Tenant, baobab: Tenant, settings: Any
) -> None:
    with acting_for(baobab.pk):
        key = make_key(make_meter(tenant=baobab, serial="A"))
        revoke_key(key.key, now=NOW)
    with acting_for(acacia.pk), override("en"):
        meter = make_meter(tenant=acacia, serial="A")
        found = forwarder(acacia, there, key.secret)
        with pytest.raises(ForwardingRefused, match="device key"):
            forwarding.check(found)
        nobody = forwarder(acacia, "http://127.0.0.1:9", key.secret, name="Nobody")
        settings.HTTP_ALLOWED_PRIVATE = [*settings.HTTP_ALLOWED_PRIVATE, "127.0.0.1:9"]
        with pytest.raises(ForwardingRefused, match="Nobody answers"):
            forwarding.check(nobody)

    keep_readings(meter, rows(3), now=NOW)
    gather(acacia)
    with acting_for(acacia.pk):
        everything_is_due()
    with override("en"):
        forwarding.deliver()

    with acting_for(acacia.pk):
        found.refresh_from_db()
        nobody.refresh_from_db()
        assert forwarding.waiting(found) == forwarding.waiting(nobody) == 1
        assert all(batch.due_at > datetime.now(tz=UTC) for batch in ForwardBatch.objects.all())
    assert "device key" in found.last_error
    assert found.failed_at is not None
    assert nobody.last_error == "Nobody answers at this address."
    assert readings(baobab) == []


def test_paused_it_sends_nothing_and_resumed_it_catches_up(
    there: str, acacia: Tenant, baobab: Tenant
) -> None:
    with acting_for(baobab.pk):
        key = make_key(make_meter(tenant=baobab, serial="A"))
    with acting_for(acacia.pk):
        meter = make_meter(tenant=acacia, serial="A")
        found = forwarder(acacia, there, key.secret)
        forwarding.pause(found)

    keep_readings(meter, rows(12_000, every=timedelta(seconds=2)), now=NOW)
    gather(acacia)
    send_all(acacia)
    assert readings(baobab) == []
    with acting_for(acacia.pk):
        forwarding.resume(found, since=START, now=NOW)
    send_all(acacia)

    assert readings(baobab) == readings(acacia)
    with acting_for(acacia.pk):
        assert ForwardBatch.objects.get().accepted == 12_000


def test_addresses_with_a_path_or_inside_are_refused(acacia: Tenant) -> None:
    for url in ("https://example.com/api", "ftp://example.com", "https://a b", "http://x:9999"):
        with pytest.raises(ForwardingRefused):
            forwarding.check_address(url)
    forwarding.check_address("https://pulso.example.com")


def test_stretches_of_a_meter_are_joined() -> None:
    at = [START + timedelta(minutes=15 * n) for n in range(5)]

    assert forwarding.joined(
        [(2, at[0], at[1]), (1, at[2], at[3]), (1, at[0], at[1]), (1, at[1], at[2])]
    ) == [(1, at[0], at[3]), (2, at[0], at[1])]
