"""Validation at work: judge a stretch of a meter's data, and keep what was found.

Running it again over the same data gives the same rows. A stretch that is no longer found closes
itself, unless a person has decided about it; one that grew, or whose start moved because late
readings came, stays the same row.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from clients.kernel.periods import Period, day_start
from clients.kernel.tenancy import acting_for, current_tenant_id
from meters.models import (
    UNDECIDED,
    ExceptionState,
    Meter,
    MeterException,
    Reading,
    Resolution,
    RuleCode,
    Severity,
    ValidationRule,
)
from meters.selectors.places import zone_of
from meters.selectors.presence import installed
from meters.services.followers import FOLLOWERS, Change, take_changes
from meters.services.validation.catalogue import LONGEST_REACH_DAYS
from meters.services.validation.rules import Applied, rules_for

FOLLOWER: Final = "validation"
CHANGES_AT_ONCE: Final = 2_000
DAY: Final = timedelta(days=1)
NEAR: Final = timedelta(days=2)
MERGED: Final = timedelta(days=7)
LONGEST_STRETCH: Final = timedelta(days=93)
GONE: Final = (Resolution.HEALED, Resolution.WITHDRAWN)
FOLLOWERS[FOLLOWER] = set  # every meter


@dataclass(frozen=True, slots=True)
class Found:
    """A stretch that a rule does not believe, as it will be kept."""

    rule: str
    severity: Severity
    starts_at: datetime
    ends_at: datetime
    values: dict[str, float | str]


def follow_changes(tenant_id: int, *, now: datetime) -> int:
    """Judge a bounded part of what changed; the number of changes taken. Call it until it is 0."""
    with acting_for(tenant_id):
        changes = take_changes(FOLLOWER, CHANGES_AT_ONCE)
        rows = list(ValidationRule.objects.all()) if changes else []
        meters = Meter.objects.in_bulk({change.meter_id for change in changes})
        for meter in meters.values():
            mine = [change for change in changes if change.meter_id == meter.pk]
            for stretch in joined(mine):
                validate_meter(meter, stretch, now=now, rows=rows)
        return len(changes)


def joined(changes: Sequence[Change]) -> list[Period]:
    """The changes as few stretches: what is judged anyway around one covers its neighbours."""
    stretches: list[Period] = []
    for change in sorted(changes, key=lambda change: change.starts_at):
        if stretches and change.starts_at - stretches[-1].end <= MERGED:
            end = max(stretches[-1].end, change.ends_at)
            stretches[-1] = Period(stretches[-1].start, end)
        else:
            stretches.append(Period(change.starts_at, change.ends_at))
    return stretches


def validate_meter(
    meter: Meter,
    changed: Period,
    *,
    now: datetime,
    rows: Iterable[ValidationRule] | None = None,
    codes: Iterable[str] | None = None,
) -> int:
    """Judge every verdict that these readings can have changed; the exceptions open there.

    Safe to call twice.
    """
    wanted = set(RuleCode.values if codes is None else codes) - {RuleCode.INACTIVE.value}
    rules = [rule for rule in rules_for(meter.kind, rows) if rule.code in wanted]
    zone, newest = zone_of(meter), newest_reading(meter)
    count = 0
    for reach, group in _by_reach(rules):
        window = _window(changed, zone, reach, newest)
        kept = _kept(meter, [rule.code for rule in group], window)
        found = judged(meter, window, group, zone, kept)
        count += _keep(meter, [rule.code for rule in group], found, kept, now)
    if newest is not None:
        _end_silence(meter, newest, now)
    return count


def validate_silence(meter: Meter, *, now: datetime) -> int:
    """Judge that nothing comes any more; the number of exceptions open for it."""
    rules = [rule for rule in rules_for(meter.kind) if rule.code == RuleCode.INACTIVE]
    newest = newest_reading(meter)
    if newest is None or not rules:
        return 0
    window = Period(newest, max(now, newest + DAY))
    found = judged(meter, window, rules, zone_of(meter), silent_since=newest)
    rows = MeterException.objects.filter(meter=meter, rule=RuleCode.INACTIVE)
    kept = list(rows.filter(starts_at__gte=newest).select_for_update())
    return _keep(meter, [RuleCode.INACTIVE], found, kept, now)


def _end_silence(meter: Meter, newest: datetime, now: datetime) -> None:
    """Close what is open about a silence that has ended."""
    rows = MeterException.objects.filter(
        meter=meter, rule=RuleCode.INACTIVE, state__in=UNDECIDED, starts_at__lt=newest
    )
    for row in rows.select_for_update():
        _heal(row, now)


def judged(
    meter: Meter,
    window: Period,
    rules: Sequence[Applied],
    zone: ZoneInfo,
    kept: Sequence[MeterException] = (),
    silent_since: datetime | None = None,
) -> list[Found]:
    """What the rules find in the window, nothing kept."""
    from meters.services.validation.checks import CHECKS
    from meters.services.validation.loading import aware, load

    seen = [row for row in kept if row.resolution not in GONE]
    material = load(
        meter,
        window,
        zone,
        reaches_back_to=min((row.starts_at for row in seen), default=None),
        reaches_on_to=max((row.ends_at for row in seen), default=None),
        silent_since=silent_since,
    )
    found: dict[tuple[str, datetime], Found] = {}
    for rule in rules:
        for finding in CHECKS[rule.code](material, rule.parameters):
            start, end = aware(finding.starts_at), aware(finding.ends_at)
            if start < window.end and end > window.start:
                found.setdefault(
                    (rule.code, start), Found(rule.code, rule.severity, start, end, finding.values)
                )
    return [found[key] for key in sorted(found)]


def newest_reading(meter: Meter) -> datetime | None:
    """The instant of the newest reading."""
    rows = Reading.objects.filter(meter_id=meter.pk).order_by("-measured_at")
    return rows.values_list("measured_at", flat=True).first()


def _by_reach(rules: Iterable[Applied]) -> list[tuple[int, list[Applied]]]:
    """Rules that look at readings nearby, and those that look back for weeks."""
    near = [rule for rule in rules if rule.entry.reach_days <= NEAR.days]
    far = [rule for rule in rules if rule.entry.reach_days > NEAR.days]
    return [(days, group) for days, group in ((2, near), (LONGEST_REACH_DAYS, far)) if group]


def _window(changed: Period, zone: ZoneInfo, reach: int, newest: datetime | None) -> Period:
    """Whole local days: from the one before the change to as far as it can be felt."""
    first = (changed.start.astimezone(zone) - DAY).date()
    felt = max(changed.end, min(changed.end + reach * DAY, newest or changed.end))
    return Period(day_start(first, zone), day_start(felt.astimezone(zone).date() + DAY, zone))


def _kept(meter: Meter, codes: Sequence[str], window: Period) -> list[MeterException]:
    """The rows of the rules that overlap the window."""
    rows = MeterException.objects.filter(
        meter=meter,
        rule__in=codes,
        ends_at__gt=window.start,
        starts_at__lt=window.end,
        starts_at__gte=window.start - LONGEST_STRETCH,
    )
    return list(rows.order_by("starts_at").select_for_update())


def _keep(
    meter: Meter,
    codes: Sequence[str],
    found: Sequence[Found],
    kept: Sequence[MeterException],
    now: datetime,
) -> int:
    """Have the rows say what was found."""
    fresh: list[MeterException] = []
    count = 0
    for code in codes:
        rows = [row for row in kept if row.rule == code]
        left = {row.starts_at: row for row in rows}
        open_here = []
        mine = [item for item in found if item.rule == code]
        matched = [(item, left.pop(item.starts_at, None)) for item in mine]
        for item, row in matched:
            row = row or _overlapped(item, left)
            if row is None:
                fresh.append(_new(meter, item, now))
                open_here.append(item)
            elif _follow(row, item):
                open_here.append(item)
        for row in left.values():
            if row.state in UNDECIDED:
                _heal(row, now)
        count += len(open_here)
    MeterException.objects.bulk_create(fresh, ignore_conflicts=True)
    return count


def _new(meter: Meter, item: Found, now: datetime) -> MeterException:
    return MeterException(
        tenant_id=current_tenant_id(),
        meter=meter,
        rule=item.rule,
        severity=item.severity,
        starts_at=item.starts_at,
        ends_at=item.ends_at,
        values=item.values,
        found_at=now,
    )


def _overlapped(item: Found, left: dict[datetime, MeterException]) -> MeterException | None:
    """An undecided row of the same stretch whose start has moved."""
    for start, row in left.items():
        overlaps = start < item.ends_at and row.ends_at > item.starts_at
        if overlaps and row.state in UNDECIDED:
            return left.pop(start)
    return None


def _follow(row: MeterException, item: Found) -> bool:
    """Have the row say what is found now; whether it is open."""
    is_back = row.resolution in {*GONE, Resolution.DISREGARDED}
    if is_back:
        row.state, row.resolution = ExceptionState.OPEN, ""
        row.decided_by, row.decided_at = "", None
    said = (row.starts_at, row.ends_at, row.severity, row.values)
    now_said = (item.starts_at, item.ends_at, str(item.severity), item.values)
    if is_back or said != now_said:
        row.starts_at, row.ends_at, row.severity, row.values = now_said
        row.save()
    return row.state in UNDECIDED


def _heal(row: MeterException, now: datetime) -> None:
    row.state, row.resolution = ExceptionState.RESOLVED, Resolution.HEALED
    row.decided_by, row.decided_at = "", now
    row.save()


def silent_meters(now: datetime) -> list[Meter]:
    """Active, installed meters that have said nothing for a day, for a look at each."""
    return [
        meter for meter in installed() if (newest := newest_reading(meter)) and now - newest >= DAY
    ]
