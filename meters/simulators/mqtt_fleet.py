"""Meters that speak over MQTT, as many as wanted: Tasmota, Shelly and Zigbee2MQTT in turn.

They publish what such devices publish, each at its own phase, with counters that go up as their
power says. A broker may be given; if none is, one of our own is started, when the package amqtt is
installed (it is a development dependency). It shares nothing with what listens.
"""

from __future__ import annotations

import asyncio
import json
import math
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, Final

from meters.simulators.place import Place

KINDS: Final = ("tasmota", "shelly", "zigbee2mqtt")
LOCAL: Final = timezone(timedelta(hours=-3))
DAY_S: Final = 86_400


class NoBroker(RuntimeError):
    """No broker was given, and none of our own can be started."""


@dataclass(frozen=True, slots=True)
class Message:
    """What a device publishes."""

    topic: str
    payload: bytes
    is_retained: bool = False


@dataclass(slots=True)
class SimulatedMeter:
    """One device. Its counter follows from the time alone, so it survives a restart."""

    kind: str
    number: int
    began: datetime

    @property
    def address(self) -> str:
        """How a connection names it."""
        name = f"sim-{self.kind}-{self.number:04d}"
        return f"zigbee2mqtt/{name}" if self.kind == "zigbee2mqtt" else name

    def power_w(self, now: datetime) -> float:
        turn = 2 * math.pi * (now.timestamp() % DAY_S) / DAY_S
        return 800 + 20 * (self.number % 50) + 400 * math.sin(turn)

    def energy_wh(self, now: datetime) -> float:
        """The integral of `power_w` since it began."""

        def integral(at: datetime) -> float:
            day = at.timestamp() / DAY_S
            return 400 * DAY_S / 3600 * (1 - math.cos(2 * math.pi * (day % 1))) / (2 * math.pi)

        hours = (now - self.began).total_seconds() / 3600
        wave = integral(now) - integral(self.began)
        return 1_000_000 + self.number + (800 + 20 * (self.number % 50)) * hours + wave

    def hello(self) -> list[Message]:
        """That it is there, retained."""
        if self.kind == "tasmota":
            return [Message(f"tele/{self.address}/LWT", b"Online", is_retained=True)]
        if self.kind == "shelly":
            return [Message(f"{self.address}/online", b"true", is_retained=True)]
        body = json.dumps({"state": "online"}).encode()
        return [Message(f"{self.address}/availability", body, is_retained=True)]

    def says(self, now: datetime) -> list[Message]:
        """What it measures now."""
        power, energy = self.power_w(now), self.energy_wh(now)
        if self.kind == "tasmota":
            return [self._tasmota(now, power, energy)]
        if self.kind == "shelly":
            return [self._shelly(now, power, energy)]
        body = {
            "energy": round(energy / 1000, 3),
            "power": round(power, 1),
            "voltage": 127.3,
            "current": round(power / 127.3, 2),
            "linkquality": 120,
            "state": "ON",
            "last_seen": now.isoformat(timespec="seconds"),
        }
        return [Message(self.address, json.dumps(body).encode())]

    def _tasmota(self, now: datetime, power: float, energy: float) -> Message:
        body = {
            "Time": now.astimezone(LOCAL).strftime("%Y-%m-%dT%H:%M:%S"),
            "ENERGY": {
                "TotalStartTime": self.began.astimezone(LOCAL).strftime("%Y-%m-%dT%H:%M:%S"),
                "Total": round(energy / 1000, 3),
                "Yesterday": 0,
                "Today": 0,
                "Power": round(power),
                "ApparentPower": round(power / 0.95),
                "ReactivePower": round(power * 0.33),
                "Factor": 0.95,
                "Voltage": 127,
                "Current": round(power / 127, 3),
            },
        }
        return Message(f"tele/{self.address}/SENSOR", json.dumps(body).encode())

    def _shelly(self, now: datetime, power: float, energy: float) -> Message:
        phase = round(power / 3, 1)
        status: dict[str, Any] = {"id": 0, "total_act_power": round(power, 1)}
        for letter in "abc":
            status |= {
                f"{letter}_voltage": 127.3,
                f"{letter}_current": round(phase / 127.3, 3),
                f"{letter}_act_power": phase,
            }
        counters = {"id": 0, "total_act": round(energy, 2), "total_act_ret": 0.0}
        body = {
            "src": self.address,
            "dst": f"{self.address}/events",
            "method": "NotifyStatus",
            "params": {"ts": round(now.timestamp(), 2), "em:0": status, "emdata:0": counters},
        }
        return Message(f"{self.address}/events/rpc", json.dumps(body).encode())


def fleet(count: int, *, began: datetime | None = None) -> list[SimulatedMeter]:
    """So many devices, of each kind in turn."""
    since = began or datetime(2026, 1, 1, tzinfo=UTC)
    return [
        SimulatedMeter(KINDS[place % len(KINDS)], place // len(KINDS) + 1, since)
        for place in range(count)
    ]


class MqttFleet:
    """Publishes for all of them until `stop`."""

    def __init__(
        self,
        devices: Sequence[SimulatedMeter],
        host: str,
        port: int = 1883,
        *,
        every_s: float = 30.0,
        account: tuple[str, str] | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.devices, self.host, self.port = devices, host, port
        self.every_s, self.account, self.clock = every_s, account, clock
        self.published = 0
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        self._stopping.set()

    async def run(self) -> None:
        """Until `stop`; raises aiomqtt.MqttError when the broker goes away."""
        import aiomqtt

        user, password = self.account or (None, None)
        client = aiomqtt.Client(
            self.host, self.port, username=user, password=password, identifier="pulso-fleet"
        )
        async with client:
            for device in self.devices:
                for message in device.hello():
                    await self._publish(client, message)
            while not self._stopping.is_set():
                await self.round(client)

    async def round(self, client: Any) -> None:
        """Each device once, spread evenly over `every_s`."""
        pause = self.every_s / max(1, len(self.devices))
        for device in self.devices:
            for message in device.says(self.clock()):
                await self._publish(client, message)
            try:
                await asyncio.wait_for(self._stopping.wait(), pause)
            except TimeoutError:
                continue
            return

    async def _publish(self, client: Any, message: Message) -> None:
        await client.publish(message.topic, message.payload, qos=1, retain=message.is_retained)
        self.published += 1


def own_broker(port: int) -> Any:
    """A broker of our own, not started yet. Raises NoBroker without the package amqtt."""
    try:
        from meters.simulators.own_broker import OwnBroker
    except ImportError as error:
        raise NoBroker("no broker: name one, or install the package amqtt") from error
    return OwnBroker(port)


class MqttPart:
    """So many devices on a broker, as a part of `simulate_fleet`. `broker` is host:port; without
    one, a broker of our own is started."""

    def __init__(self, meters: int, broker: str = "", every_s: float = 30.0) -> None:
        self.devices = fleet(meters)
        self.broker, self.every_s = broker, every_s
        self.host, self.port = "127.0.0.1", 0
        self._own: Any = None
        self._fleet: MqttFleet | None = None
        self._running: asyncio.Task[None] | None = None

    async def start(self) -> None:
        host, _colon, port = self.broker.rpartition(":")
        self.host, self.port = host or "127.0.0.1", int(port or 0)
        if not self.port:
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                self.port = int(probe.getsockname()[1])
            self._own = own_broker(self.port)
            await asyncio.to_thread(self._own.start)
        self._fleet = MqttFleet(self.devices, self.host, self.port, every_s=self.every_s)
        self._running = asyncio.create_task(self._fleet.run())

    async def stop(self) -> None:
        if self._fleet is not None and self._running is not None:
            self._fleet.stop()
            await asyncio.wait([self._running], timeout=5)
        if self._own is not None:
            await asyncio.to_thread(self._own.stop)

    def places(self) -> list[Place]:
        return [
            Place(
                serial=device.address.rpartition("/")[2],
                driver=device.kind,
                address=device.address,
            )
            for device in self.devices
        ]
