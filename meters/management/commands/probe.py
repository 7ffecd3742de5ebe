"""Ask a Modbus device by hand: what it says, and which profile fits."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser, no_translations

from clients.kernel.errors import Permanent, Retryable
from meters.drivers.base import Target
from meters.drivers.diagnosis import diagnose, fitting
from meters.drivers.modbus import Modbus
from meters.services.connections import doubts_in_words, sentence_of
from meters.services.outcomes import code_of

LAST_UNIT = 255


class Command(BaseCommand):
    help = "Ask a Modbus device: what it says, and which profile fits. Nothing is stored."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("place", help="host, host:port, or a serial port such as /dev/ttyUSB0")
        parser.add_argument("--unit", default="1", help="a number, or a range to search: 1-10")
        parser.add_argument("--profile", default="", help="without it, every profile is tried")
        parser.add_argument("--rtu", action="store_true", help="RTU frames over TCP")
        parser.add_argument("--baud", type=int, default=9_600)
        parser.add_argument("--parity", choices=["N", "E", "O"], default="N")
        parser.add_argument("--timeout", type=float, default=1.0, help="seconds")

    @no_translations
    def handle(self, *args: Any, **options: Any) -> None:
        units, target = units_of(options["unit"]), target_of(options)
        for unit in units:
            asyncio.run(self._ask(replace(target, unit_id=unit)))

    async def _ask(self, target: Target) -> None:
        line = Modbus()
        try:
            lines = await (told(line, target) if target.profile else guessed(line, target))
        except (Retryable, Permanent) as error:
            lines = [sentence_of(code_of(error), {})]
        finally:
            await line.close()
        self.stdout.write(f"{target.unit_id:>3}  " + "\n     ".join(lines))


def units_of(text: str) -> range:
    """The units to ask. Raises CommandError."""
    first, _dash, last = text.partition("-")
    try:
        found = range(int(first), int(last or first) + 1)
    except ValueError:
        found = range(0)
    if not found or found[0] < 0 or found[-1] > LAST_UNIT:
        sentence = f"--unit is a number from 0 to {LAST_UNIT}, or a range such as 1-10; not {text}"
        raise CommandError(sentence, returncode=2)
    return found


def target_of(options: dict[str, Any]) -> Target:
    """The place in a driver's words."""
    is_serial = options["place"].startswith("/")
    host, _colon, port = options["place"].partition(":")
    if not (is_serial or (host and (port.isdecimal() or not port))):
        raise CommandError(f"{options['place']} is no host:port nor a serial port", returncode=2)
    return Target(
        profile=options["profile"],
        transport="serial" if is_serial else "rtu_over_tcp" if options["rtu"] else "tcp",
        host="" if is_serial else host,
        port=0 if is_serial else int(port or 502),
        serial_path=options["place"] if is_serial else "",
        baud=options["baud"],
        parity=options["parity"],
        timeout_s=options["timeout"],
    )


async def told(line: Modbus, target: Target) -> list[str]:
    """What the device says through the chosen profile."""
    found = await diagnose(line, target)
    values = [f"{name} = {value:g}" for name, value in found.values.items()]
    fits = [f"{each.title} would fit" for each in found.suggestions]
    return [found.title, *values, *doubts_in_words(found.doubts), *fits]


async def guessed(line: Modbus, target: Target) -> list[str]:
    """The profiles that make sense of the device."""
    found = await fitting(line, target)
    return [
        f"{each.profile}: " + ", ".join(f"{n} = {v:g}" for n, v in list(each.values.items())[:6])
        for each in found
    ] or ["it answers, and no profile fits"]
