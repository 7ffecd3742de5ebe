"""Rows that promise an effect on the outside: leased, tried, done or given up (DESIGN §4).

A row is due while `due_at` is set. Workers lease due rows with SKIP LOCKED by the database's clock;
the attempt's number fences: whoever comes back late with an old attempt changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, ClassVar

from django.db import connection, models
from django.db.models.functions import Now

from clients.kernel.rls import DefinerFunction
from clients.kernel.tenancy import TenantModel


class LeasedModel(TenantModel):
    """A tenant's row with work due at an instant. Its migration adds `LeaseFunction(<Model>)`."""

    max_attempts: ClassVar[int] = 8

    due_at = models.DateTimeField(null=True, blank=True, db_default=Now())
    leased_until = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    died_at = models.DateTimeField(null=True, blank=True)
    last_error = models.CharField(max_length=500, blank=True, default="")

    class Meta(TenantModel.Meta):
        abstract = True


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to work on one row until the lease ends; `attempt` is the fence."""

    tenant_id: int
    id: int
    attempt: int


class LeaseFunction(DefinerFunction):
    """Creates `lease_<table>`: buries exhausted rows, then leases due ones, of any tenant."""

    def __init__(self, table: str) -> None:
        unleased = (
            "due_at <= clock_timestamp() "
            "AND coalesce(leased_until, '-infinity') < clock_timestamp()"
        )
        chosen = (
            "(only_tenant IS NULL OR tenant_id = only_tenant) AND (only_id IS NULL OR id = only_id)"
        )
        super().__init__(
            f"lease_{table}",
            "max_rows integer, duration interval, most_attempts integer, "
            "only_tenant bigint, only_id bigint",
            "TABLE (tenant_id bigint, id bigint, attempt integer)",
            f"""
            UPDATE "{table}" SET died_at = clock_timestamp(), due_at = NULL, leased_until = NULL,
                last_error = left('gave up: ' || last_error, 500)
            WHERE id IN (SELECT id FROM "{table}" WHERE {unleased} AND attempts >= most_attempts
                         AND {chosen} LIMIT max_rows FOR UPDATE SKIP LOCKED);
            UPDATE "{table}" AS row SET attempts = attempts + 1,
                leased_until = clock_timestamp() + duration
            FROM (SELECT id FROM "{table}" WHERE {unleased} AND attempts < most_attempts
                  AND {chosen} ORDER BY due_at LIMIT max_rows FOR UPDATE SKIP LOCKED) AS due
            WHERE row.id = due.id
            RETURNING row.tenant_id, row.id, row.attempts::integer;
            """,
        )


def lease(
    model: type[LeasedModel],
    limit: int,
    duration: timedelta,
    *,
    tenant_id: int | None = None,
    id: int | None = None,  # noqa: A002 - the column's own name
) -> list[Lease]:
    """Up to `limit` due rows, now ours for `duration`. Works without an open tenant.

    Rows whose attempts are used up are given up first (`died_at` is set).
    """
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT * FROM lease_{model._meta.db_table}(%s, %s, %s, %s, %s)",
            [limit, f"{duration.total_seconds()} seconds", model.max_attempts, tenant_id, id],
        )
        return [Lease(*row) for row in cursor.fetchall()]


def lease_one(
    model: type[LeasedModel],
    tenant_id: int,
    id: int,  # noqa: A002
    duration: timedelta,
) -> Lease | None:
    """This row, if it is due and nobody has it."""
    return next(iter(lease(model, 1, duration, tenant_id=tenant_id, id=id)), None)


def done(model: type[LeasedModel], held: Lease, **fields: Any) -> bool:
    """Record that the work is done. False, and no change, when the lease was lost to another."""
    return _finish(model, held, due_at=None, last_error="", **fields)


def postpone(
    model: type[LeasedModel], held: Lease, delay: timedelta, error: str, **fields: Any
) -> bool:
    """Give the row back; it is due again after `delay` (database clock)."""
    return _finish(model, held, due_at=Now() + delay, last_error=error[:500], **fields)


def bury(model: type[LeasedModel], held: Lease, error: str, **fields: Any) -> bool:
    """Give up for good: the row stays, dead, with the reason."""
    return _finish(model, held, due_at=None, died_at=Now(), last_error=error[:500], **fields)


def _finish(model: type[LeasedModel], held: Lease, **fields: Any) -> bool:
    rows: models.Manager[Any] = model._default_manager
    ours = rows.filter(pk=held.id, attempts=held.attempt, leased_until__isnull=False)
    return bool(ours.update(leased_until=None, **fields))
