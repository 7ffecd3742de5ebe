"""Remembers what the tables were made from: a start that changes nothing skips Django's look.

Only for our own database: what others do to a given one cannot be known here.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import psycopg

from config.bootstrap import ROOT, RUN_LOCK
from config.commands.installation import Installation
from config.processes import write_private


def sign_ins(installation: Installation) -> Path:
    """What `load_demo` printed, once the demonstration is there. Goes with the database."""
    if installation.postgres:
        return installation.postgres.folder / "sign-ins"
    return installation.folder / "sign-ins"


def is_up_to_date(installation: Installation, environment: dict[str, str]) -> bool:
    """Whether neither the migrations nor the database's record of them changed since `remember`."""
    if not installation.postgres:
        return False
    try:
        remembered = json.loads(_note(installation).read_text())
    except (OSError, ValueError):
        return False
    return bool(remembered == _state(environment))


def remember(installation: Installation, environment: dict[str, str]) -> None:
    if installation.postgres:
        write_private(_note(installation), json.dumps(_state(environment)))


def _note(installation: Installation) -> Path:
    return installation.folder / "postgres" / "migrated.json"


def _state(environment: dict[str, str]) -> list[object]:
    """The migrations as files, the packages that bring more of them, and what was applied."""
    sources = hashlib.sha256((ROOT / RUN_LOCK).read_bytes())
    for path in sorted(ROOT.glob("*/migrations/*.py")):
        sources.update(path.name.encode() + path.read_bytes())
    with psycopg.connect(environment["DATABASE_OWNER_URL"]) as connection:
        applied = connection.execute("SELECT count(*), max(id) FROM django_migrations").fetchone()
    return [sources.hexdigest(), *(applied or ())]
