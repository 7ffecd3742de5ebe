from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from clients.kernel.tenancy import acting_for
from clients.models import Tenant
from meters.drivers.base import Target
from meters.drivers.modbus import Modbus
from meters.models import Connection
from meters.services.connections import connect_places
from meters.simulators.fleet import ModbusPart


def test_a_fleet_has_as_many_of_each_kind_as_was_asked_and_spreads_them() -> None:
    part = ModbusPart(500, 50, dead=25, slow=25)
    kinds = Counter(place.kind for place in part.places())
    assert kinds == {"healthy": 450, "dead": 25, "slow": 25}
    on_bus = [len(gateway.meters) for gateway in part.gateways]
    assert (len(on_bus), set(on_bus)) == (50, {10})
    troubled = [sum(m.is_dead or bool(m.delay_s) for m in g.meters.values()) for g in part.gateways]
    assert sum(count > 0 for count in troubled) > 20
    assert max(troubled) <= 4


def test_every_simulated_model_reads_as_its_profile_says(settings: Any) -> None:
    settings.POLL_NETWORKS = ["127.0.0.0/8"]

    async def work() -> list[float]:
        part = ModbusPart(6, 2)
        await part.start()
        volts = []
        for place in part.places():
            line = Modbus()
            target = Target(
                profile=place.profile,
                transport=place.transport,
                host=place.host,
                port=place.port,
                unit_id=place.unit_id,
                timeout_s=1.0,
            )
            reply = await line.read(target)
            assert reply.doubts == ()
            volts.append(float(reply.values["voltage_l1_v"]))
            await line.close()
        await part.stop()
        return volts

    assert len([v for v in asyncio.run(work()) if 120 < v < 230]) == 6


def test_a_fleet_is_entered_for_a_company_once(acacia: Tenant) -> None:
    places = [
        {
            "serial": "SIM-1", "driver": "modbus", "profile": "eastron-sdm630",
            "transport": "tcp", "host": "127.0.0.1", "port": 5020, "unit_id": 3, "address": "",
        }
    ]  # fmt: skip
    assert connect_places(acacia.pk, places) == 1
    assert connect_places(acacia.pk, places) == 1
    with acting_for(acacia.pk):
        row = Connection.objects.get()
    assert (row.meter.serial, row.port, row.unit_id) == ("SIM-1", 5020, 3)


def test_more_dead_meters_than_meters_is_refused() -> None:
    with pytest.raises(CommandError, match="fewer meters"):
        call_command("simulate_fleet", "--modbus", "2", "--dead", "3")
