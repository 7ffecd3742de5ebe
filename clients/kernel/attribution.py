"""Who is changing rows, and why: facts that the audit's triggers copy into each event.

`acting_for` tells them to the database with the tenant, so a transaction pays nothing for them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final

from django.db import connections

SETTING: Final = "pghistory.context_metadata"
ALIASES: Final = ("default", "ops")
_facts: ContextVar[dict[str, Any] | None] = ContextVar("attribution", default=None)


def attribution() -> str:
    """The facts known now, as the JSON that the triggers store; "" when nothing is known."""
    facts = _facts.get()
    return json.dumps(facts) if facts else ""


@contextmanager
def attributed(**facts: Any) -> Iterator[None]:
    """Add facts (`user_id`, `request_id`, `task`, `command` …) to every change made inside."""
    token = _facts.set({**(_facts.get() or {}), **facts})
    _tell_open_transactions()
    try:
        yield
    finally:
        _facts.reset(token)
        _tell_open_transactions()


def because(reason: str) -> Any:
    """Name the reason of every change made inside, in the words of the person who gave it."""
    return attributed(reason=reason[:500])


def _tell_open_transactions() -> None:
    for alias in ALIASES:
        if alias not in connections:
            continue
        connection = connections[alias]
        if connection.in_atomic_block and not connection.needs_rollback:
            with connection.cursor() as cursor:
                cursor.execute("SELECT set_config(%s, %s, true)", [SETTING, attribution()])
