"""A simulated gateway in a thread, for tests whose own thread asks the office or the API."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from meters.simulators.modbus import SimulatedBus, SimulatedMeter


@contextmanager
def gateway(*meters: SimulatedMeter, rtu: bool = False) -> Iterator[SimulatedBus]:
    """A bus with these meters on loopback, until the block ends."""
    bus = SimulatedBus(list(meters), rtu=rtu)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    asyncio.run_coroutine_threadsafe(bus.start(), loop).result(5)
    try:
        yield bus
    finally:
        asyncio.run_coroutine_threadsafe(bus.stop(), loop).result(5)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(5)
