"""A meter's columns for the checks, in a few statements whatever the period."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import numpy as np
from django.db import connection

from clients.kernel.periods import Period
from clients.kernel.tenancy import current_tenant_id
from meters.models import Conflict, EventKind, Installation, Meter, MeterKind, RegisterEvent
from meters.models.interval import ML_PER_L, WS_PER_WH
from meters.models.quantities import NAMES
from meters.services.validation.material import Floats, Material, Quarters, Readings

HISTORY: Final = timedelta(days=29)  # of quarter-hours, before the first day that is judged
AROUND: Final = timedelta(days=2)  # of readings
READINGS_BEFORE: Final = 40
AMOUNTS: Final = {
    MeterKind.WATER: ("volume_ml", ML_PER_L),
    MeterKind.SOLAR: ("energy_export_ws", WS_PER_WH),
    MeterKind.ENERGY: ("energy_import_ws", WS_PER_WH),
}
NOT_EXPLAINED: Final = (EventKind.DROP, EventKind.JUMP, EventKind.REAL)

_COLUMNS: Final = ", ".join(
    f"CASE WHEN count({name}) > 0 THEN array_agg({name}::float8) END" for name in NAMES
)
_READINGS: Final = f"""
    SELECT array_agg(extract(epoch FROM measured_at)::float8),
        array_agg(extract(epoch FROM received_at)::float8), {_COLUMNS}
    FROM (
        SELECT r.* FROM meters_reading AS r
        WHERE r.tenant_id = %(tenant)s AND r.meter_id = %(meter)s
            AND r.measured_at >= %(start)s AND r.measured_at < %(end)s
            AND NOT EXISTS (
                SELECT FROM meters_disregarded AS d WHERE d.tenant_id = %(tenant)s
                AND d.meter_id = %(meter)s AND d.measured_at = r.measured_at)
        ORDER BY r.measured_at
    ) AS ordered
"""
_BEFORE: Final = """
    SELECT min(measured_at) FROM (
        SELECT measured_at FROM meters_reading
        WHERE tenant_id = %(tenant)s AND meter_id = %(meter)s AND measured_at < %(start)s
        ORDER BY measured_at DESC LIMIT %(most)s
    ) AS near
"""
_AFTER: Final = """
    SELECT min(measured_at) FROM meters_reading
    WHERE tenant_id = %(tenant)s AND meter_id = %(meter)s AND measured_at >= %(end)s
"""
_QUARTERS: Final = """
    SELECT array_agg(extract(epoch FROM starts_at)::bigint), array_agg({column}::float8),
        array_agg(seconds_covered::float8), array_agg(quality IN ('estimated', 'edited'))
    FROM (
        SELECT * FROM meters_interval WHERE tenant_id = %(tenant)s AND meter_id = %(meter)s
            AND starts_at >= %(start)s AND starts_at < %(end)s ORDER BY starts_at
    ) AS ordered
"""


def load(
    meter: Meter,
    window: Period,
    zone: ZoneInfo,
    *,
    reaches_back_to: datetime | None = None,
    reaches_on_to: datetime | None = None,
    silent_since: datetime | None = None,
) -> Material:
    """What the checks need to judge the window: it and what lies around it.

    Reaches further when told to, so that a long stretch is seen from its first reading.
    """
    first = min(window.start, reaches_back_to or window.start)
    last = max(window.end, reaches_on_to or window.end)
    near = _near(meter, Period(first - AROUND, last + AROUND))
    column, per_unit = AMOUNTS[MeterKind(meter.kind)]
    multipliers = _multipliers(meter, near)
    limit = meter.max_flow_l_per_h if meter.kind == MeterKind.WATER else meter.max_power_w
    return Material(
        kind=MeterKind(meter.kind),
        zone=zone,
        starts_at=window.start.timestamp(),
        ends_at=window.end.timestamp(),
        readings=_readings(meter, near),
        quarters=_quarters(meter, Period(first - HISTORY, last + AROUND), column, per_unit),
        reports_every_s=meter.reports_every_seconds,
        sample_s=meter.sample_seconds,
        register_step=meter.register_step,
        modulus=meter.modulus,
        limit=limit,
        factor=multipliers.pop() if len(multipliers) == 1 else 1.0 if not multipliers else np.nan,
        second_values=_second_values(meter, near),
        explained=_explained(meter, near),
        silent_since=silent_since.timestamp() if silent_since else None,
    )


def _ask(statement: str, meter: Meter, period: Period, **more: Any) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(
            statement,
            {
                "tenant": current_tenant_id(),
                "meter": meter.pk,
                "start": period.start,
                "end": period.end,
                **more,
            },
        )
        return cursor.fetchone()


def _near(meter: Meter, period: Period) -> Period:
    """The period, and the readings next to it on both sides."""
    before = _ask(_BEFORE, meter, period, most=READINGS_BEFORE)[0]
    after = _ask(_AFTER, meter, period)[0]
    start = min(period.start, before or period.start)
    return Period(start, max(period.end, after + timedelta(seconds=1) if after else period.end))


def _readings(meter: Meter, period: Period) -> Readings:
    at, received, *columns = _ask(_READINGS, meter, period)
    if at is None:
        return Readings(np.empty(0))
    return Readings(
        np.array(at, np.float64),
        {
            name: np.array(values, np.float64)
            for name, values in zip(NAMES, columns, strict=True)
            if values is not None
        },
        np.array(received, np.float64),
    )


def _quarters(meter: Meter, period: Period, column: str, per_unit: int) -> Quarters:
    at, amount, seconds, estimated = _ask(_QUARTERS.format(column=column), meter, period)
    return Quarters(
        np.array(at or [], np.int64),
        np.array(amount or [], np.float64) / per_unit,
        np.array(seconds or [], np.float64),
        np.array(estimated or [], bool),
    )


def _multipliers(meter: Meter, period: Period) -> set[float]:
    rows = Installation.objects.filter(meter=meter, starts_at__lt=period.end).exclude(
        ends_at__lte=period.start
    )
    return {float(multiplier) for multiplier in rows.values_list("multiplier", flat=True)}


def _second_values(meter: Meter, period: Period) -> Floats:
    rows = Conflict.objects.filter(
        meter=meter, measured_at__gte=period.start, measured_at__lt=period.end
    ).order_by("measured_at")
    return np.array([at.timestamp() for at in rows.values_list("measured_at", flat=True)])


def _explained(meter: Meter, period: Period) -> tuple[tuple[float, float], ...]:
    rows = RegisterEvent.objects.filter(
        meter=meter, starts_at__lte=period.end, ends_at__gte=period.start
    ).exclude(kind__in=NOT_EXPLAINED)
    found = rows.order_by("starts_at", "pk").values_list("starts_at", "ends_at")
    return tuple((start.timestamp(), end.timestamp()) for start, end in found)


def aware(seconds: float) -> datetime:
    """The instant of Unix seconds, to the microsecond that PostgreSQL keeps."""
    return datetime.fromtimestamp(round(seconds, 6), UTC)
