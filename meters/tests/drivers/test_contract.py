"""What every driver promises, whichever device it talks to."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from typing import Any

import pytest

from clients.kernel.errors import Retryable
from config.commands.on_demand import POLLED
from config.processes import free_port
from meters.drivers import DRIVERS
from meters.drivers.base import Driver, Target
from meters.tests.drivers.peers import answering

# What a target of each driver needs beside an address.
TARGETS: dict[str, dict[str, Any]] = {
    "modbus": {"profile": "eastron-sdm630"},
    "tuya": {"address": "device", "secrets": {"local_key": "0123456789abcdef"}},
    "tuya_cloud": {"address": "device", "secrets": {"client_id": "id", "secret": "secret"}},
}
EACH = pytest.mark.parametrize(("name", "driver"), DRIVERS.items(), ids=DRIVERS)


@pytest.fixture(autouse=True)
def open_doors(settings: Any) -> None:
    settings.POLL_NETWORKS = ["127.0.0.0/8"]
    settings.HTTP_ALLOWED_PRIVATE = ["127.0.0.1"]


async def refused(driver: type[Driver], target: Target) -> float:
    """How long it took until the driver gave up, which it must."""
    line = driver()
    begun = time.monotonic()
    try:
        with pytest.raises(Retryable):
            await line.read(target)
    finally:
        await line.close()
        await line.close()  # safe to call twice
    return time.monotonic() - begun


@EACH
def test_unreachable_meter_is_worth_retrying(name: str, driver: type[Driver]) -> None:
    target = Target(host="127.0.0.1", port=free_port(), timeout_s=0.5, **TARGETS[name])
    assert asyncio.run(refused(driver, target)) < 2.0


@EACH
def test_a_silent_meter_is_worth_retrying_and_costs_its_timeout(
    name: str, driver: type[Driver]
) -> None:
    async def work() -> float:
        async with answering(lambda _: b"") as target:
            return await refused(driver, replace(target, **TARGETS[name]))

    assert asyncio.run(work()) < 2.0


@EACH
def test_noise_is_worth_retrying(name: str, driver: type[Driver]) -> None:
    async def work() -> float:
        async with answering(lambda _: b"\xff\x00 nonsense \xff" * 40) as target:
            return await refused(driver, replace(target, **TARGETS[name]))

    assert asyncio.run(work()) < 2.0


@EACH
def test_a_meter_that_hangs_up_is_worth_retrying(name: str, driver: type[Driver]) -> None:
    async def work() -> float:
        async with answering(lambda _: None) as target:
            return await refused(driver, replace(target, **TARGETS[name]))

    assert asyncio.run(work()) < 2.0


def test_up_starts_the_poller_for_every_driver_that_is_asked() -> None:
    assert set(DRIVERS) <= set(POLLED)
