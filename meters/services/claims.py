"""Which connections to ask now, and what came of it: leases by the database's clock, by bus.

A bus is given to one holder at a time, whatever the tenant: two pollers never talk on one line.
The lease's number is the fence: whoever comes back late changes nothing.
"""

from __future__ import annotations

import json
import time
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import connection
from django.db.models.functions import Now

from clients.kernel.tenancy import acting_for
from clients.models import TenantStatus
from meters.drivers.base import Target
from meters.models import Connection, ConnectionState

HOLD: Final = timedelta(seconds=60)
ASLEEP: Final = timedelta(minutes=10)  # suspended, or out of use: look again later
CLAIM: Final = "SELECT * FROM meters_claim_connections(%s, %s, %s, %s, %s, %s)"
CLAIM_ONE: Final = "SELECT meters_claim_connection(%s, %s, %s, %s)"
SETTLE: Final = """
    UPDATE meters_connection AS c SET
        leased_until = NULL, failures = r.failures, last_error = r.error, error_facts = r.facts,
        last_tried_at = r.tried_at, last_ok_at = coalesce(r.ok_at, c.last_ok_at),
        state = CASE WHEN c.state = 'paused' THEN c.state ELSE r.state END,
        due_at = CASE WHEN c.due_at IS NULL THEN NULL
                 ELSE clock_timestamp() + make_interval(secs => r.delay_s) END
    FROM jsonb_to_recordset(%s::jsonb) AS r (
        id bigint, fence bigint, state text, failures integer, error text, facts jsonb,
        tried_at timestamptz, ok_at timestamptz, delay_s double precision)
    WHERE c.tenant_id = %s AND c.id = r.id AND c.lease_number = r.fence
"""
RELEASE: Final = """
    UPDATE meters_connection SET leased_until = NULL
    WHERE tenant_id = %s AND leased_by = %s AND (id, lease_number) IN (
        SELECT * FROM unnest(%s::bigint[], %s::bigint[]))
"""


@dataclass(frozen=True, slots=True)
class Claimed:
    """A connection that is ours to ask, until the lease ends."""

    tenant_id: int
    id: int
    fence: int
    due: float  # on time.monotonic()
    meter_id: int
    driver: str
    bus: str
    every_s: int
    failures: int
    has_answered: bool
    target: Target


@dataclass(frozen=True, slots=True)
class Settlement:
    """What to write down about a connection that was asked."""

    claimed: Claimed
    state: ConnectionState
    failures: int
    delay_s: float
    tried_at: datetime
    ok_at: datetime | None = None
    error: str = ""
    facts: dict[str, Any] = field(default_factory=dict)


def claim(
    holder: str,
    drivers: Sequence[str],
    *,
    limit: int,
    ahead: timedelta,
    held: Collection[int] = (),
) -> list[Claimed]:
    """Connections of any tenant that are due within `ahead`, now the holder's.

    The leases of those already `held` are prolonged. A negative `ahead` leaves punctual ones to
    somebody else.
    """
    asked: list[Any] = [holder, list(held), limit, ahead, HOLD, list(drivers)]
    with connection.cursor() as cursor:
        cursor.execute(CLAIM, asked)
        found = cursor.fetchall()
    now = time.monotonic()
    by_tenant: dict[int, dict[int, tuple[int, float]]] = defaultdict(dict)
    for tenant_id, connection_id, fence, due_in in found:
        by_tenant[tenant_id][connection_id] = (fence, now + due_in)
    return [
        claimed
        for tenant_id, rows in by_tenant.items()
        for claimed in _loaded(tenant_id, rows, holder)
    ]


def _loaded(tenant_id: int, rows: dict[int, tuple[int, float]], holder: str) -> list[Claimed]:
    with acting_for(tenant_id):
        chosen = Connection.objects.filter(
            pk__in=rows, tenant__status=TenantStatus.ACTIVE, meter__is_active=True
        )
        ours = {row.pk: row for row in chosen}
        asleep = Connection.objects.filter(pk__in=rows.keys() - ours.keys(), leased_by=holder)
        asleep.update(leased_until=None, due_at=Now() + ASLEEP)
        return [claimed_of(row, *rows[pk]) for pk, row in ours.items()]


def claim_one(holder: str, row: Connection) -> Claimed | None:
    """This connection alone, for a test by hand: None while its bus is busy.

    Ask again until it is free: the place is kept, and pollers begin nothing new on that bus.
    """
    asked: list[Any] = [f"test {holder}", row.tenant_id, row.pk, HOLD]
    with connection.cursor() as cursor:
        cursor.execute(CLAIM_ONE, asked)
        (fence,) = cursor.fetchone()
    return claimed_of(row, fence, time.monotonic()) if fence else None


def abandon(holder: str, row: Connection) -> None:
    """Give up the place that `claim_one` kept."""
    with acting_for(row.tenant_id):
        kept = Connection.objects.filter(pk=row.pk, leased_by=f"test {holder}")
        kept.update(leased_until=None)


def claimed_of(row: Connection, fence: int, due: float) -> Claimed:
    """The row in plain values."""
    return Claimed(
        tenant_id=row.tenant_id,
        id=row.pk,
        fence=fence,
        due=due,
        meter_id=row.meter_id,
        driver=row.driver,
        bus=row.bus or f"#{row.pk}",
        every_s=row.poll_every_seconds,
        failures=row.failures,
        has_answered=row.last_ok_at is not None,
        target=target_of(row),
    )


def target_of(row: Connection) -> Target:
    """Whom a driver asks, in plain values."""
    options = row.options if isinstance(row.options, dict) else {}
    return Target(
        profile=row.profile,
        transport=row.transport,
        host=row.host,
        port=row.port,
        serial_path=row.serial_path,
        baud=row.baud,
        parity=row.parity,
        stop_bits=row.stop_bits,
        unit_id=row.unit_id,
        address=row.address,
        timeout_s=row.timeout_ms / 1000,
        options=options,
        secrets=json.loads(row.secrets) if row.secrets else {},
    )


def settle(settlements: Iterable[Settlement]) -> None:
    """Write down how asking went and when to ask again. Lost leases change nothing."""
    by_tenant: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for each in settlements:
        by_tenant[each.claimed.tenant_id].append(
            {
                "id": each.claimed.id,
                "fence": each.claimed.fence,
                "state": each.state,
                "failures": each.failures,
                "error": each.error,
                "facts": each.facts,
                "tried_at": each.tried_at.isoformat(),
                "ok_at": each.ok_at and each.ok_at.isoformat(),
                "delay_s": each.delay_s,
            }
        )
    for tenant_id, rows in by_tenant.items():
        with acting_for(tenant_id), connection.cursor() as cursor:
            cursor.execute(SETTLE, [json.dumps(rows), tenant_id])


def release(holder: str, claimed: Iterable[Claimed]) -> None:
    """Give connections back that were not asked; they stay due."""
    by_tenant: dict[int, list[Claimed]] = defaultdict(list)
    for each in claimed:
        by_tenant[each.tenant_id].append(each)
    for tenant_id, rows in by_tenant.items():
        with acting_for(tenant_id), connection.cursor() as cursor:
            ids, fences = [row.id for row in rows], [row.fence for row in rows]
            cursor.execute(RELEASE, [tenant_id, holder, ids, fences])


def seconds_to_next(drivers: Sequence[str]) -> float | None:
    """When the next connection of any tenant is due, whoever holds it; None when there is none."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT meters_next_connection_due(%s)", [list(drivers)])
        found: float | None = cursor.fetchone()[0]
        return found
