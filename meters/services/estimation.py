"""How a gap of more than two hours between two readings of a register is filled.

Like three days of the same type (working day, Saturday, Sunday or holiday) before the gap, the
latest that were measured from beginning to end, of the 35 days before. Their mean says how the
register's difference is spread, so that the parts add up to it exactly. Where there is no such day,
or a part would be more than can be delivered, it is spread evenly. Only measured days are gone by,
never estimates: so the order in which readings come makes no difference, and days that change
later have the gaps that rest on them filled anew.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Final
from zoneinfo import ZoneInfo

from django.db import connection

from clients.kernel.periods import Period, day_start
from clients.kernel.tenancy import current_tenant_id
from meters.models import Estimate, Meter, Method
from meters.models.interval import INTERVAL_SECONDS
from meters.selectors.places import zone_of
from meters.services import interval_sql as sql
from meters.services.corrected import UNITS, Corrected, Gap, Segment
from meters.services.day_types import DayType, day_type
from meters.services.meter_facts import COLUMNS, Facts, instant

LOOK_BACK: Final = timedelta(days=35)
DAYS_GONE_BY: Final = 3
QUARTERS_OF_A_DAY: Final = 96  # a day of 23 or 25 hours is none to go by
SIXTHS: Final = 6  # one, two and three days have whole shares of it
MICRO: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Profile:
    """Weights of the 96 quarter-hours of each type of day, and the days that they come from."""

    weights: dict[DayType, list[int]]
    days: dict[DayType, list[date]]


@dataclass(frozen=True, slots=True)
class Filled:
    """What fills a gap."""

    gap: Gap
    method: Method
    days: tuple[date, ...]
    segments: tuple[Segment, ...]


def fill_gaps(made: Corrected) -> tuple[Corrected, list[Filled]]:
    """The stretch with its gaps filled like similar days, where there are any."""
    filled = [fill(made.facts, gap) for gap in made.gaps]
    if all(one.method == Method.LINEAR for one in filled):
        return made, filled
    shaped = {segment for one in filled for segment in one.gap.segments}
    segments = [segment for segment in made.segments if segment not in shaped]
    segments += [segment for one in filled for segment in one.segments]
    return replace(made, segments=segments), filled


def fill(facts: Facts, gap: Gap) -> Filled:
    """The gap's segments, shaped if possible."""
    evenly = Filled(gap, Method.LINEAR, (), gap.segments)
    zone = facts.zone_at(gap.starts)
    profile = similar_days(facts.meter_id, COLUMNS[gap.register], instant(gap.starts), zone)
    quarters = _quarters(gap.starts, gap.ends)
    types = {day_type(_local(start, zone).date(), zone.key) for start, _ in quarters}
    if not types <= set(profile.weights):
        return evenly
    segments: list[Segment] = []
    for segment in gap.segments:
        pieces = _shaped(facts, segment, profile, zone)
        if pieces is None:
            return evenly
        segments += pieces
    days = sorted({day for kind in types for day in profile.days[kind]})
    return Filled(gap, Method.REFERENCE_DAYS, tuple(days), tuple(segments))


def like_similar_days(
    meter: Meter, period: Period, column: str
) -> tuple[list[int] | None, list[date]]:
    """What similar days before the period had in each of its quarter-hours, and which they were."""
    zone = zone_of(meter)
    profile = similar_days(meter.pk, column, period.start, zone)
    values, days = [], set()
    for start, _ in _quarters(period.start.timestamp(), period.end.timestamp()):
        local = _local(start, zone)
        kind = day_type(local.date(), zone.key)
        if kind not in profile.weights:
            return None, []
        values.append(profile.weights[kind][_slot(local)] // SIXTHS)
        days |= set(profile.days[kind])
    return values, sorted(days)


def similar_days(meter_id: int, column: str, before: datetime, zone: ZoneInfo) -> Profile:
    """The latest measured days of each type before the local day of `before`."""
    last = before.astimezone(zone).date()
    first = last - LOOK_BACK
    with connection.cursor() as cursor:
        cursor.execute(
            sql.MEASURED_DAYS.format(column=column),
            {
                "tenant": current_tenant_id(),
                "meter": meter_id,
                "first": day_start(first, zone),
                "last": day_start(last, zone),
                "zone": zone.key,
                "quarters": QUARTERS_OF_A_DAY,
            },
        )
        rows = cursor.fetchall()
    chosen: dict[DayType, list[tuple[date, list[int]]]] = defaultdict(list)
    for day, values in rows:  # the latest first
        of_type = chosen[day_type(day, zone.key)]
        if len(of_type) < DAYS_GONE_BY:
            of_type.append((day, values))
    return Profile(
        weights={
            kind: [
                sum(quarter) * (SIXTHS // len(days))
                for quarter in zip(*(values for _, values in days), strict=True)
            ]
            for kind, days in chosen.items()
        },
        days={kind: [day for day, _ in days] for kind, days in chosen.items()},
    )


def _shaped(
    facts: Facts, segment: Segment, profile: Profile, zone: ZoneInfo
) -> list[Segment] | None:
    quarters = _quarters(segment.starts, segment.ends)
    weights = []
    for start, end in quarters:
        local = _local(start, zone)
        share = profile.weights[day_type(local.date(), zone.key)][_slot(local)]
        weights.append(share * round((end - start) * MICRO))
    if not sum(weights):
        return None
    parts = apportioned(segment.end - segment.start, weights)
    limits, unit = facts.limits(segment.register), UNITS[segment.register]
    pieces, at = [], segment.start
    for (start, end), part in zip(quarters, parts, strict=True):
        if part > (limits.rate * (end - start) + limits.step) * unit:
            return None
        pieces.append(
            Segment(segment.register, start, end, at, at + part, segment.mult, sql.SHAPED)
        )
        at += part
    return pieces


def apportioned(amount: int, weights: Sequence[int]) -> list[int]:
    """`amount` in whole parts like the weights: the largest remainders round up, earlier first."""
    total = sum(weights)
    parts = [amount * weight // total for weight in weights]
    remainders = [amount * weight % total for weight in weights]
    left = amount - sum(parts)
    for place in sorted(range(len(weights)), key=lambda place: (-remainders[place], place))[:left]:
        parts[place] += 1
    return parts


def _quarters(starts: float, ends: float) -> list[tuple[float, float]]:
    """The stretch in pieces of a quarter-hour, the first and last of which may be shorter."""
    first = int(starts // INTERVAL_SECONDS) + 1
    last = -int(-ends // INTERVAL_SECONDS)
    edges = [starts, *(float(n * INTERVAL_SECONDS) for n in range(first, last)), ends]
    return list(pairwise(edges))


def _local(seconds: float, zone: ZoneInfo) -> datetime:
    return datetime.fromtimestamp(seconds, zone)


def _slot(local: datetime) -> int:
    return local.hour * 4 + local.minute // 15


def gaps_resting_on(
    meter_ids: list[int], starts: list[datetime], ends: list[datetime]
) -> list[tuple[int, datetime, datetime]]:
    """Filled gaps that may rest on days of these stretches: meter, start and end."""
    with connection.cursor() as cursor:
        cursor.execute(
            sql.GAPS_RESTING_ON,
            {
                "tenant": current_tenant_id(),
                "meters": meter_ids,
                "starts": starts,
                "ends": [end + LOOK_BACK + timedelta(days=2) for end in ends],
            },
        )
        return [(meter_id, start, end) for meter_id, start, end in cursor.fetchall()]


def keep_estimates(made: Corrected, filled: Iterable[Filled]) -> None:
    """Write down how each gap of the stretch was filled."""
    meter_id = made.facts.meter_id
    found = {
        (one.gap.register, instant(one.gap.starts)): (
            instant(one.gap.ends),
            one.method,
            list(one.days),
            sum((s.end - s.start) * s.mult for s in one.gap.segments),
        )
        for one in filled
    }
    stored = Estimate.objects.filter(
        meter_id=meter_id, starts_at__lt=instant(made.ends), ends_at__gt=instant(made.starts)
    )
    stale = []
    for row in stored:
        key = (row.register, row.starts_at)
        if found.get(key) == (row.ends_at, row.method, row.days, row.amount):
            del found[key]
        else:
            stale.append(row.pk)
    if stale:
        Estimate.objects.filter(pk__in=stale).delete()
    Estimate.objects.bulk_create(
        Estimate(
            tenant_id=current_tenant_id(),
            meter_id=meter_id,
            register=register,
            starts_at=starts_at,
            ends_at=ends_at,
            method=method,
            days=days,
            amount=amount,
        )
        for (register, starts_at), (ends_at, method, days, amount) in found.items()
    )
