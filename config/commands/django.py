"""Every other command: Django's and the apps' own, with servers that answer."""

from __future__ import annotations

import os
import sys
from difflib import get_close_matches
from typing import Any

from config.commands import COMMANDS
from config.commands.installation import servers

WITHOUT_SERVERS = {
    "help",
    "--help",
    "-h",
    "version",
    "--version",
    "collectstatic",
    "compilemessages",
    "makemessages",
    "spectacular",
    "diffsettings",
}


def run(arguments: list[str]) -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    name = arguments[1] if len(arguments) > 1 else "help"
    if name in WITHOUT_SERVERS or {"--help", "-h"} & set(arguments):
        if arguments[1:] in ([], ["help"]):
            print("\n".join(f"{ours:10} {text}" for ours, text in COMMANDS.items()), end="\n\n")
        execute(arguments)
        return 0
    with servers():
        execute(with_owner(name, arguments))
    return 0


def execute(arguments: list[str]) -> None:
    """Django's own way, with a sentence and status 2 for a command that there is not."""
    from django.core.management import ManagementUtility, get_commands

    class Commands(ManagementUtility):
        def fetch_command(self, subcommand: str) -> Any:
            known = [*COMMANDS, *get_commands()]
            if subcommand in known:
                return super().fetch_command(subcommand)
            near = get_close_matches(subcommand, known, 1)
            hint = f" Did you mean {near[0]}?" if near else ""
            sys.stderr.write(f"There is no command {subcommand}.{hint} manage.py help names all.\n")
            raise SystemExit(2)

    Commands(arguments).execute()


def with_owner(name: str, arguments: list[str]) -> list[str]:
    """Only the owner may change tables."""
    has_owner = bool(os.environ.get("DATABASE_OWNER_URL"))
    names_one = any(argument.startswith("--database") for argument in arguments)
    if name not in {"migrate", "sqlmigrate", "showmigrations"} or names_one:
        return arguments
    if not has_owner:
        sys.stderr.write("DATABASE_OWNER_URL is not set: the tables' owner is needed here.\n")
        raise SystemExit(2)
    return [*arguments, "--database", "owner"]
