from __future__ import annotations

from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import translation

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


@pytest.mark.parametrize("unit", ["x", "3-1", "1-999", "-1"])
def test_a_unit_that_is_none_is_refused_with_a_sentence(unit: str) -> None:
    with pytest.raises(CommandError, match="--unit is a number"):
        call_command("probe", "127.0.0.1:1", f"--unit={unit}")


def test_it_speaks_english_whatever_the_installation_speaks() -> None:
    with translation.override("pt-br"):
        said = "\n".join(probed(1, "--unit=1"))

    assert "No answer: check address" in said
