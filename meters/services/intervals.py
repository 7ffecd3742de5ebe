"""Intervals and day totals, computed again for exactly what new readings touched.

The rules, in the order in which they apply to each quarter-hour and quantity:

1. *Register.* Between two readings of a register its value lies on a straight line; the quarter's
   share is the difference of that line at its two ends, each rounded to a watt-second (millilitre).
   Neighbours up to 30 minutes apart make a `measured` interval, up to 2 hours an `estimated` one;
   up to 40 days the difference is shared out like similar days (`estimation`). A register that fell
   or leapt is explained first (`corrected`).
2. *Power or flow*, where no register covers any of the quarter: a sample holds from its instant
   (included) to the next one (excluded), and at most the meter's `sample_seconds`. `derived`.
3. Nothing: no row. A gap is never zero.

The result depends on what is stored alone: any order, split or repetition of the same readings
gives the same rows. What a person typed or decided stands.
"""

from __future__ import annotations

import math
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

from django.db import connection
from django.db.models import Max, Min

from clients.kernel.tenancy import acting_for, current_tenant_id
from meters.events import intervals_changed
from meters.models import Interval, Meter
from meters.services import interval_sql as sql
from meters.services.corrected import Corrected, correct, interval_rows
from meters.services.editing import apply_edits
from meters.services.estimation import fill_gaps, gaps_resting_on, keep_estimates
from meters.services.followers import Stretch, tell_followers
from meters.services.local_days import local_days, stays
from meters.services.meter_facts import Facts, instant
from meters.services.register_events import keep_events
from meters.services.settled import open_part, set_apart, settled_before
from meters.services.stuck import alone_if_needed
from meters.services.touching import touch, touch_from

METERS_AT_ONCE: Final = 500
QUARTERS_AT_ONCE: Final = 6_000
SEGMENTS_AT_ONCE: Final = 20_000
SAME_STRETCH: Final = timedelta(days=4)
A_DAY: Final = timedelta(days=1)
SLOW_S: Final = 1.0  # of one transaction for registers that must be explained; the rest comes next
QUARTERS_OF_A_METER: Final = 672  # a week: one meter's long past must not keep others waiting


@dataclass(frozen=True, slots=True)
class Run:
    """Quarter-hours of a meter without a hole between them."""

    meter_id: int
    starts_at: datetime
    ends_at: datetime


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
            changed = alone_if_needed(runs, partial(_compute, floor=floor))
            tell_followers(changed)
            intervals_changed.announce(tenant_id=tenant_id)
        return len(taken)


def recompute_all_touched(tenant_id: int) -> int:
    """Everything that is touched now and not in another worker's hands."""
    total = 0
    while taken := recompute_touched(tenant_id):
        total += taken
    return total


def restate_days(meter_id: int) -> None:
    """Sum the meter's days anew in the zones of its places, in the caller's transaction.
    Intervals stay as they are."""
    known = Interval.objects.filter(meter_id=meter_id).aggregate(
        first=Min("starts_at"), last=Max("starts_at")
    )
    if known["first"] is None:
        return
    run = Run(meter_id, known["first"] - A_DAY, known["last"] + A_DAY)  # days of another zone too
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(7205759403792793600 + %s)", [meter_id])
        cursor.execute(sql.DAYS, _days(_facts(cursor, [run]), [run]))


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


def _compute(runs: Sequence[Run], *, floor: datetime | None) -> list[Run]:
    """Intervals and days of everything that the runs touch; answers what is new or counts anew."""
    with connection.cursor() as cursor:
        facts = _facts(cursor, runs)
        known = [run for run in runs if run.meter_id in facts]
        if not known:
            return list(runs)
        islands = open_part(_islands(cursor, facts, known), floor)
        factors = _factors(cursor, islands)
        plain = [island for island in islands if factors[island.meter_id] is not None]
        slow = {island.meter_id for island in islands} - {island.meter_id for island in plain}
        if plain:
            slow |= set(_execute(cursor, sql.COMPUTE, facts, plain, factors))
        done = [Run(i.meter_id, i.starts_at, i.ends_at) for i in plain if i.meter_id not in slow]
        todo = [Run(i.meter_id, i.starts_at, i.ends_at) for i in islands if i.meter_id in slow]
        corrected, changed, later = _correct(cursor, facts, todo, floor)
        runs = _put_back(runs, later)
        done += [_run(made) for made in corrected]
        filled = _fill(cursor, facts, done, corrected, floor)
        told = [*runs, *filled, *(_run(m) for m in corrected if m.facts.meter_id in changed)]
        done += filled
        apply_edits(*_columns(done).values())
        cursor.execute(sql.DAYS, _days(facts, done))
    return told


def _days(facts: Mapping[int, Facts], done: Iterable[Run]) -> dict[str, Any]:
    """The local days of the stretches, as the statement wants them."""
    days = [
        (run.meter_id, days)
        for run in done
        for days in local_days(facts[run.meter_id].zones, run.starts_at, run.ends_at)
    ]
    return {
        "tenant": current_tenant_id(),
        "meters": [meter_id for meter_id, _ in days],
        **{name: [getattr(of, name) for _, of in days] for name in ("first", "last", "opens")},
        "zones": [of.zone for _, of in days],
    }


@dataclass(frozen=True, slots=True)
class _Island:
    """Quarter-hours to write, and the readings that they need."""

    meter_id: int
    starts_at: datetime
    ends_at: datetime
    reads_from: datetime
    reads_to: datetime


def _islands(cursor: Any, facts: Mapping[int, Facts], runs: Sequence[Run]) -> list[_Island]:
    cursor.execute(
        sql.ISLANDS,
        {
            **_columns(runs),
            "tenant": current_tenant_id(),
            "ids": list(facts),
            "registers": [",".join(fact.registers) for fact in facts.values()],
            "holds": [fact.sample_seconds for fact in facts.values()],
        },
    )
    return [_Island(*row) for row in cursor.fetchall()]


def _factors(cursor: Any, islands: Sequence[_Island]) -> dict[int, int | None]:
    """What a unit of each meter stands for; None when the plain difference cannot answer."""
    cursor.execute(sql.SPECIAL, {**_island_columns(islands), "tenant": current_tenant_id()})
    factors: dict[int, int | None] = {island.meter_id: 1 for island in islands}
    found = cursor.fetchall()
    factors.update({meter_id: factor for meter_id, factor in found if factor is not None})
    factors.update({meter_id: None for meter_id, factor in found if factor is None})
    return factors


def _execute(
    cursor: Any,
    statement: str,
    facts: Mapping[int, Facts],
    islands: Sequence[_Island],
    factors: Mapping[int, int | None],
    **more: Any,
) -> list[int]:
    of = [facts[island.meter_id] for island in islands]
    cursor.execute(
        statement,
        {
            **_island_columns(islands),
            "tenant": current_tenant_id(),
            "first": min(island.reads_from for island in islands),
            "last": max(island.reads_to for island in islands),
            "holds": [fact.sample_seconds for fact in of],
            "signs": [fact.sign for fact in of],
            "factors": [factors.get(island.meter_id) or 1 for island in islands],
            "energy_rates": [fact.energy_rate for fact in of],
            "volume_rates": [fact.volume_rate for fact in of],
            "steps": [fact.step for fact in of],
            **more,
        },
    )
    return [row[0] for row in cursor.fetchall()]


def _correct(
    cursor: Any, facts: Mapping[int, Facts], runs: Iterable[Run], floor: datetime | None
) -> tuple[list[Corrected], set[int], list[Run]]:
    """Compute the runs the slow way and keep the events that explain them; with the meters of
    which an event changed, and the runs for which there was no time left."""
    made: list[Corrected] = []
    changed = set()
    todo = _apart(runs)
    until = time.monotonic() + SLOW_S
    while todo and (not made or time.monotonic() < until):
        run = todo.pop(0)
        stretch = _corrected(facts, run, floor)
        if keep_events(stretch):
            changed.add(run.meter_id)
        if stretch.rescaled_from is not None:
            touch_from(run.meter_id, instant(stretch.rescaled_from))
        made.append(stretch)
    _write(cursor, made)
    return made, changed, todo


def _put_back(runs: Sequence[Run], later: Sequence[Run]) -> list[Run]:
    """Have the touched runs that are not computed yet taken again, behind what waits now; answers
    the others."""
    stretches: dict[int, list[Run]] = defaultdict(list)
    for stretch in later:
        stretches[stretch.meter_id].append(stretch)
    undone = {
        run
        for run in runs
        for stretch in stretches.get(run.meter_id, ())
        if run.starts_at < stretch.ends_at and run.ends_at > stretch.starts_at
    }
    touch((run.meter_id, run.starts_at, run.ends_at) for run in runs if run in undone)
    return [run for run in runs if run not in undone]


def _corrected(facts: Mapping[int, Facts], run: Run, floor: datetime | None) -> Corrected:
    """The run computed from corrected registers, without what is settled for good."""
    return correct(
        facts[run.meter_id],
        run.starts_at.timestamp(),
        run.ends_at.timestamp(),
        settled_before=-math.inf if floor is None else floor.timestamp(),
    )


def _write(cursor: Any, made: Sequence[Corrected]) -> None:
    for some in _batches(_side_by_side(made)):
        _write_some(cursor, some)


def _batches(made: Iterable[Corrected]) -> Iterator[list[Corrected]]:
    """As many stretches as make a statement of a few megabytes."""
    some: list[Corrected] = []
    for stretch in made:
        some.append(stretch)
        if sum(len(one.segments) for one in some) >= SEGMENTS_AT_ONCE:
            yield some
            some = []
    if some:
        yield some


def _write_some(cursor: Any, made: Sequence[Corrected]) -> None:
    facts = {stretch.facts.meter_id: stretch.facts for stretch in made}
    islands = [
        _Island(
            run.meter_id,
            run.starts_at,
            run.ends_at,
            run.starts_at - timedelta(seconds=facts[run.meter_id].sample_seconds),
            run.ends_at,
        )
        for run in map(_run, made)
    ]
    _execute(cursor, sql.COMPUTE_GIVEN, facts, islands, {}, **interval_rows(made))


def _side_by_side(made: Iterable[Corrected]) -> list[Corrected]:
    """The stretches without what an earlier one has as well; they say the same there."""
    found: list[Corrected] = []
    for stretch in sorted(made, key=lambda stretch: (stretch.facts.meter_id, stretch.starts)):
        last = found[-1] if found else None
        if last and last.facts.meter_id == stretch.facts.meter_id:
            if stretch.ends <= last.ends:
                continue
            stretch = replace(stretch, starts=max(stretch.starts, last.ends))
        found.append(stretch)
    return found


def _run(made: Corrected) -> Run:
    return Run(made.facts.meter_id, instant(made.starts), instant(made.ends))


def _apart(runs: Iterable[Run]) -> list[Run]:
    """Runs of a meter that would read much of the same are one."""
    apart: list[Run] = []
    for run in sorted(runs, key=lambda run: (run.meter_id, run.starts_at)):
        last = apart[-1] if apart else None
        if last and last.meter_id == run.meter_id and run.starts_at <= last.ends_at + SAME_STRETCH:
            apart[-1] = Run(run.meter_id, last.starts_at, max(last.ends_at, run.ends_at))
        else:
            apart.append(run)
    return apart


def _fill(
    cursor: Any,
    facts: Mapping[int, Facts],
    done: Sequence[Run],
    corrected: Sequence[Corrected],
    floor: datetime | None,
) -> list[Run]:
    """Fill long gaps like similar days: those just met, and later ones that rest on these days.
    Answers the stretches computed for the latter."""
    met = {
        (stretch.facts.meter_id, instant(gap.starts))
        for stretch in corrected
        for gap in stretch.gaps
    }
    resting = [
        Run(*gap)
        for gap in gaps_resting_on(*_columns(done).values())
        if (gap[0], gap[1]) not in met
    ]
    again = [_corrected(facts, run, floor) for run in _apart(open_part(resting, floor))]
    shaped = []
    for stretch in corrected:
        filled, gaps = fill_gaps(stretch)
        keep_estimates(stretch, gaps)
        if filled is not stretch:
            shaped.append(filled)
    for stretch in again:
        filled, gaps = fill_gaps(stretch)
        keep_estimates(stretch, gaps)
        shaped.append(filled)
    _write(cursor, shaped)
    return [_run(stretch) for stretch in again]


def _facts(cursor: Any, runs: Sequence[Run]) -> dict[int, Facts]:
    cursor.execute(
        sql.METERS,
        {
            **_columns(runs),
            "tenant": current_tenant_id(),
            "first": min(run.starts_at for run in runs),
            "last": max(run.ends_at for run in runs),
        },
    )
    facts, newly_seen = {}, defaultdict(list)
    for meter_id, kind, seconds, seen, said, zone, since, names, *rest in cursor.fetchall():
        registers = tuple(sorted({*seen, *said}))
        if len(registers) > len(seen):
            newly_seen[registers].append(meter_id)
        zones = stays(zone, zip(since, names, strict=True))
        facts[meter_id] = Facts(meter_id, kind, seconds, registers, zones, *rest)
    for registers, meter_ids in newly_seen.items():
        Meter.objects.filter(pk__in=meter_ids).update(registers_seen=list(registers))
    return facts


def _island_columns(islands: Sequence[_Island]) -> dict[str, list[Any]]:
    return {
        **_columns(islands),
        "reads_from": [island.reads_from for island in islands],
        "reads_to": [island.reads_to for island in islands],
    }


def _columns(runs: Iterable[Stretch]) -> dict[str, list[Any]]:
    return {
        "meters": [run.meter_id for run in runs],
        "starts": [run.starts_at for run in runs],
        "ends": [run.ends_at for run in runs],
    }
