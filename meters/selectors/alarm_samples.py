"""What alarm rules look at: the samples of stretches of meters, and the places of meters."""

# ruff: noqa: E501 - SQL reads better unbroken

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from django.db import connection

from clients.kernel.tenancy import current_tenant_id
from meters.models.alarm_metrics import METRICS
from meters.models.alarm_rule import AlarmKind, AlarmRule, Scope
from meters.models.quantities import INSTANTS
from meters.selectors.alarm_machine import MIDNIGHT, Condition, Hours

QUARTER: Final = timedelta(minutes=15)
MISSED: Final = 3  # so many of a meter's own intervals are silence, when the rule names no time
SHORTEST: Final = timedelta(minutes=1)
UNKNOWN_CADENCE: Final = timedelta(hours=2)


@dataclass(frozen=True, slots=True)
class Span:
    """A meter from one instant (in) to another (out)."""

    meter_id: int
    start: datetime
    end: datetime


@dataclass(slots=True)
class Series:
    """Instants and values, oldest first."""

    times: list[datetime] = field(default_factory=list)
    values: list[float] = field(default_factory=list)

    def between(self, start: datetime, end: datetime) -> Series:
        """The part from `start` (in) to `end` (out)."""
        first, last = bisect_left(self.times, start), bisect_left(self.times, end)
        return Series(self.times[first:last], self.values[first:last])

    def count(self, start: datetime, end: datetime) -> int:
        return bisect_left(self.times, end) - bisect_left(self.times, start)


Sheet = dict[str, Series]  # the metrics of a span, by name


def read(spans: Sequence[Span], metrics: Collection[str]) -> list[Sheet]:
    """The samples of each span, in two queries at most. A metric that was not said is empty."""
    sheets: list[Sheet] = [{name: Series() for name in metrics} for _ in spans]
    raw = [name for name in metrics if not METRICS[name].is_interval]
    counted = [name for name in metrics if METRICS[name].is_interval]
    if spans and raw:
        _fill(sheets, raw, _query(_READINGS, spans, raw))
    if spans and counted:
        _fill(sheets, counted, _query(_INTERVALS, spans, counted))
    return sheets


def rates(series: Series, window: timedelta) -> Series:
    """How much the value changed within `window`, at each sample that has one to compare with.

    It is compared with the newest sample at least `window` older, and at most twice that.
    """
    found, other = Series(), 0
    times, values = series.times, series.values
    for place, at in enumerate(times):
        while times[other + 1 : other + 2] and times[other + 1] <= at - window:
            other += 1
        before = at - times[other]
        if window <= before <= 2 * window:
            found.times.append(at)
            found.values.append((values[place] - values[other]) * (window / before))
    return found


def lookback(rule: AlarmRule) -> timedelta:
    """How far before a sample the rule must see to judge it."""
    return timedelta(seconds=2 * (rule.window_seconds or 0))


def series_of(rule: AlarmRule, sheet: Sheet) -> Series:
    """What the rule judges, of a sheet that reaches back far enough."""
    series = sheet[rule.metric]
    if rule.kind == AlarmKind.RATE and rule.window_seconds:
        return rates(series, timedelta(seconds=rule.window_seconds))
    return series


_FROM_SPANS: Final = "FROM unnest(%(meters)s::bigint[], %(starts)s::timestamptz[], %(ends)s::timestamptz[]) WITH ORDINALITY AS s (meter_id, starts_at, ends_at, n)"
_READINGS: Final = f"""
    SELECT s.n, r.measured_at, {{columns}}
    {_FROM_SPANS}
    JOIN meters_reading r ON r.meter_id = s.meter_id
        AND r.measured_at >= s.starts_at AND r.measured_at < s.ends_at
    WHERE r.tenant_id = %(tenant)s AND r.measured_at >= %(first)s AND r.measured_at < %(last)s
    ORDER BY s.n, r.measured_at
"""
# A quarter-hour counts once all of it is known and nothing of it was guessed; its instant is its end.
_INTERVALS: Final = f"""
    SELECT s.n, i.starts_at + interval '15 min', {{columns}}
    {_FROM_SPANS}
    JOIN meters_interval i ON i.meter_id = s.meter_id
        AND i.starts_at >= s.starts_at - interval '15 min'
        AND i.starts_at < s.ends_at - interval '15 min'
    WHERE i.tenant_id = %(tenant)s AND i.seconds_covered = 900 AND i.quality <> 'estimated'
    ORDER BY s.n, i.starts_at
"""


def received(spans: Sequence[Span]) -> dict[int, datetime]:
    """When the newest of the spans' readings came, by meter and our own clock."""
    if not spans:
        return {}
    newest: dict[int, datetime] = {}
    for n, at in _query(_RECEIVED, spans, ()):
        meter_id = spans[n - 1].meter_id
        newest[meter_id] = max(at, newest.get(meter_id, at))
    return newest


_RECEIVED: Final = f"""
    SELECT s.n, max(r.received_at)
    {_FROM_SPANS}
    JOIN meters_reading r ON r.meter_id = s.meter_id
        AND r.measured_at >= s.starts_at AND r.measured_at < s.ends_at
    WHERE r.tenant_id = %(tenant)s AND r.measured_at >= %(first)s AND r.measured_at < %(last)s
    GROUP BY s.n
"""


def _query(sql: str, spans: Sequence[Span], metrics: Sequence[str]) -> list[tuple[Any, ...]]:
    # In eight bytes a reading of 235.2 would be 235.1999969482422, and miss a limit of 235.2.
    columns = ", ".join(
        f"({METRICS[name].sql})::{'float4' if name in INSTANTS else 'float8'}" for name in metrics
    )
    with connection.cursor() as cursor:
        cursor.execute(
            sql.format(columns=columns),
            {
                "tenant": current_tenant_id(),
                "meters": [span.meter_id for span in spans],
                "starts": [span.start for span in spans],
                "ends": [span.end for span in spans],
                "first": min(span.start for span in spans),
                "last": max(span.end for span in spans),
            },
        )
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows


def _fill(sheets: Sequence[Sheet], metrics: Sequence[str], rows: list[tuple[Any, ...]]) -> None:
    start = 0
    while start < len(rows):
        n, end = rows[start][0], start
        while end < len(rows) and rows[end][0] == n:
            end += 1
        _n, times, *columns = zip(*rows[start:end], strict=True)
        for name, column in zip(metrics, columns, strict=True):
            if None in column:
                said = [(at, v) for at, v in zip(times, column, strict=True) if v is not None]
                series = Series([at for at, _ in said], [v for _, v in said])
            else:
                series = Series(list(times), list(column))
            sheets[n - 1][name] = series
        start = end


@dataclass(frozen=True, slots=True)
class Place:
    """Where a meter serves, and how densely it speaks."""

    meter_id: int
    client_id: int | None
    site_id: int | None
    zone: ZoneInfo
    sample_seconds: int
    reports_every: timedelta | None = None

    @property
    def patience(self) -> timedelta:
        """How far two samples may be apart for what they say to hold in between."""
        stands_for = timedelta(seconds=self.sample_seconds)
        return max(stands_for, 2 * self.reports_every) if self.reports_every else stands_for


_PLACES: Final = """
    SELECT m.id, place.client_id, place.site_id, coalesce(place.time_zone, t.time_zone),
        m.sample_seconds, m.reports_every_seconds
    FROM meters_meter m
    JOIN clients_tenant t ON t.id = m.tenant_id
    LEFT JOIN LATERAL (
        SELECT s.client_id, s.id AS site_id, s.time_zone FROM meters_installation i
        JOIN meters_meteringpoint p ON p.id = i.metering_point_id
        JOIN meters_site s ON s.id = p.site_id
        WHERE i.meter_id = m.id AND i.ends_at IS NULL ORDER BY i.starts_at DESC LIMIT 1
    ) place ON true
    WHERE m.tenant_id = %(tenant)s AND m.is_active AND (%(all)s OR m.id = ANY (%(meters)s))
    ORDER BY m.id
"""


def places_of(meter_ids: Collection[int] | None = None) -> dict[int, Place]:
    """The places of these meters, or of all; one that is not active has none."""
    with connection.cursor() as cursor:
        cursor.execute(
            _PLACES,
            {
                "tenant": current_tenant_id(),
                "all": meter_ids is None,
                "meters": list(meter_ids or ()),
            },
        )
        return {
            meter_id: Place(
                meter_id,
                client_id,
                site_id,
                ZoneInfo(zone),
                stands_for,
                timedelta(seconds=every) if every else None,
            )
            for meter_id, client_id, site_id, zone, stands_for, every in cursor.fetchall()
        }


def reaches(rule: AlarmRule, place: Place) -> bool:
    """Whether the rule applies to the meter. Silence of a meter that serves nobody is no news."""
    if rule.scope == Scope.METER:
        return rule.meter_id == place.meter_id
    if rule.scope == Scope.SITE:
        return place.site_id is not None and rule.site_id == place.site_id
    if rule.scope == Scope.CLIENT:
        return place.client_id is not None and rule.client_id == place.client_id
    return rule.kind != AlarmKind.OFFLINE or place.site_id is not None


def reached(rules: Iterable[AlarmRule], place: Place) -> list[AlarmRule]:
    return [rule for rule in rules if reaches(rule, place)]


def hours_of(rule: AlarmRule, zone: ZoneInfo) -> Hours | None:
    """When the rule is awake at a place; None is always."""
    if not rule.weekdays and rule.daily_from is None:
        return None
    return Hours(
        zone, frozenset(rule.weekdays), rule.daily_from or MIDNIGHT, rule.daily_until or MIDNIGHT
    )


def condition_of(rule: AlarmRule, place: Place) -> Condition:
    """The rule as the machine knows it."""
    return Condition(
        operator=rule.operator,
        threshold=rule.threshold or 0.0,
        holds=rule.holds,
        hysteresis=rule.hysteresis,
        patience=place.patience,
        hours=hours_of(rule, place.zone),
    )


def silence_of(rule: AlarmRule, place: Place) -> timedelta:
    """How long nothing must have come: as the rule says, or by the meter's own cadence."""
    if rule.for_seconds:
        return rule.holds
    if place.reports_every is None:
        return UNKNOWN_CADENCE
    return max(MISSED * place.reports_every, SHORTEST)
