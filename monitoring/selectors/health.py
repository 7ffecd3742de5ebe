"""Whether the house stands: each check says what it looked at, how long it took, and a sentence."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from django.core.cache import caches
from django.db import DatabaseError, connection, transaction
from django.db.migrations.loader import MigrationLoader
from django.utils.translation import gettext as _

from monitoring.selectors.health_words import table_in_words

HEARTBEAT: Final = "monitoring.tasks.heartbeat"
LATE_SCHEDULER_S: Final = 60
LATE_ROW_S: Final = 600
PATIENCE: Final = "2s"
OK, DEGRADED, FAILED = "ok", "degraded", "failed"


@dataclass(frozen=True, slots=True)
class Check:
    """What one look found. Without a `vital` one, requests cannot be answered."""

    name: str
    ok: bool
    vital: bool
    ms: float
    sentence: str

    def as_json(self) -> dict[str, Any]:
        return {"name": self.name, "ok": self.ok, "ms": self.ms, "sentence": self.sentence}


Look = Callable[[], tuple[bool, str]]
_looks: list[tuple[str, bool, Look]] = []


def _look(name: str, *, vital: bool) -> Callable[[Look], Look]:
    def register(look: Look) -> Look:
        _looks.append((name, vital, look))
        return look

    return register


def checks() -> list[Check]:
    """Look at everything once. Never raises, whatever is down."""
    return [_timed(name, vital, look) for name, vital, look in _looks]


def status_of(found: list[Check]) -> str:
    """`failed` when requests cannot be answered, `degraded` when work waits, else `ok`."""
    if not all(check.ok for check in found if check.vital):
        return FAILED
    return OK if all(check.ok for check in found) else DEGRADED


def _timed(name: str, vital: bool, look: Look) -> Check:
    started = time.perf_counter()
    try:
        ok, sentence = look()
    except DatabaseError as error:
        ok, sentence = False, _("The database did not answer (%s).") % type(error).__name__
    return Check(name, ok, vital, round((time.perf_counter() - started) * 1000, 1), sentence)


def _rows(sql: str, params: list[Any] | None = None) -> list[tuple[Any, ...]]:
    alone = not connection.in_atomic_block  # else the setting would outlive us
    with transaction.atomic(), connection.cursor() as cursor:
        if alone:
            cursor.execute("SELECT set_config('statement_timeout', %s, true)", [PATIENCE])
        cursor.execute(sql, params)
        return list(cursor.fetchall())


@_look("database", vital=True)
def _database() -> tuple[bool, str]:
    [(version, role)] = _rows("SELECT current_setting('server_version'), current_user")
    return True, _("PostgreSQL %(version)s answers as %(role)s.") % {
        "version": version.split(" ")[0],
        "role": role,
    }


@_look("migrations", vital=True)
def _migrations() -> tuple[bool, str]:
    applied = {tuple(row) for row in _rows("SELECT app, name FROM django_migrations")}
    missing = sorted(migrations_on_disk() - applied)
    if missing:
        named = ", ".join(f"{app}.{name}" for app, name in missing[:3])
        return False, _("%(count)d migrations are not applied: %(names)s.") % {
            "count": len(missing),
            "names": named,
        }
    return True, _("All %d migrations are applied.") % len(migrations_on_disk())


@functools.cache
def migrations_on_disk() -> frozenset[tuple[str, str]]:
    """The migrations this code was written for."""
    loader = MigrationLoader(None, load=False)
    loader.load_disk()
    return frozenset(loader.disk_migrations or {}) - replaced(loader)


def replaced(loader: MigrationLoader) -> set[tuple[str, str]]:
    """Migrations that a squashed one stands in for."""
    return {
        old for migration in (loader.disk_migrations or {}).values() for old in migration.replaces
    }


@_look("cache", vital=False)
def _cache() -> tuple[bool, str]:
    cache: Any = caches["default"]
    if cache.answers():
        return True, _("Valkey answers.")
    return False, _("Valkey does not answer; the cache is each process's own memory meanwhile.")


@_look("scheduler", vital=False)
def _scheduler() -> tuple[bool, str]:
    age = job_ages().get(HEARTBEAT)
    if age is None:
        return False, _("The scheduler has not run since the database was made.")
    return age <= LATE_SCHEDULER_S, _("The scheduler last ran %d s ago.") % age


@_look("due_rows", vital=False)
def _due_rows() -> tuple[bool, str]:
    ages = due_ages()
    if not ages:
        return True, _("No table has work to lease.")
    table = max(ages, key=lambda name: ages[name])
    if not ages[table]:
        return True, _("Nothing is waiting in %d tables of due work.") % len(ages)
    return ages[table] <= LATE_ROW_S, _("The oldest due row waits %(age)d s, in %(table)s.") % {
        "age": ages[table],
        "table": table_in_words(table),
    }


def job_ages() -> dict[str, float]:
    """Seconds since each periodic job last began."""
    rows = _rows(
        "SELECT job, extract(epoch FROM clock_timestamp() - max(started_at))::float8 "
        "FROM clients_jobslot GROUP BY job"
    )
    return dict(rows)


def due_ages() -> dict[str, float]:
    """Seconds that the oldest due and unleased row of each table has been waiting, 0 when none."""
    return dict(_rows("SELECT source, age_seconds FROM oldest_due()"))
