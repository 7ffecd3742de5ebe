"""Run a WhatsApp Cloud API of our own on loopback until Ctrl-C."""

from __future__ import annotations

import signal
import threading
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from messaging.simulators.whatsapp import FAULTS, WhatsAppSimulator


class Command(BaseCommand):
    help = "Run a simulated WhatsApp Cloud API on loopback until Ctrl-C."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--port", type=int, default=8990)
        parser.add_argument(
            "--callback-base",
            default=settings.PUBLIC_URL,
            help="where webhooks go: scheme, host and port of the web server",
        )
        parser.add_argument(
            "--pace",
            type=float,
            default=0.5,
            help="seconds between accepted, sent, delivered, read",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            simulator = WhatsAppSimulator(
                options["port"],
                callback_base=options["callback_base"],
                pace_seconds=options["pace"],
            )
        except OSError as error:
            raise CommandError(f"Port {options['port']} is taken.", returncode=2) from error
        simulator.start()
        self.stdout.write(
            f"WhatsApp simulator at {simulator.url}; webhooks to {options['callback_base']}"
        )
        for digits, meaning in FAULTS.items() if options["verbosity"] else ():
            self.stdout.write(f"  a number ending in {digits}: {meaning}")
        stop = threading.Event()
        for each in (signal.SIGINT, signal.SIGTERM):
            signal.signal(each, lambda *_: stop.set())
        stop.wait()
        simulator.stop()
