"""What must be true of the data at any moment. `manage.py invariants` asks; a row is a breach.

An app writes its own in `<app>/selectors/invariants.py`:

    @invariant("I8", "Every ledger transaction balances.")
    def unbalanced() -> list[Row]:
        return offending("SELECT ... HAVING sum(amount_cents) <> 0")

The function returns the rows that offend, with ids and reasons and never a name, a number or a
secret. It runs in one read-only snapshot, as `ops`, across all tenants.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from django.db import connections

from clients.kernel.tenancy import OPS, across_tenants

Row = dict[str, Any]
MOST_ROWS: Final = 100


@dataclass(frozen=True, slots=True)
class Invariant:
    """A promise about the data: its code, the sentence, and the search for what breaks it."""

    code: str
    name: str
    sentence: str
    find: Callable[[], list[Row]]


@dataclass(frozen=True, slots=True)
class Finding:
    """What one invariant found: the rows that offend (at most 100), none when all is well."""

    code: str
    name: str
    sentence: str
    rows: list[Row]
    seconds: float


INVARIANTS: list[Invariant] = []


def invariant(code: str, sentence: str) -> Callable[[Callable[[], list[Row]]], Any]:
    """Register the search below. `code` names the rule (I8), `sentence` says what holds."""

    def register(find: Callable[[], list[Row]]) -> Callable[[], list[Row]]:
        name = f"{find.__module__.partition('.')[0]}.{find.__name__}"
        INVARIANTS.append(Invariant(code, name, sentence, find))
        return find

    return register


def offending(
    sql: str, params: list[Any] | None = None, *, most: int | None = MOST_ROWS
) -> list[Row]:
    """The first rows (all, with `most=None`) that a SELECT finds, as dicts."""
    with connections[OPS].cursor() as cursor:
        cursor.execute(sql, params)
        names = [column[0] for column in cursor.description or ()]
        rows = cursor.fetchall() if most is None else cursor.fetchmany(most)
        return [dict(zip(names, row, strict=True)) for row in rows]


def check_all(codes: frozenset[str] = frozenset()) -> Iterator[Finding]:
    """Ask every invariant (or those with `codes`) in one snapshot; yields each finding."""
    with across_tenants(read_only=True):
        _be_patient()
        for rule in sorted(INVARIANTS, key=lambda rule: (int(rule.code[1:]), rule.name)):
            if codes and rule.code not in codes:
                continue
            started = time.monotonic()
            rows = rule.find()[:MOST_ROWS]
            seconds = round(time.monotonic() - started, 3)
            yield Finding(rule.code, rule.name, rule.sentence, rows, seconds)


def _be_patient() -> None:
    with connections[OPS].cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = '10min'")
