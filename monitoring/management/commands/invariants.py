from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from typing import Any

from django.apps import apps
from django.core.management.base import BaseCommand, CommandError, CommandParser

from clients.kernel.invariants import INVARIANTS, Finding, check_all
from clients.kernel.tenancy import NoTenant


class Command(BaseCommand):
    help = "Check what must be true of the data. Exits 1 when a row offends, 0 when none does."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="print one JSON object")
        parser.add_argument("codes", nargs="*", help="only these rules, for example I8 I13")

    def handle(self, *args: Any, **options: Any) -> None:
        load_rules()
        known = {rule.code for rule in INVARIANTS}
        if unknown := sorted(set(options["codes"]) - known):
            raise CommandError(f"There is no invariant {', '.join(unknown)}.", returncode=2)
        try:
            findings = list(check_all(frozenset(options["codes"])))
        except NoTenant as error:
            raise CommandError(f"{error}.", returncode=2) from error
        if options["json"]:
            self.stdout.write(json.dumps(as_json(findings), default=str, ensure_ascii=False))
        else:
            self.tell(findings)
        if any(finding.rows for finding in findings):
            sys.exit(1)

    def tell(self, findings: list[Finding]) -> None:
        for finding in findings:
            mark = "✗" if finding.rows else "✓"
            self.stdout.write(
                f"{mark} {finding.code:<4} {finding.sentence} ({finding.name}, {finding.seconds} s)"
            )
            for row in finding.rows:
                self.stdout.write("       " + ", ".join(f"{k}={v}" for k, v in row.items()))
        broken = sum(bool(finding.rows) for finding in findings)
        self.stdout.write(f"{len(findings)} invariants, {broken} broken.")


def load_rules() -> None:
    """Import every app's `selectors/…invariants.py`, so that their rules are known."""
    for app in apps.get_app_configs():
        for file in sorted((Path(app.path) / "selectors").glob("*invariants.py")):
            importlib.import_module(f"{app.name}.selectors.{file.stem}")


def as_json(findings: list[Finding]) -> dict[str, Any]:
    return {
        "ok": not any(finding.rows for finding in findings),
        "invariants": [
            {
                "code": finding.code,
                "name": finding.name,
                "sentence": finding.sentence,
                "seconds": finding.seconds,
                "rows": finding.rows,
            }
            for finding in findings
        ],
    }
