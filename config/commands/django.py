"""Every other command: Django's and the apps' own, with servers that answer."""

from __future__ import annotations

import os
import sys

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
    from django.core.management import execute_from_command_line

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    name = arguments[1] if len(arguments) > 1 else "help"
    if name in WITHOUT_SERVERS or {"--help", "-h"} & set(arguments):
        if arguments[1:] in ([], ["help"]):
            print("\n".join(f"{ours:10} {text}" for ours, text in COMMANDS.items()), end="\n\n")
        execute_from_command_line(arguments)
        return 0
    with servers():
        execute_from_command_line(with_owner(name, arguments))
    return 0


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
