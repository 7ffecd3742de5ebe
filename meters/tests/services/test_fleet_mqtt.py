"""The simulated fleet over MQTT, its counters, and who starts the process that listens."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from clients.kernel.tenancy import acting_for
from clients.models import Tenant
from config.commands.on_demand import ON_DEMAND, is_used
from meters.drivers.mqtt import DIALECTS
from meters.drivers.pushed import Listener, Presence, Said
from meters.models import MqttBroker
from meters.services.listening import stop_listening
from meters.simulators.fleet import PARTS
from meters.simulators.mqtt_fleet import MqttPart, fleet

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)


def test_what_the_fleet_says_is_what_its_firmware_would_say() -> None:
    for device in fleet(9):
        listener = Listener(address=device.address)
        dialect = DIALECTS[device.kind]
        topics = dialect.topics(listener)
        for message in device.hello():
            assert message.topic in topics
            assert dialect.hear(listener, message.topic, message.payload) == Presence(True)
        for message in device.says(NOW):
            assert message.topic in topics
            heard = dialect.hear(listener, message.topic, message.payload)
            assert isinstance(heard, Said)
            assert heard.measured_at is not None
            assert heard.values["energy_import_wh"] > 1_000_000


def test_counters_of_the_fleet_are_the_integral_of_its_power() -> None:
    [device] = fleet(1)
    minute = timedelta(minutes=1)
    steps = [NOW + minute * place for place in range(60 * 24)]

    summed = sum(device.power_w(at) / 60 for at in steps)

    counted = device.energy_wh(steps[-1] + minute) - device.energy_wh(steps[0])
    assert counted == pytest.approx(summed, rel=1e-3)


def test_the_part_starts_a_broker_of_its_own() -> None:
    async def work() -> MqttPart:
        part: Any = PARTS["mqtt"](3)
        part.every_s = 0.1
        await part.start()
        while part._fleet.published < 10:
            await asyncio.sleep(0.02)
        await part.stop()
        return part

    part = asyncio.run(work())

    assert [place.driver for place in part.places()] == ["tasmota", "shelly", "zigbee2mqtt"]


@pytest.mark.commits
def test_up_starts_the_process_once_a_broker_is_there(acacia: Tenant, fresh_database: Any) -> None:
    [mqtt] = [each for each in ON_DEMAND if each.name == "mqtt"]
    environment = fresh_database.environment()
    assert not is_used(mqtt, environment)

    with acting_for(acacia.pk):
        row = MqttBroker.objects.create(tenant=acacia, name="Casa", host="192.0.2.1")
    assert is_used(mqtt, environment)
    assert is_used(mqtt, environment)  # asking takes nothing from whoever listens

    with acting_for(acacia.pk):
        stop_listening(row)
    assert not is_used(mqtt, environment)
