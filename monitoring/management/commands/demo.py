from __future__ import annotations

import logging
import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from clients.kernel.attribution import attributed
from monitoring.services.demo_path import Deviation, NotRunning, walk


class Command(BaseCommand):
    help = "Walk the main path with real measurements through the running house, and check it."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--once", action="store_true", help="walk once and stop (as always)")

    def handle(self, *args: Any, **options: Any) -> None:
        logging.getLogger().setLevel(logging.WARNING)  # one line per step is the output
        began = time.monotonic()
        try:
            with attributed(command="demo"):
                walk(self.tell, now=timezone.now())
        except NotRunning as error:
            raise CommandError(str(error), returncode=2) from error
        except Deviation as error:
            raise CommandError(f"The main path deviates: {error}.", returncode=1) from error
        self.tell("all", time.monotonic() - began, "the main path holds")

    def tell(self, name: str, seconds: float, text: str) -> None:
        self.stdout.write(f"ok {seconds:7.2f} s  {name:<10} {text}")
        self.stdout.flush()
