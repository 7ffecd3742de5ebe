"""Ask devices until stopped."""

from __future__ import annotations

import asyncio
import logging
import signal
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from meters.services.polling import Poller, poll_due

logger = logging.getLogger(__name__)
PAUSE_S = 5.0


class Command(BaseCommand):
    help = "Ask the devices of all companies by their connections, until stopped."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--once", action="store_true", help="ask what is due now, then end")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["once"]:
            asked = poll_due(overdue=timedelta(0))
            self.stdout.write(f"{asked} devices asked.")
            return
        asyncio.run(supervised())


async def supervised() -> None:
    """The loop, begun anew should it ever fail; a signal ends it gracefully."""
    over, running = asyncio.Event(), Poller()

    def end() -> None:
        over.set()
        running.stop()

    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, end)
    while not over.is_set():
        try:
            await running.run()
        except Exception:
            logger.exception("polling failed and begins anew")
            await asyncio.sleep(PAUSE_S)
        if not over.is_set():
            running = Poller()
