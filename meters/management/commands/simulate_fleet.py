"""Serve simulated meters on loopback until Ctrl-C."""

from __future__ import annotations

import asyncio
import json
import signal
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from clients.kernel.tenancy import across_tenants
from clients.models import Tenant
from meters.services.brokers import enter_broker
from meters.services.connections import connect_places
from meters.simulators.fleet import PARTS, ModbusPart, Part
from meters.simulators.mqtt_fleet import MqttPart, NoBroker
from meters.simulators.place import Place


class Command(BaseCommand):
    help = "Serve simulated meters on loopback until Ctrl-C, for trying and for load."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--modbus", type=int, default=0, metavar="N", help="Modbus meters")
        for name in PARTS:
            parser.add_argument(f"--{name}", type=int, default=0, metavar="N")
        parser.add_argument("--broker", default="", help="host:port; without it, one of our own")
        parser.add_argument("--buses", type=int, default=5, help="gateways the meters hang on")
        parser.add_argument("--dead", type=int, default=0, help="how many never answer")
        parser.add_argument("--slow", type=int, default=0, help="how many need two seconds")
        parser.add_argument("--connect", metavar="SLUG", help="also enter them for this company")
        parser.add_argument("--json", action="store_true", help="print the places as JSON lines")

    def handle(self, *args: Any, **options: Any) -> None:
        parts: list[Part] = [make(options[name]) for name, make in PARTS.items() if options[name]]
        for part in parts:
            if isinstance(part, MqttPart):
                part.broker = options["broker"]
        if options["modbus"]:
            if options["dead"] + options["slow"] > options["modbus"]:
                raise CommandError("There are fewer meters than dead and slow ones.", returncode=2)
            parts.append(
                ModbusPart(options["modbus"], options["buses"], options["dead"], options["slow"])
            )
        if not parts:
            raise CommandError("Say how many meters: --modbus 10", returncode=2)
        tenant_id = tenant_called(options["connect"]) if options["connect"] else None
        asyncio.run(self._serve(parts, tenant_id, as_json=options["json"]))

    async def _serve(self, parts: list[Part], tenant_id: int | None, *, as_json: bool) -> None:
        stop = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        try:
            for part in parts:
                await part.start()
        except NoBroker as error:
            raise CommandError(str(error), returncode=2) from error
        places = [place for part in parts for place in part.places()]
        for place in places:
            self.stdout.write(json.dumps(asdict(place)) if as_json else line_of(place))
        if tenant_id is not None:
            said = [asdict(place) for place in places]
            made = await asyncio.to_thread(connect_places, tenant_id, said)
            self.stdout.write(f"{made} connections entered.")
        for part in parts:
            if isinstance(part, MqttPart):
                self.stdout.write(f"MQTT at {part.host}:{part.port}")
                if tenant_id is not None:
                    await asyncio.to_thread(enter_broker, tenant_id, part.host, part.port)
        self.stdout.flush()
        await stop.wait()
        for part in parts:
            await part.stop()


def tenant_called(slug: str) -> int:
    """The company that is to have the meters."""
    with across_tenants(read_only=True):
        tenant = Tenant.objects.filter(slug=slug).first()
    if tenant is None:
        raise CommandError(f"There is no company “{slug}”.", returncode=2)
    return int(tenant.pk)


def line_of(place: Place) -> str:
    """A place as people read it."""
    where = f"{place.host}:{place.port}" if place.host else place.address
    return f"{place.serial:16} {place.profile or place.driver:24} {where} {place.unit_id:>3} " + (
        f"{place.transport:12} {place.kind}"
    )
