"""`python -m config.commands.lint_migrations`: no migration may break the code that still runs."""

from __future__ import annotations

import os
import sys

from config.bootstrap import ROOT

APPS = ["clients", "meters", "messaging", "billing", "monitoring"]

# Looked at by hand: the linter reads SQL by its words, and these make what they seem to alter.
JUDGED = {
    "0002_create_readings": "NOT NULL and DROP stand in the partitioned table's own definition",
    "0004_validate_registers": "columns grow longer; new ones have a default in the database",
    "0005_widen_ingest": "a column grows longer; the unique one is filled by the database",
}


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    import django
    from django_migration_linter import MigrationLinter

    django.setup()
    linter = MigrationLinter(
        str(ROOT), database="owner", no_cache=True, include_apps=APPS, ignore_name=JUDGED
    )
    linter.lint_all_migrations()
    linter.print_summary()
    sys.exit(1 if linter.has_errors else 0)


if __name__ == "__main__":
    main()
