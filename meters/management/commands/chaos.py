from __future__ import annotations

import importlib
import inspect
import json
from pathlib import Path
from typing import Any, Final

from django.apps import apps
from django.core.management.base import BaseCommand, CommandError, CommandParser

FAULTS: Final = ("lost", "twice", "server_errors", "wrongly_stored")  # each must be 0


class Command(BaseCommand):
    help = "Break one thing under load, on servers of its own, and check what was promised."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="what to break, such as ingest")
        parser.add_argument("--kills", type=int, default=10)
        parser.add_argument("--count", type=int, default=10_000, help="of bodies")
        parser.add_argument("--seed", type=int, default=0)
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, name: str, **options: Any) -> None:
        known = assaults()
        if name not in known:
            raise CommandError(
                f"There is no “{name}” to break. There are: {', '.join(known)}.", returncode=2
            )
        run = importlib.import_module(known[name]).run
        found = run(**{asked: options[asked] for asked in inspect.signature(run).parameters})
        self.stdout.write(json.dumps(found, indent=None if options["json"] else 2))
        parts = [part for part in found.values() if isinstance(part, dict)]
        if any(part.get(fault) for part in parts for fault in FAULTS):
            raise CommandError("A promise was broken.")


def assaults() -> dict[str, str]:
    """What can be broken, in all apps: name → module. Each module has a `run` that takes
    some of the command's options and answers with a dict of what it found; see FAULTS."""
    return {
        file.stem: f"{app.name}.management.chaos.{file.stem}"
        for app in apps.get_app_configs()
        for file in sorted((Path(app.path) / "management" / "chaos").glob("[!_]*.py"))
    }
