"""Devices, a real broker on a socket, the process that listens, and the database."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiomqtt
import pytest

from clients.kernel.tenancy import acting_for
from clients.models import Tenant
from meters.drivers.mqtt import Letter
from meters.drivers.pushed import is_topic
from meters.errors import StorageUnavailable
from meters.models import (
    BrokerState,
    Connection,
    ConnectionState,
    HistoryGap,
    Meter,
    MqttBroker,
    Quarantine,
    Reading,
)
from meters.services import listening
from meters.services.brokers import Listening
from meters.services.listening import BrokerReader
from meters.simulators.mqtt_fleet import MqttFleet, fleet
from meters.simulators.own_broker import OwnBroker
from meters.testing import make_meter, make_metering_point, make_site

pytestmark = pytest.mark.commits
NOON = datetime(2026, 3, 10, 15, 0, tzinfo=UTC)
ROOT = Path(__file__).resolve().parents[3]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def broker(port: int) -> Iterator[OwnBroker]:
    found = OwnBroker(port).start()
    yield found
    found.stop()


def make_broker(tenant: Tenant, port: int = 1883, **fields: Any) -> MqttBroker:
    own = {"name": "Casa", "host": "127.0.0.1", "port": port, "username": "pulso"}
    return MqttBroker.objects.create(**{"tenant": tenant, **own, **fields})


def connect(meter: Meter, driver: str, address: str, **fields: Any) -> Connection:
    return Connection.objects.create(
        tenant_id=meter.tenant_id,
        meter=meter,
        driver=driver,
        due_at=None,
        address=address,
        **fields,
    )


def letter(topic: str, said: Any, at: datetime = NOON, *, is_live: bool = True) -> Letter:
    payload = said if isinstance(said, bytes) else json.dumps(said).encode()
    return Letter(topic, payload, at, is_live)


def reader_of(broker: MqttBroker) -> BrokerReader:
    reader = BrokerReader(broker.tenant_id, broker.pk, clock=lambda: NOON)
    assert reader.refresh() is not None
    return reader


def energies(tenant: Tenant, meter: Meter) -> list[tuple[datetime, int | None]]:
    with acting_for(tenant.pk):
        rows = Reading.objects.filter(meter_id=meter.pk).order_by("measured_at")
        return list(rows.values_list("measured_at", "energy_import_wh"))


# Without a broker: what becomes of letters ------------------------------------------------------


def test_local_time_is_read_in_the_sites_zone(acacia: Tenant) -> None:
    with acting_for(acacia.pk):
        site = make_site(tenant=acacia, time_zone="America/Manaus")
        meter = make_meter(
            tenant=acacia, metering_point=make_metering_point(tenant=acacia, site=site)
        )
        connect(meter, "tasmota", "plug")
        reader = reader_of(make_broker(acacia))

    said = {"Time": "2026-03-10T10:59:00", "ENERGY": {"Total": 1.5}}
    reader.take([letter("tele/plug/SENSOR", said)])

    assert energies(acacia, meter) == [(datetime(2026, 3, 10, 14, 59, tzinfo=UTC), 1500)]


def test_only_live_messages_are_dated_by_their_arrival(acacia: Tenant) -> None:
    with acting_for(acacia.pk):
        meter = make_meter(tenant=acacia)
        connect(meter, "zigbee2mqtt", "zigbee2mqtt/Quadro")
        broker = make_broker(acacia)
        reader = reader_of(broker)

    reader.take(
        [
            letter("zigbee2mqtt/Quadro", {"energy": 1.0}, is_live=False),
            letter("zigbee2mqtt/Quadro", {"energy": 1.1}),
        ]
    )

    assert energies(acacia, meter) == [(NOON, 1100)]
    with acting_for(acacia.pk):
        broker.refresh_from_db()
        assert (broker.messages, broker.readings, broker.undated) == (2, 1, 1)


def test_the_same_letters_twice_change_nothing(acacia: Tenant) -> None:
    with acting_for(acacia.pk):
        meter = make_meter(tenant=acacia)
        connect(meter, "tasmota", "plug")
        reader = reader_of(make_broker(acacia))
    letters = [
        letter(
            "tele/plug/SENSOR",
            {"Time": f"2026-03-10T11:{minute:02d}:00", "ENERGY": {"Total": minute}},
        )
        for minute in range(50)
    ]

    reader.take(letters)
    first = energies(acacia, meter)
    reader.take(list(reversed(letters)))

    assert len(first) == 50
    assert energies(acacia, meter) == first


def test_nonsense_and_strangers_are_counted_and_cost_nobody_a_reading(acacia: Tenant) -> None:
    with acting_for(acacia.pk):
        meter = make_meter(tenant=acacia)
        connect(meter, "tasmota", "plug")
        broker = make_broker(acacia)
        reader = reader_of(broker)

    reader.take(
        [
            letter("tele/plug/SENSOR", b"\xff"),
            letter("tele/other/SENSOR", {"ENERGY": {"Total": 1}}),
            letter("tele/plug/SENSOR", {"ENERGY": {"Total": 2}}),
        ]
    )

    assert energies(acacia, meter) == [(NOON, 2000)]
    with acting_for(acacia.pk):
        broker.refresh_from_db()
        assert (broker.malformed, broker.unknown) == (1, 1)
        assert broker.last_malformed == {
            "topic": "tele/plug/SENSOR",
            "reason": "not_json",
            "at": NOON.isoformat(),
        }


def test_a_clock_from_1970_goes_to_quarantine(acacia: Tenant) -> None:
    with acting_for(acacia.pk):
        meter = make_meter(tenant=acacia)
        connect(meter, "tasmota", "plug")
        reader = reader_of(make_broker(acacia))

    reader.take(
        [letter("tele/plug/SENSOR", {"Time": "1970-01-01T00:00:09", "ENERGY": {"Total": 1}})]
    )

    assert energies(acacia, meter) == []
    with acting_for(acacia.pk):
        assert [row.reason for row in Quarantine.objects.all()] == ["too_old"]


def test_a_last_will_is_the_connections_state(acacia: Tenant) -> None:
    with acting_for(acacia.pk):
        connection = connect(make_meter(tenant=acacia), "tasmota", "plug")
        reader = reader_of(make_broker(acacia))

    def state() -> tuple[str, str]:
        with acting_for(acacia.pk):
            connection.refresh_from_db()
            return connection.state, connection.last_error

    reader.take([letter("tele/plug/LWT", b"Offline", is_live=False)])
    assert state() == (ConnectionState.FAILING, "device_offline")
    reader.take([letter("tele/plug/LWT", b"Online")])
    assert state() == (ConnectionState.OK, "")


def test_channels_of_a_device_are_meters_of_their_own(acacia: Tenant) -> None:
    with acting_for(acacia.pk):
        one, other = make_meter(tenant=acacia), make_meter(tenant=acacia)
        connect(one, "shelly", "em-50")
        connect(other, "shelly", "em-50", options={"channel": 1})
        reader = reader_of(make_broker(acacia))
    ts = NOON.timestamp() - 60
    told = {"ts": ts, "em1data:0": {"total_act_energy": 10}, "em1data:1": {"total_act_energy": 20}}

    reader.take([letter("em-50/events/rpc", {"method": "NotifyStatus", "params": told})])

    assert [energy for _at, energy in energies(acacia, one)] == [10]
    assert [energy for _at, energy in energies(acacia, other)] == [20]


def test_a_gap_that_a_device_remembers_is_written_down_once(acacia: Tenant) -> None:
    with acting_for(acacia.pk):
        meter = make_meter(tenant=acacia)
        connection = connect(meter, "shelly", "pro3em", host="192.0.2.7", port=80)
        reader = reader_of(make_broker(acacia))

    def said(at: datetime, energy: float) -> Letter:
        told = {"ts": at.timestamp(), "emdata:0": {"total_act": energy}}
        return letter("pro3em/events/rpc", {"method": "NotifyStatus", "params": told}, at)

    start = NOON - timedelta(hours=2)
    reader.take([said(start, 1000)])
    back = [said(NOON, 3000), said(NOON + timedelta(minutes=1), 3010)]
    reader.take(back)
    reader.take(back)

    with acting_for(acacia.pk):
        gaps = [(gap.connection_id, gap.starts_at, gap.ends_at) for gap in HistoryGap.objects.all()]
    offset = timedelta(microseconds=1)
    assert gaps == [(connection.pk, start + offset, NOON + offset)]


def test_a_database_that_does_not_answer_is_asked_again(
    acacia: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    with acting_for(acacia.pk):
        connect(make_meter(tenant=acacia), "tasmota", "plug")
        reader = reader_of(make_broker(acacia))

    def down(*_args: Any, **_options: Any) -> None:
        raise StorageUnavailable("away")

    monkeypatch.setattr(listening, "store_readings", down)

    with pytest.raises(StorageUnavailable):
        reader.take([letter("tele/plug/SENSOR", {"ENERGY": {"Total": 1}})])


def test_a_name_that_would_hear_others_is_not_listened_to(acacia: Tenant) -> None:
    with acting_for(acacia.pk):
        for name in ("#", "+", "tele/+", "", "$SYS/x"):
            assert not is_topic(name)
        connect(make_meter(tenant=acacia), "tasmota", "#")
        assert reader_of(make_broker(acacia)).topics == frozenset()


def test_brokers_are_named_by_connections_or_the_oldest_is_meant(acacia: Tenant) -> None:
    with acting_for(acacia.pk):
        first, second = make_broker(acacia), make_broker(acacia, name="Loja")
        connect(make_meter(tenant=acacia), "zigbee2mqtt", "z/1")
        named = {"broker": str(second.public_id)}
        connect(make_meter(tenant=acacia), "zigbee2mqtt", "z/2", options=named)

        assert reader_of(first).topics == {"z/1", "z/1/availability"}
        assert reader_of(second).topics == {"z/2", "z/2/availability"}


# With a broker ------------------------------------------------------------------------------------


def plain_dial(host: str, port: int) -> socket.socket:
    return socket.create_connection((host, port), timeout=5)


async def until(done: Callable[[], bool], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not await asyncio.to_thread(done):
        assert time.monotonic() < deadline, "it did not happen"
        await asyncio.sleep(0.05)


async def publish(port: int, topic: str, said: Any, **options: Any) -> None:
    payload = said if isinstance(said, bytes) else json.dumps(said).encode()
    async with aiomqtt.Client("127.0.0.1", port, identifier="device") as client:
        await client.publish(topic, payload, qos=1, **options)


def tasmota(minute: int) -> dict[str, Any]:
    return {"Time": f"2026-03-10T11:{minute:02d}:00", "ENERGY": {"Total": minute}}


async def listen(work: Any) -> None:
    listening = Listening(dialler=plain_dial, look_every_s=0.1)
    task = asyncio.create_task(listening.run())
    try:
        await work()
    finally:
        listening.stop()
        await asyncio.wait_for(task, 20)


def test_a_fleet_on_a_real_broker_is_heard(acacia: Tenant, broker: OwnBroker) -> None:
    devices = fleet(6)
    with acting_for(acacia.pk):
        row = make_broker(acacia, broker.port)
        for device in devices:
            connect(make_meter(tenant=acacia), device.kind, device.address)

    def stored() -> int:
        with acting_for(acacia.pk):
            return Reading.objects.values("meter_id").distinct().count()

    async def work() -> None:
        await until(lambda: state_of(acacia, row) == BrokerState.CONNECTED)
        published = MqttFleet(devices, "127.0.0.1", broker.port, every_s=0.3)
        running = asyncio.create_task(published.run())
        await until(lambda: stored() == 6)
        published.stop()
        await running

    asyncio.run(listen(work))

    with acting_for(acacia.pk):
        row.refresh_from_db()
        assert row.malformed == 0
        assert (row.leased_by, row.leased_until) == ("", None)
        energy = Reading.objects.values_list("energy_import_wh", flat=True)
        assert all(value and value > 1_000_000 for value in energy)


def state_of(tenant: Tenant, broker: MqttBroker) -> str:
    with acting_for(tenant.pk):
        broker.refresh_from_db()
        return broker.state


def test_what_is_said_while_nobody_listens_waits_at_the_broker(
    acacia: Tenant, broker: OwnBroker
) -> None:
    with acting_for(acacia.pk):
        meter = make_meter(tenant=acacia)
        connect(meter, "tasmota", "plug")
        row = make_broker(acacia, broker.port)

    async def first() -> None:
        await until(lambda: state_of(acacia, row) == BrokerState.CONNECTED)
        await asyncio.sleep(0.3)  # the subscription itself
        await publish(broker.port, "tele/plug/SENSOR", tasmota(1))
        await until(lambda: len(energies(acacia, meter)) == 1)

    async def second() -> None:
        await until(lambda: len(energies(acacia, meter)) == 4)

    asyncio.run(listen(first))
    for minute in (2, 3, 4):
        asyncio.run(publish(broker.port, "tele/plug/SENSOR", tasmota(minute)))
    asyncio.run(listen(second))

    assert [energy for _at, energy in energies(acacia, meter)] == [1000, 2000, 3000, 4000]


def test_nothing_is_acknowledged_before_it_is_stored(
    acacia: Tenant, broker: OwnBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    with acting_for(acacia.pk):
        meter = make_meter(tenant=acacia)
        connect(meter, "tasmota", "plug")
        row = make_broker(acacia, broker.port)
    tries = []
    kept = listening.store_readings

    def fails_twice(*args: Any, **options: Any) -> Any:
        tries.append(1)
        if len(tries) < 3:
            raise StorageUnavailable("away")
        return kept(*args, **options)

    monkeypatch.setattr(listening, "store_readings", fails_twice)
    monkeypatch.setattr("meters.drivers.mqtt.SHORTEST_WAIT_S", 0.05)

    async def work() -> None:
        await until(lambda: state_of(acacia, row) == BrokerState.CONNECTED)
        await asyncio.sleep(0.3)
        await publish(broker.port, "tele/plug/SENSOR", tasmota(1))
        await until(lambda: len(energies(acacia, meter)) == 1)

    asyncio.run(listen(work))

    assert len(tries) == 3


def test_a_broker_that_comes_back_is_heard_again(acacia: Tenant, port: int) -> None:
    with acting_for(acacia.pk):
        meter = make_meter(tenant=acacia)
        connect(meter, "tasmota", "plug")
        row = make_broker(acacia, port)

    async def work() -> None:
        await until(lambda: state_of(acacia, row) == BrokerState.FAILING)
        assert row.last_error == "unreachable"
        server = await asyncio.to_thread(OwnBroker(port).start)
        await until(lambda: state_of(acacia, row) == BrokerState.CONNECTED)
        await asyncio.sleep(0.3)
        await publish(port, "tele/plug/SENSOR", tasmota(5))
        await until(lambda: len(energies(acacia, meter)) == 1)
        await asyncio.to_thread(server.stop)
        await until(lambda: state_of(acacia, row) == BrokerState.FAILING)

    asyncio.run(listen(work))


def test_an_address_inside_is_not_dialled(acacia: Tenant, broker: OwnBroker, settings: Any) -> None:
    settings.POLL_NETWORKS = settings.HTTP_ALLOWED_PRIVATE = []
    with acting_for(acacia.pk):
        row = make_broker(acacia, broker.port)

    async def work() -> None:
        await until(lambda: state_of(acacia, row) == BrokerState.FAILING)

    async def run() -> None:
        guarded = Listening(look_every_s=0.1)
        task = asyncio.create_task(guarded.run())
        try:
            await work()
        finally:
            guarded.stop()
            await asyncio.wait_for(task, 20)

    asyncio.run(run())
    assert row.last_error == "address_refused"


def test_a_wrong_password_is_said_to_be_one(acacia: Tenant, broker: OwnBroker) -> None:
    with acting_for(acacia.pk):
        row = make_broker(acacia, broker.port, password="wrong")

    async def work() -> None:
        await until(lambda: state_of(acacia, row) == BrokerState.FAILING)

    asyncio.run(listen(work))
    assert row.last_error in {"bad_password", "not_allowed"}


def test_a_killed_process_loses_nothing_that_was_said(
    acacia: Tenant, broker: OwnBroker, fresh_database: Any, settings: Any
) -> None:
    with acting_for(acacia.pk):
        meter = make_meter(tenant=acacia)
        connect(meter, "tasmota", "plug")
        row = make_broker(acacia, broker.port)
    environment = {
        **os.environ,
        **fresh_database.environment(),
        "HTTP_ALLOWED_PRIVATE": f"127.0.0.1:{broker.port}",
        "FIELD_KEYS": ",".join(settings.FIELD_KEYS),
        "LOG_LEVEL": "WARNING",
    }

    def start() -> subprocess.Popen[bytes]:
        program = [sys.executable, "manage.py", "mqtt", "--name", "same"]
        return subprocess.Popen(program, cwd=ROOT, env=environment)

    async def work() -> None:
        process = start()
        try:
            await until(lambda: state_of(acacia, row) == BrokerState.CONNECTED, 30)
            await asyncio.sleep(0.5)
            client = aiomqtt.Client("127.0.0.1", broker.port, identifier="device")
            async with client:
                for minute in range(60):
                    for second in range(5):
                        said = {"Time": f"2026-03-10T11:{minute:02d}:{second:02d}"}
                        said["ENERGY"] = {"Total": minute + second / 10}  # type: ignore[assignment]
                        body = json.dumps(said).encode()
                        await client.publish("tele/plug/SENSOR", body, qos=1)
                    if minute in (20, 40):
                        process.send_signal(signal.SIGKILL)
                        process.wait()
                        process = start()
            await until(lambda: len(energies(acacia, meter)) == 300, 60)
        finally:
            process.kill()
            process.wait()

    asyncio.run(work())
