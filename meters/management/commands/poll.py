"""Ask devices until stopped."""

from __future__ import annotations

import asyncio
import json
import logging
import signal
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from meters.drivers import DRIVERS
from meters.services.claims import seconds_to_next
from meters.services.outcomes import Outcome, code_of
from meters.services.polling import Poller, poll_due

logger = logging.getLogger(__name__)
PAUSE_S = 5.0


class Command(BaseCommand):
    help = "Ask the devices of all companies by their connections, until stopped."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--once", action="store_true", help="ask what is due now, then end")
        parser.add_argument("--trace", metavar="FILE", help="write a JSON line for each question")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["once"]:
            asked = poll_due(overdue=timedelta(0))
            self.stdout.write(f"{asked} devices asked.{'' if asked else why_none()}")
            return
        if not options["trace"]:
            asyncio.run(supervised())
            return
        with Path(options["trace"]).open("w", encoding="utf-8") as file:

            def trace(outcome: Outcome) -> None:
                file.write(line_of(outcome))

            asyncio.run(supervised(trace))


def why_none() -> str:
    """Why no device was asked, as a sentence to go on with."""
    wait_s = seconds_to_next(list(DRIVERS))
    if wait_s is None:
        return " No connection is polled."
    if wait_s > 0:
        return f" The next one is due in {wait_s:.0f} s."
    return " What is due is held by another poller, such as the one that `up` runs."


def line_of(outcome: Outcome) -> str:
    """One question: which connection, how late, how long, and what went wrong."""
    error = code_of(outcome.error) if outcome.error else ""
    took_s = outcome.ended - outcome.started
    facts = {"id": outcome.claimed.id, "late_s": outcome.waited_s, "took_s": took_s}
    return json.dumps(facts | {"at": outcome.started, "error": error}) + "\n"


async def supervised(on_outcome: Callable[[Outcome], None] | None = None) -> None:
    """The loop, begun anew should it ever fail; a signal ends it gracefully."""
    over, running = asyncio.Event(), Poller(on_outcome=on_outcome)

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
            running = Poller(on_outcome=on_outcome)
