"""Any quantity over any period as at most 2,000 points, with gaps and estimates marked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

from django.db import connection

from clients.kernel.charts import Mark
from clients.kernel.periods import Period
from clients.kernel.tenancy import current_tenant_id
from meters.models import Meter
from meters.models.interval import INTERVAL_SECONDS, ML_PER_L, WS_PER_WH
from meters.models.quantities import QUANTITIES

MOST_POINTS: Final = 2_000
STEPS: Final = (INTERVAL_SECONDS, 3_600, 4 * 3_600, 86_400)  # of what is summed
FINE_STEPS: Final = (1, 5, 15, 60, 300, *STEPS)  # of what is averaged
SUMS: Final = {
    "energy_import": ("energy_import_ws", WS_PER_WH, "Wh"),
    "energy_export": ("energy_export_ws", WS_PER_WH, "Wh"),
    "volume": ("volume_ml", ML_PER_L, "L"),
}
UNITS: Final = {quantity.name: quantity.unit for quantity in QUANTITIES}


@dataclass(frozen=True, slots=True)
class Series:
    """Columns for a chart. `v` is None where nothing is known: a gap is never zero."""

    unit: str
    step_s: int
    t: list[int]
    v: list[float | None]
    prev: list[float | None] | None
    marks: list[Mark]


def series(meter: Meter, quantity: str, period: Period) -> Series:
    """The quantity over the period, in the finest step that 2,000 points allow.

    Energy and volume are sums of intervals; anything else is the mean of what was read.
    """
    seconds = int(period.duration.total_seconds())
    if quantity in SUMS:
        column, per_unit, unit = SUMS[quantity]
        step = _step(seconds, STEPS)
        rows = _summed(meter, column, period, step)
        known = {at: value / per_unit for at, value, _estimated in rows if value is not None}
        t, v = _on_grid(known, period, step)
        estimated = [at for at, _value, is_estimated in rows if is_estimated]
        return Series(unit, step, t, v, None, [*_gaps(t, v, step), *_estimates(estimated, step)])
    step = _step(seconds, FINE_STEPS)
    means = _mean(meter, quantity, period, step)
    t, v = list(means), [float(value) for value in means.values()]
    usual = max(step, _usual(t))
    marks = [Mark(a + usual, b, "missing") for a, b in pairwise(t) if b - a > 2 * usual]
    return Series(UNITS[quantity], step, t, list(v), None, marks)


def _step(seconds: int, steps: Sequence[int]) -> int:
    fitting = (step for step in steps if seconds <= step * MOST_POINTS)
    return next(fitting, steps[-1])


def _on_grid(
    known: dict[int, float], period: Period, step: int
) -> tuple[list[int], list[float | None]]:
    first = int(period.start.timestamp()) // step * step
    t = list(range(first, int(period.end.timestamp()), step))
    return t, [known.get(at) for at in t]


def _gaps(t: Sequence[int], v: Sequence[float | None], step: int) -> list[Mark]:
    marks: list[Mark] = []
    for at, value in zip(t, v, strict=True):
        if value is not None:
            continue
        if marks and marks[-1].end == at:
            marks[-1] = Mark(marks[-1].start, at + step, "missing")
        else:
            marks.append(Mark(at, at + step, "missing"))
    return marks


def _estimates(instants: Sequence[int], step: int) -> list[Mark]:
    marks: list[Mark] = []
    for at in instants:
        if marks and marks[-1].end == at:
            marks[-1] = Mark(marks[-1].start, at + step, "estimated")
        else:
            marks.append(Mark(at, at + step, "estimated"))
    return marks


def _usual(t: Sequence[int]) -> int:
    steps = sorted(b - a for a, b in pairwise(t))
    return steps[len(steps) // 2] if steps else 0


def _summed(
    meter: Meter, column: str, period: Period, step: int
) -> list[tuple[int, int | None, bool]]:
    return _query(
        f"SELECT (floor(date_part('epoch', starts_at) / %(step)s) * %(step)s)::bigint AS t, "
        f"sum({column})::bigint, bool_or(quality IN ('estimated', 'edited')) "
        "FROM meters_interval WHERE tenant_id = %(tenant)s AND meter_id = %(meter)s "
        "AND starts_at >= %(start)s AND starts_at < %(end)s GROUP BY t ORDER BY t",
        meter,
        period,
        step,
    )


def _mean(meter: Meter, column: str, period: Period, step: int) -> dict[int, float]:
    return dict(
        _query(
            f"SELECT (floor(date_part('epoch', measured_at) / %(step)s) * %(step)s)::bigint AS t, "
            f"avg({column}) FROM meters_reading WHERE tenant_id = %(tenant)s "
            "AND meter_id = %(meter)s AND measured_at >= %(start)s AND measured_at < %(end)s "
            f"AND {column} IS NOT NULL GROUP BY t ORDER BY t",
            meter,
            period,
            step,
        )
    )


def _query(sql: str, meter: Meter, period: Period, step: int) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(
            sql,
            {
                "step": step,
                "tenant": current_tenant_id(),
                "meter": meter.pk,
                "start": period.start,
                "end": period.end,
            },
        )
        rows: list[Any] = cursor.fetchall()
        return rows
