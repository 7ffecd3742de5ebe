"""Intervals and day totals, computed again for exactly what new readings touched.

The rules, in the order in which they apply to each quarter-hour and quantity:

1. *Register.* Between two readings of a register its value lies on a straight line; the quarter's
   share is the difference of that line at its two ends, each rounded to a watt-second (millilitre).
   Neighbours up to 30 minutes apart make a `measured` interval, up to 40 days an `estimated` one.
   A register that fell says nothing about what was used in between.
2. *Power or flow*, where no register covers any of the quarter: a sample holds from its instant
   (included) to the next one (excluded), and at most the meter's `sample_seconds`. `derived`.
3. Nothing: no row. A gap is never zero.

The result depends on the stored readings alone: any order, split or repetition of the same
readings gives the same rows. Rows edited by a person are left as they are.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db import connection

from clients.kernel.tenancy import acting_for, current_tenant_id
from meters.events import intervals_changed
from meters.models import Meter, MeterKind
from meters.services import interval_sql as sql
from meters.services.followers import tell_followers
from meters.services.settled import open_part, set_apart, settled_before

METERS_AT_ONCE: Final = 500
QUARTERS_AT_ONCE: Final = 6_000
QUARTERS_OF_A_METER: Final = 672  # a week: one meter's long past must not keep others waiting


@dataclass(frozen=True, slots=True)
class Run:
    """Quarter-hours of a meter without a hole between them."""

    meter_id: int
    starts_at: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class _Facts:
    """What must be known of a meter to compute its intervals."""

    sample_seconds: int
    sign: int
    registers: tuple[str, ...]
    zone: str


def recompute_touched(tenant_id: int) -> int:
    """Compute a bounded part of what the tenant's readings touched; the number of rows taken off.

    Call it until it answers 0. Each call is one transaction: what it takes is computed, or stays.
    Safe to call twice and at once from several workers.
    """
    with acting_for(tenant_id):
        taken = _take(tenant_id)
        if not taken:
            return 0
        floor = settled_before()
        set_apart(taken, floor)
        if runs := open_part(taken, floor):
            _compute(runs, floor)
            tell_followers(runs)
            intervals_changed.announce(tenant_id=tenant_id)
        return len(taken)


def recompute_all_touched(tenant_id: int) -> int:
    """Everything that is touched now and not in another worker's hands."""
    total = 0
    while taken := recompute_touched(tenant_id):
        total += taken
    return total


def _take(tenant_id: int) -> list[Run]:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = '60s'")
        cursor.execute(sql.TOUCHED_METERS, [tenant_id, METERS_AT_ONCE])
        meters = _a_slice(cursor.fetchall())
        cursor.execute(sql.LOCK_METERS, [meters])
        locked = [row[0] for row in cursor.fetchall()]
        cursor.execute(sql.TAKE_TOUCHED, [tenant_id, locked, QUARTERS_OF_A_METER])
        return [Run(*row) for row in cursor.fetchall()]


def _a_slice(touched: Sequence[tuple[int, int]]) -> list[int]:
    """The meters that have waited longest, as many as fit in a transaction of a few seconds."""
    meters, quarters = [], 0
    for meter_id, count in touched:
        if quarters >= QUARTERS_AT_ONCE:
            break
        meters.append(meter_id)
        quarters += min(count, QUARTERS_OF_A_METER)
    return sorted(meters)


def _compute(runs: Sequence[Run], floor: datetime | None) -> None:
    tenant_id = current_tenant_id()
    with connection.cursor() as cursor:
        facts = _facts(cursor, tenant_id, runs)
        known = [run for run in runs if run.meter_id in facts]
        if not known:
            return
        cursor.execute(
            sql.ISLANDS,
            {
                **_columns(known),
                "tenant": tenant_id,
                "ids": list(facts),
                "registers": [",".join(fact.registers) for fact in facts.values()],
                "holds": [fact.sample_seconds for fact in facts.values()],
            },
        )
        rows = cursor.fetchall()
        islands = open_part([Run(*row[:3]) for row in rows], floor)  # each reaches what is open
        cursor.execute(
            sql.COMPUTE,
            {
                **_columns(islands),
                "tenant": tenant_id,
                "reads_from": [row[3] for row in rows],
                "reads_to": [row[4] for row in rows],
                "first": min(row[3] for row in rows),
                "last": max(row[4] for row in rows),
                "holds": [facts[run.meter_id].sample_seconds for run in islands],
                "signs": [facts[run.meter_id].sign for run in islands],
            },
        )
        zones = [facts[run.meter_id].zone for run in islands]
        cursor.execute(sql.DAYS, {**_columns(islands), "tenant": tenant_id, "zones": zones})


def _facts(cursor: Any, tenant_id: int, runs: Sequence[Run]) -> dict[int, _Facts]:
    cursor.execute(
        sql.METERS,
        {
            **_columns(runs),
            "tenant": tenant_id,
            "first": min(run.starts_at for run in runs),
            "last": max(run.ends_at for run in runs),
        },
    )
    facts, newly_seen = {}, defaultdict(list)
    for meter_id, kind, seconds, seen, said, zone in cursor.fetchall():
        registers = tuple(sorted({*seen, *said}))
        if len(registers) > len(seen):
            newly_seen[registers].append(meter_id)
        sign = -1 if kind == MeterKind.SOLAR else 1
        facts[meter_id] = _Facts(seconds, sign, registers, zone)
    for registers, meter_ids in newly_seen.items():
        Meter.objects.filter(pk__in=meter_ids).update(registers_seen=list(registers))
    return facts


def _columns(runs: Iterable[Run]) -> dict[str, list[Any]]:
    return {
        "meters": [run.meter_id for run in runs],
        "starts": [run.starts_at for run in runs],
        "ends": [run.ends_at for run in runs],
    }
