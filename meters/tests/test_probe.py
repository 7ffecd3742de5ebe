from __future__ import annotations

from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command

from meters.simulators.modbus import SimulatedMeter
from meters.tests.gateway import gateway


@pytest.fixture(autouse=True)
def open_doors(settings: Any) -> None:
    settings.POLL_NETWORKS = ["127.0.0.0/8"]


def probed(port: int, *options: str) -> list[str]:
    out = StringIO()
    call_command("probe", f"127.0.0.1:{port}", "--timeout", "0.2", *options, stdout=out)
    return out.getvalue().splitlines()


def test_a_bus_is_searched_and_each_device_gets_the_profile_that_fits() -> None:
    meters = [
        SimulatedMeter(unit=1, model="peacefair-pzem-004t-v3"),
        SimulatedMeter(unit=3, model="eastron-sdm630"),
    ]
    with gateway(*meters, rtu=True) as bus:
        said = [line for line in probed(bus.port, "--rtu", "--unit", "1-3") if line[:3].strip()]

    assert said[0].startswith("  1  peacefair-pzem-004t-v3: voltage_l1_v = 127.3")
    assert said[1].startswith("  2  ")
    assert said[2].startswith("  3  eastron-sdm630: voltage_l1_v = 2")


def test_a_device_tells_its_values_through_a_profile() -> None:
    with gateway(SimulatedMeter(unit=1, register_wh=2_000_000.0)) as bus:
        said = "\n".join(probed(bus.port, "--profile", "eastron-sdm630"))

    assert "Eastron SDM630-Modbus" in said
    assert "energy_import_wh = 2e+06" in said
