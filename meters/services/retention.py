"""Raw readings whose time has passed: dropped when all is computed and nothing stands on them.

In this order. A tenant's floor moves forward only when everything behind it is settled: no touched
quarter-hour, no change that a follower has yet to see, no import under way. What something still
stands on is written down as holds. Then months that nobody keeps go as whole tables, and of what
is left the tenant's own rows go, but for the held ones. Intervals and days stay for ever.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from django.db import DatabaseError, connection, transaction
from django.db.models import Q

from clients.kernel.periods import Period
from clients.kernel.tenancy import acting_for, current_tenant_id
from meters.models import Change, Meter, Reading, ReadingHold, ReadingImport, Retention, Touched
from meters.models.reading_import import AT_WORK
from meters.services.copying import next_month
from meters.services.holds import Hold, holds_on
from meters.services.patience import let_long_queries_run

ROWS_AT_ONCE: Final = 20_000
TENANTS_AT_ONCE: Final = 1_000
LONG_AGO: Final = datetime(2000, 1, 1, tzinfo=UTC)
# Between what is dropped and what may be computed again: longer than the longest gap (40 days)
# that a register bridges, so that no quarter-hour that is computed misses a reading it needs.
MARGIN_MONTHS: Final = 2
_COUNT: Final = """
    SELECT count(*), count(*) FILTER (WHERE EXISTS (
        SELECT FROM unnest(%(meters)s::bigint[], %(starts)s::timestamptz[], %(ends)s::timestamptz[])
            AS h (meter_id, first, last)
        WHERE h.meter_id = r.meter_id AND r.measured_at >= h.first AND r.measured_at < h.last))
    FROM meters_reading r
    WHERE r.measured_at >= %(start)s AND r.measured_at < %(end)s AND r.tenant_id = %(tenant)s
"""
logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Month:
    """A month of a tenant's raw readings that has passed its time."""

    month: date
    rows: int
    held: int


@dataclass(frozen=True, slots=True)
class Outlook:
    """What retention would do for a tenant now. `waits_for` says why the floor does not move."""

    tenant_id: int
    keep_months: int | None
    raw_since: datetime | None
    waits_for: list[str] = field(default_factory=list)
    months: list[Month] = field(default_factory=list)
    holds: list[Hold] = field(default_factory=list)

    @property
    def rows(self) -> int:
        return sum(month.rows - month.held for month in self.months)


@dataclass(slots=True)
class Swept:
    """What a sweep did."""

    tenants: int = 0
    rows: int = 0
    dropped: list[date] = field(default_factory=list)
    kept: dict[date, str] = field(default_factory=dict)


def floors(keep_months: int, now: datetime) -> tuple[datetime, datetime]:
    """Since when raw readings are kept, and before when all is settled for good."""
    month = now.astimezone(UTC).date().replace(day=1)
    for _ in range(keep_months):
        month = (month - timedelta(days=1)).replace(day=1)
    settled = month
    for _ in range(MARGIN_MONTHS):
        settled = next_month(settled)
    return _start(month), _start(settled)


def retention_outlook(now: datetime) -> Outlook:
    """What would go of the open tenant's readings, and what holds it. Nothing is changed."""
    setting = Retention.objects.first()
    tenant_id = current_tenant_id()
    if setting is None or setting.keep_months is None:
        return Outlook(tenant_id, None, setting.raw_since if setting else None)
    raw_since, settled = floors(setting.keep_months, now)
    raw_since = max(raw_since, setting.raw_since or raw_since)
    holds = [hold for _name, hold in _holds(raw_since, now)]
    months = [
        _month(month, holds) for month in raw_months() if _start(next_month(month)) <= raw_since
    ]
    return Outlook(
        tenant_id,
        setting.keep_months,
        raw_since,
        _unsettled(settled),
        [month for month in months if month.rows],
        [hold for hold in holds if _has_rows(hold)],
    )


def keep_retention(now: datetime) -> Swept:
    """Do it for every tenant. Safe to call twice, at once, and again after a crash."""
    swept = Swept()
    tenants = _tenants()
    for tenant_id in tenants:
        with acting_for(tenant_id):
            let_long_queries_run()
            swept.tenants += advance_floor(now)
    for month in raw_months():
        if _start(next_month(month)) <= now - timedelta(days=150):
            outcome = drop_month(month)
            if outcome == "dropped":
                swept.dropped.append(month)
            elif tenants:
                swept.kept[month] = outcome
    for tenant_id in tenants:
        swept.rows += forget_rows(tenant_id)
    if swept.dropped or swept.rows:
        facts = {"months": [str(month) for month in swept.dropped], "rows": swept.rows}
        logger.info("raw readings dropped", extra=facts)
    return swept


def advance_floor(now: datetime) -> bool:
    """Settle the open tenant's past as far as its retention allows; holds are looked at anew.

    False when something behind the floor is not settled yet: then nothing moves.
    """
    setting = Retention.objects.select_for_update().first()
    if setting is None:
        return False
    if setting.keep_months is not None:
        raw_since, settled = floors(setting.keep_months, now)
        if setting.raw_since is None or raw_since > setting.raw_since:
            if _unsettled(settled):
                return False
            setting.raw_since, setting.settled_before, setting.settled_at = raw_since, settled, now
            setting.save(update_fields=["raw_since", "settled_before", "settled_at"])
    if setting.raw_since is None:
        return False
    ReadingHold.objects.all().delete()
    ReadingHold.objects.bulk_create(
        (
            ReadingHold(
                holder=name,
                meter_id=hold.meter_id,
                starts_at=hold.starts_at,
                ends_at=hold.ends_at,
                reason=hold.reason[:200],
                until_at=hold.until,
            )
            for name, hold in _holds(setting.raw_since, now)
        ),
        batch_size=1_000,
    )
    return True


def drop_month(month: date) -> str:
    """`dropped`, or why the month's table stays: `kept`, `held`, `touched`, `followed`, `busy`."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            let_long_queries_run()
            cursor.execute("SELECT meters_drop_partition(%s)", [month])
            outcome: str = cursor.fetchone()[0]
            return outcome
    except DatabaseError as error:
        if getattr(error.__cause__, "sqlstate", "") != "55P03":  # lock not available
            raise
        return "busy"


def forget_rows(tenant_id: int) -> int:
    """Delete what the tenant does not keep and nothing stands on, where others keep the month."""
    with acting_for(tenant_id):
        since = Retention.objects.values_list("raw_since", flat=True).first()
        months = [m for m in raw_months() if since and _start(next_month(m)) <= since]
        meters = list(Meter.objects.order_by("pk").values_list("pk", flat=True)) if months else []
    forgotten = 0
    for month in months:
        bounds = [_start(month), _start(next_month(month))]
        for meter_id in meters:
            while gone := _forget(tenant_id, meter_id, bounds):
                forgotten += gone
                if gone < ROWS_AT_ONCE:
                    break
    return forgotten


def _forget(tenant_id: int, meter_id: int, bounds: list[datetime]) -> int:
    with acting_for(tenant_id), connection.cursor() as cursor:
        let_long_queries_run()
        cursor.execute(
            "SELECT meters_forget_raw(%s, %s, %s, %s)", [meter_id, *bounds, ROWS_AT_ONCE]
        )
        gone: int = cursor.fetchone()[0]
        return gone


def raw_months() -> list[date]:
    """The months that have a table of raw readings, oldest first."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid "
            "WHERE i.inhparent = 'pulso.meters_reading'::regclass ORDER BY c.relname"
        )
        names = [row[0] for row in cursor.fetchall()]
    return [date(int(name[-7:-3]), int(name[-2:]), 1) for name in names]


def retention_tenants() -> list[int]:
    """Tenants that do not keep raw readings for ever."""
    return _tenants()


def _tenants() -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT meters_retention_tenants(%s)", [TENANTS_AT_ONCE])
        return [row[0] for row in cursor.fetchall()]


def _start(month: date) -> datetime:
    return datetime(month.year, month.month, 1, tzinfo=UTC)


def _holds(raw_since: datetime, now: datetime) -> list[tuple[str, Hold]]:
    return holds_on(Period(LONG_AGO, raw_since), None, now=now)


def _unsettled(before: datetime) -> list[str]:
    """What is still under way behind the floor: codes."""
    busy = Q(first_at__isnull=True) | Q(first_at__lt=before)
    asked: dict[str, Any] = {
        "touched": Touched.objects.filter(quarter_at__lt=before),
        "followed": Change.objects.filter(starts_at__lt=before),
        "importing": ReadingImport.objects.filter(busy, state__in=AT_WORK),
    }
    return [code for code, rows in asked.items() if rows.exists()]


def _month(month: date, holds: Sequence[Hold]) -> Month:
    bounds = {"start": _start(month), "end": _start(next_month(month))}
    near = [h for h in holds if h.starts_at < bounds["end"] and h.ends_at > bounds["start"]]
    with connection.cursor() as cursor:
        cursor.execute(
            _COUNT,
            {
                **bounds,
                "tenant": current_tenant_id(),
                "meters": [hold.meter_id for hold in near],
                "starts": [hold.starts_at for hold in near],
                "ends": [hold.ends_at for hold in near],
            },
        )
        return Month(month, *cursor.fetchone())


def _has_rows(hold: Hold) -> bool:
    rows = Reading.objects.filter(meter_id=hold.meter_id)
    return rows.filter(measured_at__gte=hold.starts_at, measured_at__lt=hold.ends_at).exists()
