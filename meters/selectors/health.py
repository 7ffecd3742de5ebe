"""How all meters are, on one page: when each last spoke, how complete it is, what is odd about it.

The number of queries does not depend on the number of meters. What costs a look at readings is
asked of the shown rows only; what can be sorted by is computed for all of them in one query.
"""

# ruff: noqa: E501 - SQL reads better unbroken

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import connection

from clients.kernel.tenancy import current_tenant_id
from meters.models import UNDECIDED
from meters.models.alarm_event import OPEN
from meters.models.interval import INTERVAL_SECONDS
from meters.selectors.clocks import Clock, clocks_of
from meters.selectors.presence import SILENT_AFTER, situation

PAGE: Final = 50
REMEMBERED: Final = timedelta(days=62)  # older readings are as good as none here
DAY_S: Final = 86_400
WEEK: Final = timedelta(days=7)
A_DAY: Final = timedelta(days=1)
ORDERS: Final = {
    "name": "name, id",
    "seen": "seen_at DESC NULLS LAST, id",
    "-seen": "seen_at NULLS FIRST, id",
    "week": "week_s, id",
    "-week": "week_s DESC, id",
    "open": "alarms + to_check + waiting DESC, id",
}
SITUATIONS: Final = ("online", "silent", "never", "incomplete", "odd")
INCOMPLETE: Final = 0.95


@dataclass(frozen=True, slots=True)
class MeterHealth:
    """One row. Shares are from 0 to 1; `clock` says how the meter's compares with ours."""

    public_id: UUID
    name: str
    serial: str
    client: str
    situation: str
    seen_at: datetime | None
    day_share: float
    week_share: float
    to_check: int  # register events and suspect readings that wait for a decision
    alarms: int
    waiting: int  # in quarantine
    expected_every_s: int | None
    every_s: int | None
    clock: Clock | None


@dataclass(frozen=True, slots=True)
class HealthPage:
    """Rows of a page, with counts by situation over all meters of the search."""

    rows: list[MeterHealth]
    total: int
    counts: dict[str, int]


_ALL: Final = """
    WITH named AS (
        SELECT m.id, m.public_id, m.serial, m.reports_every_seconds, coalesce(p.name, m.serial) AS name,
            coalesce(c.name, '') AS client
        FROM meters_meter m
        LEFT JOIN meters_installation i ON i.tenant_id = m.tenant_id AND i.meter_id = m.id AND i.ends_at IS NULL
        LEFT JOIN meters_meteringpoint p ON p.tenant_id = i.tenant_id AND p.id = i.metering_point_id
        LEFT JOIN meters_site s ON s.tenant_id = p.tenant_id AND s.id = p.site_id
        LEFT JOIN clients_client c ON c.tenant_id = s.tenant_id AND c.id = s.client_id
        WHERE m.tenant_id = %(tenant)s AND m.is_active
            AND (%(like)s = '' OR m.serial ILIKE %(like)s OR p.name ILIKE %(like)s OR c.name ILIKE %(like)s)
    ), event AS (
        SELECT meter_id, count(*) AS n FROM meters_registerevent
        WHERE tenant_id = %(tenant)s AND state = 'detected' GROUP BY meter_id
    ), alarm AS (
        SELECT meter_id, count(*) AS n FROM meters_alarmevent
        WHERE tenant_id = %(tenant)s AND state = ANY (%(ringing)s) GROUP BY meter_id
    ), suspect AS (
        SELECT meter_id, count(*) AS n FROM meters_meterexception
        WHERE tenant_id = %(tenant)s AND state = ANY (%(undecided)s) GROUP BY meter_id
    ), waiting AS (
        SELECT meter_id, count(*) AS n FROM meters_quarantine
        WHERE tenant_id = %(tenant)s AND status = 'waiting' GROUP BY meter_id
    ), week AS (
        SELECT meter_id, sum(seconds_covered) AS s FROM meters_daytotal
        WHERE tenant_id = %(tenant)s AND day >= %(first)s AND day < %(today)s GROUP BY meter_id
    ), known AS (
        SELECT named.*, seen.seen_at, coalesce(event.n, 0) + coalesce(suspect.n, 0) AS to_check, coalesce(alarm.n, 0) AS alarms,
            coalesce(waiting.n, 0) AS waiting,
            coalesce(week.s, 0) AS week_s
        FROM named
        LEFT JOIN LATERAL (
            SELECT r.measured_at AS seen_at FROM meters_reading r
            WHERE r.tenant_id = %(tenant)s AND r.meter_id = named.id
                AND r.measured_at > %(oldest)s AND r.measured_at <= %(newest)s
            ORDER BY r.measured_at DESC LIMIT 1
        ) seen ON true
        LEFT JOIN event ON event.meter_id = named.id
        LEFT JOIN alarm ON alarm.meter_id = named.id
        LEFT JOIN suspect ON suspect.meter_id = named.id
        LEFT JOIN waiting ON waiting.meter_id = named.id
        LEFT JOIN week ON week.meter_id = named.id
    ), told AS (
        SELECT known.*, CASE WHEN seen_at IS NULL THEN 'never' WHEN seen_at < %(silent)s THEN 'silent' ELSE 'online' END AS state,
            seen_at IS NOT NULL AND week_s < %(complete_s)s AS is_incomplete, to_check + alarms + waiting > 0 AS is_odd
        FROM known
    ), counted AS (
        SELECT count(*) FILTER (WHERE state = 'online') AS online, count(*) FILTER (WHERE state = 'silent') AS silent,
            count(*) FILTER (WHERE state = 'never') AS never, count(*) FILTER (WHERE is_incomplete) AS incomplete,
            count(*) FILTER (WHERE is_odd) AS odd, count(*) AS n FROM told
    ), shown AS (
        SELECT * FROM told WHERE %(state)s IN ('', state)
            OR (%(state)s = 'incomplete' AND is_incomplete) OR (%(state)s = 'odd' AND is_odd)
        ORDER BY {order} LIMIT %(limit)s OFFSET %(offset)s
    )
    SELECT shown.id, public_id, name, serial, client, seen_at, week_s, to_check, alarms, waiting, reports_every_seconds,
        counted.online, counted.silent, counted.never, counted.incomplete, counted.odd, counted.n
    FROM counted LEFT JOIN shown ON true
"""
_LATELY: Final = """
    SELECT m.id, day.s, lately.every
    FROM unnest(%(ids)s::bigint[]) AS m (id)
    LEFT JOIN LATERAL (
        SELECT sum(seconds_covered) AS s FROM meters_interval i
        WHERE i.tenant_id = %(tenant)s AND i.meter_id = m.id AND i.starts_at >= %(day)s AND i.starts_at < %(now)s
    ) day ON true
    LEFT JOIN LATERAL (
        SELECT (extract(epoch FROM max(measured_at) - min(measured_at)) / nullif(count(*) - 1, 0))::bigint AS every
        FROM (
            SELECT measured_at FROM meters_reading r
            WHERE r.tenant_id = %(tenant)s AND r.meter_id = m.id
                AND r.measured_at > %(oldest)s AND r.measured_at <= %(newest)s
            ORDER BY measured_at DESC LIMIT 20
        ) last
    ) lately ON true
"""


def health(
    *, now: datetime, search: str = "", state: str = "", order: str = "-seen", page: int = 1
) -> HealthPage:
    """A page of active meters, worst first as ordered. Three queries."""
    day = now.date()
    like = "%" + search.replace("%", r"\%").replace("_", r"\_") + "%" if search else ""
    common = {
        "tenant": current_tenant_id(),
        "now": now,
        "oldest": now - REMEMBERED,
        "newest": now + timedelta(hours=1),
    }
    rows = _query(
        _ALL.format(order=ORDERS[order]),
        {
            **common,
            "like": like,
            "ringing": [state.value for state in OPEN],
            "undecided": [state.value for state in UNDECIDED],
            "state": state,
            "silent": now - SILENT_AFTER,
            "first": day - WEEK,
            "today": day,
            "complete_s": INCOMPLETE * WEEK.total_seconds(),
            "limit": PAGE,
            "offset": (page - 1) * PAGE,
        },
    )
    counts = dict(zip(SITUATIONS, rows[0][11:16], strict=True))
    shown = [row for row in rows if row[0] is not None]
    start = now - A_DAY
    whole = datetime.fromtimestamp(
        int(start.timestamp()) // INTERVAL_SECONDS * INTERVAL_SECONDS, start.tzinfo
    )
    lately = {
        row[0]: row[1:]
        for row in _query(_LATELY, {**common, "ids": [row[0] for row in shown], "day": whole})
    }
    total = counts[state] if state else rows[0][16]
    clocks = clocks_of([row[0] for row in shown], now)
    found = [_row(row, lately[row[0]], clocks.get(row[0]), now) for row in shown]
    return HealthPage(found, total, counts)


def _row(
    row: Sequence[Any], lately: Sequence[Any], clock: Clock | None, now: datetime
) -> MeterHealth:
    _id, public_id, name, serial, client, seen_at, week_s = row[:7]
    to_check, alarms, waiting, expected = row[7:11]
    day_s, every = lately
    return MeterHealth(
        public_id,
        name,
        serial,
        client,
        situation(seen_at, now),
        seen_at,
        min((day_s or 0) / DAY_S, 1),
        min(week_s / WEEK.total_seconds(), 1),
        to_check,
        alarms,
        waiting,
        expected,
        every,
        clock,
    )


def _query(sql: str, parameters: dict[str, Any]) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        found: list[Any] = cursor.fetchall()
        return found
