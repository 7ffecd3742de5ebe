"""What `manage.py` does besides Django's own commands; each runs inside the environment."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module

import environ

from config.bootstrap import ROOT
from config.roles import DangerousRole
from config.services import ServiceError

COMMANDS = {
    "up": "Run everything: database, cache, web, workers, scheduler, two tenants to click on.",
    "test": "Run the whole suite; paths, -k and other options pass through to pytest.",
    "lint": "Run every static check.",
    "roles": "Create the database's roles, or print the SQL that does.",
}
INTERRUPTED = 130  # what a shell reports after Ctrl-C


def run(arguments: Sequence[str]) -> int:
    """The exit status of one command. What is wrong outside the program is told in a sentence."""
    environ.Env.read_env(ROOT / ".env")
    name = arguments[1] if len(arguments) > 1 else "help"
    try:
        if name in COMMANDS:
            return int(import_module(f"config.commands.{name}").run(list(arguments[2:])))
        return int(import_module("config.commands.django").run(list(arguments)))
    except (ServiceError, DangerousRole) as reason:
        sys.stderr.write(f"{reason}\n")
        return 2
    except KeyboardInterrupt:
        return INTERRUPTED
