from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from billing.simulators.pix import PixSimulator


class Command(BaseCommand):
    help = "Runs a simulated bank that speaks API Pix, until Ctrl-C."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--port", type=int, default=8091)

    def handle(self, *args: Any, **options: Any) -> None:
        settings.PULSO_FOLDER.mkdir(parents=True, exist_ok=True)
        try:
            simulator = PixSimulator(options["port"], memory=settings.PULSO_FOLDER / "pix.json")
        except OSError as error:
            raise CommandError(f"Port {options['port']} is taken.", returncode=2) from error
        self.stdout.write(f"Simulated bank at {simulator.url}; Ctrl-C stops it.")
        try:
            simulator.serve()
        except KeyboardInterrupt:
            self.stdout.write("Stopped.")
