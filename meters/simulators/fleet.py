"""Many simulated meters at once, to try with and to put load on a poller.

A part is something that starts, stops and lists what it serves. `simulate_fleet` runs all parts.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Protocol

from meters.simulators.modbus import MODELS, SimulatedBus, SimulatedMeter
from meters.simulators.mqtt_fleet import MqttPart
from meters.simulators.place import Place

SLOW_S: Final = 2.0


class Part(Protocol):
    """Meters that speak one protocol."""

    async def start(self) -> None: ...
    async def stop(self) -> None: ...
    def places(self) -> list[Place]: ...


@dataclass
class ModbusPart:
    """`meters` on `buses` gateways; some are slow, some are dead. Every other bus speaks RTU."""

    meters: int
    buses: int
    dead: int = 0
    slow: int = 0
    slow_s: float = SLOW_S
    model: str = ""  # empty: all of them in turn
    gateways: list[SimulatedBus] = field(default_factory=list)

    def __post_init__(self) -> None:
        models = [self.model] if self.model else list(MODELS)
        kinds = _scattered(self.meters, {"dead": self.dead, "slow": self.slow})
        on_bus: list[list[SimulatedMeter]] = [[] for _ in range(max(1, self.buses))]
        for number in range(self.meters):
            bus = on_bus[number % len(on_bus)]
            bus.append(
                SimulatedMeter(
                    unit=len(bus) + 1,
                    model=models[number // len(on_bus) % len(models)],
                    base_w=400.0 + number % 40 * 70,
                    register_wh=500_000.0 + number * 1_234,
                    delay_s=self.slow_s if kinds.get(number) == "slow" else 0.0,
                    is_dead=kinds.get(number) == "dead",
                )
            )
        self.gateways = [
            SimulatedBus(meters, rtu=number % 2 == 1) for number, meters in enumerate(on_bus)
        ]

    async def start(self) -> None:
        for gateway in self.gateways:
            await gateway.start()

    async def stop(self) -> None:
        for gateway in self.gateways:
            await gateway.stop()

    def places(self) -> list[Place]:
        return [
            Place(
                serial=f"SIM-{gateway.port}-{meter.unit:03d}",
                driver="modbus",
                profile=meter.model,
                transport="rtu_over_tcp" if gateway.rtu else "tcp",
                host=gateway.host,
                port=gateway.port,
                unit_id=meter.unit,
                kind="dead" if meter.is_dead else "slow" if meter.delay_s else "healthy",
            )
            for gateway in self.gateways
            for meter in gateway.meters.values()
        ]


# What makes a part from the number of its meters, by the command's option. Others add their own.
PARTS: Final[dict[str, Callable[[int], Part]]] = {"mqtt": MqttPart}


def _scattered(total: int, wanted: dict[str, int]) -> dict[int, str]:
    """Which meters are not healthy: anywhere, and each time the same ones."""
    special = [kind for kind, count in wanted.items() for _ in range(count)][:total]
    places = random.Random(total).sample(range(total), len(special))  # noqa: S311 # no secret
    return dict(zip(places, special, strict=True))
