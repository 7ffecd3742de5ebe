"""Who else must look at new readings: alarms, validation, forwarding.

A follower is a name and a question: which of these meters concern you? When touched quarter-hours
are computed, one `Change` row per follower and stretch is written in the same transaction. So a
lost nudge loses nothing, and nobody looks at readings before their intervals are there.

A follower takes its rows in the transaction in which it works: what it took is done, or is still
there. Of one meter's changes only one worker at a time gets any, oldest first.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from django.db import connection

from clients.kernel.tenancy import current_tenant_id
from meters.models.change import Change as ChangeRow

Wants = Callable[[Collection[int]], set[int]]
# Which of these meters concern the follower. Asked in the tenant's scope, once per transaction.
FOLLOWERS: Final[dict[str, Wants]] = {}
CHANGES_AT_ONCE: Final = 500
TENANTS_AT_ONCE: Final = 1_000


class Stretch(Protocol):
    """Quarter-hours of a meter without a hole between them."""

    @property
    def meter_id(self) -> int: ...
    @property
    def starts_at(self) -> datetime: ...
    @property
    def ends_at(self) -> datetime: ...


@dataclass(frozen=True, slots=True)
class Change:
    """Readings of the meter from `starts_at` (in) to `ends_at` (out) are new or count anew."""

    meter_id: int
    starts_at: datetime
    ends_at: datetime


def tell_followers(stretches: Iterable[Stretch]) -> None:
    """Write down for every follower what has changed for it, in the caller's transaction."""
    stretches = list(stretches)
    meter_ids = {stretch.meter_id for stretch in stretches}
    for name, wants in FOLLOWERS.items():
        wanted = wants(meter_ids)
        ChangeRow.objects.bulk_create(
            ChangeRow(
                follower=name,
                meter_id=stretch.meter_id,
                starts_at=stretch.starts_at,
                ends_at=stretch.ends_at,
            )
            for stretch in stretches
            if stretch.meter_id in wanted
        )


_TAKE: Final = """
    WITH oldest AS MATERIALIZED (
        SELECT id, meter_id FROM meters_change
        WHERE tenant_id = %(tenant)s AND follower = %(follower)s
            AND (%(since)s::timestamptz IS NULL OR ends_at >= %(since)s)
        ORDER BY id LIMIT %(most)s
    ), mine AS MATERIALIZED (
        SELECT meter_id FROM (SELECT DISTINCT meter_id FROM oldest) m
        WHERE pg_try_advisory_xact_lock(hashtext('meters.' || %(follower)s), hashint8(meter_id))
    ), taken AS (
        DELETE FROM meters_change
        WHERE id IN (SELECT id FROM oldest JOIN mine USING (meter_id))
        RETURNING id, meter_id, starts_at, ends_at
    )
    SELECT meter_id, starts_at, ends_at FROM taken ORDER BY id
"""


def take_changes(
    follower: str, limit: int = CHANGES_AT_ONCE, *, since: datetime | None = None
) -> list[Change]:
    """The tenant's oldest changes that no other worker holds, now the caller's transaction's; with
    `since`, only those of readings that reach so far.

    Call it inside `acting_for`, work, and leave: the rows are gone when the work has committed.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            _TAKE,
            {
                "tenant": current_tenant_id(),
                "follower": follower,
                "most": limit,
                "since": since,
            },
        )
        return [Change(*row) for row in cursor.fetchall()]


def tenants_waiting(follower: str) -> list[int]:
    """Tenants with changes for the follower, the longest waiting first: for its sweep."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT meters_change_tenants(%s, %s)", [follower, TENANTS_AT_ONCE])
        return [row[0] for row in cursor.fetchall()]
