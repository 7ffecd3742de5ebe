from __future__ import annotations

import importlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.apps import apps
from django.core.management.base import BaseCommand, CommandError, CommandParser

Bench = Callable[[], dict[str, Any]]


class Command(BaseCommand):
    help = "Measure one thing and print what was measured, with --json as one JSON object."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", nargs="?", help="what to measure; without it, the list")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, name: str | None, **options: Any) -> None:
        known = benches()
        if name is None:
            self.stdout.write("\n".join(sorted(known)) or "There are no benches.")
            return
        if name not in known:
            raise CommandError(
                f"There is no bench “{name}”. There are: {', '.join(sorted(known)) or 'none'}.",
                returncode=2,
            )
        run: Bench = importlib.import_module(known[name]).run
        found = run()
        self.stdout.write(
            json.dumps(found, ensure_ascii=False, indent=None if options["json"] else 2)
        )


def benches() -> dict[str, str]:
    """The benches of all apps: name → module. Each module has `run() -> dict`."""
    return {
        file.stem: f"{app.name}.management.benches.{file.stem}"
        for app in apps.get_app_configs()
        for file in sorted((Path(app.path) / "management" / "benches").glob("[!_]*.py"))
    }
