"""How often a rule would have rung: the same machine, run over what is stored."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import connection

from clients.kernel.tenancy import current_tenant_id
from meters.models import AlarmKind, AlarmRule, Meter, Phase
from meters.selectors.alarm_machine import Memory, Raised, run
from meters.selectors.alarm_samples import (
    Place,
    Span,
    condition_of,
    hours_of,
    lookback,
    places_of,
    reaches,
    read,
    series_of,
    silence_of,
)

DAYS: Final = 30
LONGEST: Final = timedelta(days=90)
MOST_METERS: Final = 20
MOST_SAMPLES: Final = 1_000_000
SLICE: Final = timedelta(days=3)
SHOWN: Final = 20
_SILENCES: Final = """
    SELECT measured_at, next_at FROM (
        SELECT measured_at, lead(measured_at, 1, %(end)s) OVER (ORDER BY measured_at) AS next_at
        FROM meters_reading WHERE tenant_id = %(tenant)s AND meter_id = %(meter)s
            AND measured_at >= %(start)s AND measured_at < %(end)s
    ) r WHERE next_at - measured_at >= %(silence)s ORDER BY measured_at
"""


@dataclass(frozen=True, slots=True)
class Ring:
    """One time it would have rung."""

    meter: Meter
    since: datetime
    at: datetime
    until: datetime | None
    value: float | None


@dataclass(slots=True)
class Preview:
    """What a rule would have done from `start` to `end`, on the meters that were looked at."""

    start: datetime
    end: datetime
    meters_reached: int
    meters_looked_at: int
    samples: int = 0
    is_whole: bool = True
    rings: list[Ring] = field(default_factory=list)
    time_raised: timedelta = timedelta(0)
    rings_by_meter: dict[int, int] = field(default_factory=dict)

    @property
    def count(self) -> int:
        return len(self.rings)

    @property
    def meters_ringing(self) -> int:
        return len(self.rings_by_meter)

    @property
    def newest(self) -> list[Ring]:
        return sorted(self.rings, key=lambda ring: ring.at, reverse=True)[:SHOWN]


def preview(rule: AlarmRule, *, now: datetime, days: int = DAYS) -> Preview:
    """How often the rule would have rung in the last days. It need not be saved, or enabled.

    At most 20 meters and a million samples are looked at; `is_whole` says when that was not all.
    Silence is judged by the readings' own time, since nobody knows any more when each came.
    """
    start = now - min(timedelta(days=days), LONGEST)
    places = [place for place in places_of().values() if reaches(rule, place)]
    chosen = places[:MOST_METERS]
    found = Preview(start, now, len(places), len(chosen), is_whole=len(places) == len(chosen))
    meters = Meter.objects.in_bulk([place.meter_id for place in chosen])
    for place in chosen:
        rings = _silences if rule.kind == AlarmKind.OFFLINE else _crossings
        for since, at, until, value in rings(rule, place, found):
            found.rings.append(Ring(meters[place.meter_id], since, at, until, value))
            found.time_raised += (until or now) - at
            before = found.rings_by_meter.get(place.meter_id, 0)
            found.rings_by_meter[place.meter_id] = before + 1
    return found


_Ring = tuple[datetime, datetime, datetime | None, float | None]


def _crossings(rule: AlarmRule, place: Place, found: Preview) -> Iterator[_Ring]:
    condition, memory = condition_of(rule, place), Memory()
    raised: Raised | None = None
    start = found.start
    while start < found.end:
        if found.samples >= MOST_SAMPLES:
            found.is_whole = False
            break
        end = min(start + SLICE, found.end)
        sheet = read([Span(place.meter_id, start - lookback(rule), end)], [rule.metric])[0]
        series = series_of(rule, sheet).between(start, end)
        found.samples += len(series.times)
        for transition in run(condition, memory, series.times, series.values):
            if isinstance(transition, Raised):
                raised = transition
            elif raised is not None:
                yield raised.since, raised.at, transition.at, transition.extreme
        start = end
    if memory.phase == Phase.RAISED and raised is not None:
        yield raised.since, raised.at, None, memory.extreme


def _silences(rule: AlarmRule, place: Place, found: Preview) -> Iterator[_Ring]:
    silence, hours = silence_of(rule, place), hours_of(rule, place.zone)
    with connection.cursor() as cursor:
        asked: dict[str, Any] = {
            "tenant": current_tenant_id(),
            "meter": place.meter_id,
            "start": found.start,
            "end": found.end,
            "silence": silence,
        }
        cursor.execute(_SILENCES, asked)
        rows = cursor.fetchall()
    for last, following in rows:
        at = last + silence
        if hours is None or hours.cover(at):
            yield last, at, following if following < found.end else None, None
