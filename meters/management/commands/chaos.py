from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

from django.apps import apps
from django.core.management.base import BaseCommand, CommandError, CommandParser


class Command(BaseCommand):
    help = "Break one thing under load, on servers of its own, and check what was promised."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="what to break, such as ingest")
        parser.add_argument("--kills", type=int, default=10)
        parser.add_argument("--seed", type=int, default=0)
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, name: str, kills: int, seed: int, **options: Any) -> None:
        known = assaults()
        if name not in known:
            raise CommandError(
                f"There is no “{name}” to break. There are: {', '.join(known)}.", returncode=2
            )
        found = importlib.import_module(known[name]).run(kills=kills, seed=seed)
        self.stdout.write(json.dumps(found, indent=None if options["json"] else 2))
        parts = [part for part in found.values() if isinstance(part, dict)]
        if any(part["lost"] or part["twice"] for part in parts):
            raise CommandError("A promise was broken.")


def assaults() -> dict[str, str]:
    """What can be broken, in all apps: name → module. Each module has `run(kills, seed)`."""
    return {
        file.stem: f"{app.name}.management.chaos.{file.stem}"
        for app in apps.get_app_configs()
        for file in sorted((Path(app.path) / "management" / "chaos").glob("[!_]*.py"))
    }
