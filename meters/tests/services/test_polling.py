"""The poller against simulated buses: what is stored, who waits for whom, what survives."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable, Coroutine
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection as database
from django.db.models.functions import Now

from clients.kernel.tenancy import acting_for
from clients.models import Tenant, TenantStatus
from meters.models import Connection, ConnectionState, Reading
from meters.services import polling
from meters.services.claims import HOLD, claim, release
from meters.services.connections import pause_connection, resume_connection
from meters.services.outcomes import Outcome, backoff_s
from meters.services.polling import Poller, poll_due
from meters.simulators.modbus import SimulatedBus, SimulatedMeter
from meters.testing import make_connection, make_meter

pytestmark = pytest.mark.commits
NOTHING_AHEAD = timedelta(0)


@pytest.fixture(autouse=True)
def open_doors(settings: Any) -> None:
    settings.POLL_NETWORKS = ["127.0.0.0/8"]


def connect(tenant: Tenant, bus: SimulatedBus, unit: int, **fields: Any) -> Connection:
    with acting_for(tenant.pk):
        transport = "rtu_over_tcp" if bus.rtu else "tcp"
        return make_connection(
            tenant=tenant, port=bus.port, unit_id=unit, transport=transport, **fields
        )


def again(row: Connection) -> Connection:
    with acting_for(row.tenant_id):
        return Connection.objects.select_related("meter").get(pk=row.pk)


def readings(row: Connection) -> list[Reading]:
    with acting_for(row.tenant_id):
        return list(Reading.objects.filter(meter_id=row.meter_id).order_by("measured_at"))


def meters(*units: int, **fields: Any) -> list[SimulatedMeter]:
    return [SimulatedMeter(unit=unit, **fields) for unit in units]


async def aside(work: Callable[[], Any]) -> Any:
    """Database work of a test, in a thread as the poller's is."""
    from django.db import connections

    def run() -> Any:
        try:
            return work()
        finally:
            connections.close_all()

    return await asyncio.to_thread(run)


def run(work: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(work)


async def polled_for(seconds: float, **options: Any) -> list[Outcome]:
    found: list[Outcome] = []
    poller = Poller(on_outcome=found.append, **options)
    asyncio.get_running_loop().call_later(seconds, poller.stop)
    await poller.run()
    return found


def test_what_meters_say_is_stored_with_the_instant_of_the_read(acacia: Tenant) -> None:
    async def work() -> tuple[Connection, float, float]:
        bus = SimulatedBus(meters(1, register_wh=5_000_000.0))
        await bus.start()
        row = await aside(lambda: connect(acacia, bus, 1))
        before = time.time()
        await polled_for(1.5)
        await bus.stop()
        return row, before, time.time()

    row, before, after = run(work())

    (reading,) = readings(row)
    assert before <= reading.measured_at.timestamp() <= after
    assert reading.energy_import_wh in (5_000_000, 5_000_001)
    assert 200 < reading.voltage_l1_v < 240
    assert set(reading.extra) == {
        "power_factor_l1", "power_factor_l2", "power_factor_l3", "energy_total_wh",
    }  # fmt: skip
    row = again(row)
    assert (row.state, row.last_error, row.failures) == (ConnectionState.OK, "", 0)
    assert row.last_ok_at == reading.measured_at
    assert row.leased_until is None
    assert row.due_at is not None
    assert timedelta(seconds=28) < row.due_at - reading.measured_at < timedelta(seconds=31)


def test_a_dead_device_backs_off_and_its_neighbours_are_read(acacia: Tenant) -> None:
    async def work() -> list[Connection]:
        bus = SimulatedBus([*meters(1, 2), SimulatedMeter(unit=3, is_dead=True)], rtu=True)
        await bus.start()
        options = {"timeout_ms": 300}
        rows = [await aside(lambda u=u: connect(acacia, bus, u, **options)) for u in (3, 1, 2)]
        await polled_for(2.0)
        await bus.stop()
        return rows

    dead, first, second = (again(row) for row in run(work()))

    assert (dead.state, dead.last_error, dead.failures) == (
        ConnectionState.FAILING, "unreachable", 1,
    )  # fmt: skip
    assert dead.last_ok_at is None
    assert [first.state, second.state] == [ConnectionState.OK] * 2
    assert [len(readings(row)) for row in (dead, first, second)] == [0, 1, 1]


def test_a_period_doubles_with_each_failure_up_to_a_quarter_hour() -> None:
    assert [backoff_s(30, n) for n in (1, 2, 3, 4, 5, 6, 60)] == [30, 60, 120, 240, 480, 900, 900]
    assert backoff_s(3_600, 9) == 3_600


def test_healthy_meters_never_wait_for_a_dead_one_that_is_known(acacia: Tenant) -> None:
    async def work() -> list[Outcome]:
        bus = SimulatedBus([*meters(1, 2, 3, 4), SimulatedMeter(unit=9, is_dead=True)])
        await bus.start()
        for unit in (1, 2, 3, 4):
            await aside(lambda u=unit: connect(acacia, bus, u, poll_every_seconds=2))
        await aside(
            lambda: connect(acacia, bus, 9, poll_every_seconds=1, failures=1, timeout_ms=400)
        )
        found = await polled_for(9.0)
        await bus.stop()
        return found

    found = run(work())
    healthy = [outcome for outcome in found if outcome.reply is not None]
    dead = [outcome for outcome in found if outcome.error is not None]
    assert len(dead) >= 2
    assert len(healthy) >= 16
    later = [outcome.waited_s for outcome in healthy[4:]]
    assert max(later) < 0.35


def test_slow_meters_find_a_time_at_which_nobody_waits_for_them(acacia: Tenant) -> None:
    async def work() -> list[Outcome]:
        bus = SimulatedBus([*meters(1, 2), SimulatedMeter(unit=3, delay_s=0.3)])
        await bus.start()
        for unit in (3, 1, 2):
            options = {"poll_every_seconds": 3, "timeout_ms": 2_000}
            await aside(lambda u=unit, o=options: connect(acacia, bus, u, **o))
        found = await polled_for(11.0)
        await bus.stop()
        return found

    found = run(work())
    assert all(outcome.error is None for outcome in found)
    assert len(found) >= 9
    assert max(outcome.waited_s for outcome in found[6:]) < 0.25


def test_a_wrong_profile_is_said_and_nothing_is_stored(acacia: Tenant) -> None:
    async def work() -> Connection:
        bus = SimulatedBus(meters(1, model="peacefair-pzem-004t-v3"))
        await bus.start()
        row = await aside(lambda: connect(acacia, bus, 1))
        await polled_for(1.5)
        await bus.stop()
        return row

    row = run(work())
    assert readings(row) == []
    row = again(row)
    assert (row.state, row.last_error) == (ConnectionState.WRONG, "wrong_map")


def test_two_pollers_share_the_buses_and_ask_nobody_twice(acacia: Tenant, baobab: Tenant) -> None:
    async def work() -> tuple[list[Connection], list[list[Outcome]]]:
        buses = [SimulatedBus(meters(*range(1, 6))) for _ in range(4)]
        rows = []
        for bus in buses:
            await bus.start()
            for unit in range(1, 6):
                tenant = acacia if unit % 2 else baobab
                rows.append(await aside(lambda t=tenant, b=bus, u=unit: connect(t, b, u)))
        found = await asyncio.gather(polled_for(3.0), polled_for(3.0))
        for bus in buses:
            await bus.stop()
        return rows, list(found)

    rows, found = run(work())
    assert [len(readings(row)) for row in rows] == [1] * 20
    assert sum(len(outcomes) for outcomes in found) == 20


def test_one_bus_is_never_given_to_two_holders(acacia: Tenant, baobab: Tenant) -> None:
    with acting_for(acacia.pk):
        first = make_connection(tenant=acacia, unit_id=1, host="10.0.0.7")
    with acting_for(baobab.pk):
        make_connection(tenant=baobab, unit_id=2, host="10.0.0.7")
        other = make_connection(tenant=baobab, unit_id=1, host="10.0.0.8")

    one = claim("a", ["modbus"], limit=1, ahead=NOTHING_AHEAD)
    two = claim("b", ["modbus"], limit=10, ahead=NOTHING_AHEAD)

    assert [claimed.id for claimed in one] == [first.pk]
    assert [claimed.id for claimed in two] == [other.pk]
    release("a", one)
    assert len(claim("b", ["modbus"], limit=10, ahead=NOTHING_AHEAD)) == 2


def test_what_a_killed_poller_held_is_asked_when_its_lease_ends(acacia: Tenant) -> None:
    with acting_for(acacia.pk):
        row = make_connection(tenant=acacia)
    assert len(claim("killed", ["modbus"], limit=10, ahead=NOTHING_AHEAD)) == 1
    assert claim("next", ["modbus"], limit=10, ahead=NOTHING_AHEAD) == []

    with acting_for(acacia.pk), database.cursor() as cursor:
        cursor.execute("UPDATE meters_connection SET leased_until = leased_until - %s", [HOLD])

    assert [claimed.id for claimed in claim("next", ["modbus"], limit=10, ahead=NOTHING_AHEAD)] == [
        row.pk
    ]


def test_an_unfinished_question_is_finished_and_the_rest_given_back(acacia: Tenant) -> None:
    async def work() -> list[Connection]:
        bus = SimulatedBus(meters(1, 2, 3, delay_s=0.5))
        await bus.start()
        rows = [
            await aside(lambda u=u: connect(acacia, bus, u, timeout_ms=3_000)) for u in (1, 2, 3)
        ]
        await polled_for(0.7)
        await bus.stop()
        return rows

    rows = [again(row) for row in run(work())]
    assert [len(readings(row)) for row in rows] == [1, 0, 0]
    assert [row.leased_until for row in rows] == [None] * 3
    with acting_for(acacia.pk):
        assert Connection.objects.filter(due_at__lte=Now()).count() == 2


def test_a_lost_database_is_waited_for_and_nothing_read_is_lost(
    acacia: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored, failures = polling.store_readings, iter([True, True])

    def sometimes(*args: Any, **kwargs: Any) -> Any:
        if next(failures, False):
            raise polling.StorageUnavailable("gone for a moment")
        return stored(*args, **kwargs)

    monkeypatch.setattr(polling, "store_readings", sometimes)

    async def work() -> Connection:
        bus = SimulatedBus(meters(1))
        await bus.start()
        row = await aside(lambda: connect(acacia, bus, 1))
        await polled_for(3.0)
        await bus.stop()
        return row

    assert len(readings(run(work()))) == 1


def test_a_value_that_is_refused_fails_its_own_connection_alone(acacia: Tenant) -> None:
    async def work() -> list[Connection]:
        bus = SimulatedBus(meters(1, 2))
        await bus.start()
        long_name = "x" * 300
        registers = [
            {"quantity": long_name, "address": 0, "type": "f32", "unit": "V", "bounds": [0, 1e3]}
        ]
        rows = [
            await aside(lambda: connect(acacia, bus, 1)),
            await aside(
                lambda: connect(acacia, bus, 2, profile="generic", options={"registers": registers})
            ),
        ]
        await polled_for(1.5)
        await bus.stop()
        return rows

    good, bad = (again(row) for row in run(work()))
    assert (good.state, len(readings(good))) == (ConnectionState.OK, 1)
    assert (bad.state, bad.last_error, len(readings(bad))) == (
        ConnectionState.FAILING, "bad_value", 0,
    )  # fmt: skip


def test_paused_connections_and_suspended_companies_are_left_alone(
    acacia: Tenant, baobab: Tenant
) -> None:
    with acting_for(acacia.pk):
        row = make_connection(tenant=acacia)
        pause_connection(row)
        pause_connection(row)
    with acting_for(baobab.pk):
        other = make_connection(tenant=baobab)
        Tenant.objects.filter(pk=baobab.pk).update(status=TenantStatus.SUSPENDED)

    with acting_for(acacia.pk):
        idle = make_connection(tenant=acacia, meter=make_meter(tenant=acacia, is_active=False))

    assert claim("a", ["modbus"], limit=10, ahead=NOTHING_AHEAD) == []
    assert again(idle).leased_until is None
    assert again(row).state == ConnectionState.PAUSED
    assert again(other).leased_until is None

    with acting_for(acacia.pk):
        resume_connection(row)
        resume_connection(row)
    assert len(claim("a", ["modbus"], limit=10, ahead=NOTHING_AHEAD)) == 1


def test_asking_once_asks_what_is_due_and_ends(acacia: Tenant) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        with acting_for(acacia.pk):
            meter = make_meter(tenant=acacia)
            row = make_connection(
                tenant=acacia, meter=meter, port=silent.getsockname()[1], timeout_ms=100
            )

        assert poll_due(overdue=timedelta(seconds=15)) == 0
        assert poll_due() == 1
        assert poll_due() == 0

    assert again(row).last_error == "unreachable"
