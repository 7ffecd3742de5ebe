"""Listen to the MQTT brokers of every tenant until Ctrl-C."""

from __future__ import annotations

import asyncio
import signal
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from meters.services.brokers import Listening


class Command(BaseCommand):
    help = (
        "Listen to the MQTT brokers of every tenant until Ctrl-C. "
        "Several such processes share the brokers."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--name",
            default="",
            help="a process that starts again under the same name has its brokers back at once",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        asyncio.run(self._listen(options["name"]))

    async def _listen(self, name: str) -> None:
        listening = Listening(name)
        for each in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(each, listening.stop)
        await listening.run()
