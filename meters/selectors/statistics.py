"""Statistics of a quantity, capability against given limits, and how two quantities go together."""

# ruff: noqa: E501 - SQL reads better unbroken

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db import connection
from django.utils.translation import gettext as _

from clients.kernel.periods import Period
from clients.kernel.tenancy import current_tenant_id
from meters.errors import LimitsRequired, NotEnoughData
from meters.models import Meter
from meters.models.quantities import INSTANTS, shortest
from meters.selectors.columns import REGARDED, SUMS, UNITS

PERCENTILES: Final = (5, 25, 50, 75, 95, 99)
FEWEST: Final = 2  # values that have a deviation
BINS: Final = 20
MOST_PAIRS: Final = 800


@dataclass(frozen=True, slots=True)
class Bin:
    """Values from `low` (in) to `high` (out; in the last one in)."""

    low: float
    high: float
    count: int


@dataclass(frozen=True, slots=True)
class Summary:
    """Of energy and volume: the amounts of quarter-hours. Of anything else: what was read."""

    quantity: str
    unit: str
    count: int
    mean: float
    time_weighted_mean: float | None
    std: float  # of a sample: n - 1
    min: float
    min_at: datetime
    max: float
    max_at: datetime
    percentiles: dict[str, float]
    histogram: list[Bin]


@dataclass(frozen=True, slots=True)
class Capability:
    """How well a quantity keeps to limits. `cp` needs both; `cpk` is to the nearer one."""

    quantity: str
    unit: str
    lsl: float | None
    usl: float | None
    count: int
    mean: float
    std: float
    cp: float | None
    cpk: float
    outside: int


@dataclass(frozen=True, slots=True)
class Regression:
    """y = slope · x + intercept, over steps of time in which both are known."""

    slope: float
    intercept: float
    r2: float | None
    n: int
    dropped: int  # steps in which only one of them is known
    step_s: int


def summary(meter: Meter, quantity: str, period: Period) -> Summary:
    """One query whatever the length; raises NotEnoughData when there is no value."""
    row = _first(
        _SUMMARY.format(values=_values(quantity)), meter, period, hold=meter.sample_seconds
    )
    count, mean, std, low, low_at, high, high_at, weighted, *rest = row
    if not count:
        raise NotEnoughData(_("Nothing was measured in this period."))
    said = shortest if quantity in INSTANTS else float
    percentiles = {f"p{p}": said(value) for p, value in zip(PERCENTILES, rest[0], strict=True)}
    counts = dict(zip(rest[1] or [], rest[2] or [], strict=True))
    low, high = said(low), said(high)
    return Summary(
        quantity,
        UNITS[quantity],
        count,
        said(mean),
        said(weighted) if quantity not in SUMS and weighted is not None else None,
        said(std or 0.0),
        low,
        low_at,
        high,
        high_at,
        percentiles,
        [Bin(said(each.low), said(each.high), each.count) for each in _bins(low, high, counts)],
    )


def _bins(low: float, high: float, counts: dict[int, int]) -> list[Bin]:
    """Twenty of the same width; values that are all the same make one."""
    if low == high:
        return [Bin(low, high, sum(counts.values()))]
    width = (high - low) / BINS
    last = counts.get(BINS, 0) + counts.get(BINS + 1, 0)  # the highest value is the last one's
    return [
        Bin(low + width * n, low + width * (n + 1), last if n == BINS - 1 else counts.get(n + 1, 0))
        for n in range(BINS)
    ]


def capability(
    meter: Meter, quantity: str, period: Period, *, lsl: float | None, usl: float | None
) -> Capability:
    """Cp and Cpk against the limits. Limits are never made up: without one this is refused."""
    if lsl is None and usl is None:
        raise LimitsRequired(_("Give the lower limit, the upper limit, or both."))
    if lsl is not None and usl is not None and lsl >= usl:
        raise LimitsRequired(_("The lower limit lies below the upper one."), "limits_reversed")
    values = _values(quantity)
    count, mean, std, outside = _first(
        f"SELECT count(*), avg(v), stddev_samp(v), count(*) FILTER (WHERE v < %(lsl)s OR v > %(usl)s) FROM ({values}) x",
        meter,
        period,
        lsl=lsl,
        usl=usl,
    )
    if count < FEWEST or not std:
        raise NotEnoughData(_("All values are the same, or there is only one: nothing varies."))
    sides = [(usl - mean) / (3 * std)] if usl is not None else []
    sides += [(mean - lsl) / (3 * std)] if lsl is not None else []
    cp = (usl - lsl) / (6 * std) if lsl is not None and usl is not None else None
    said = shortest if quantity in INSTANTS else float
    return Capability(
        quantity, UNITS[quantity], lsl, usl, count, said(mean), said(std), cp, min(sides), outside
    )


def regression(
    meter: Meter,
    x: str,
    y: str,
    period: Period,
    *,
    step_s: int = 900,
    other: Meter | None = None,
) -> Regression:
    """How `y` (of `other`, if given) follows `x`, compared at the same time."""
    found = _first(
        _REGRESSION.format(x=_stepped(x, "meter"), y=_stepped(y, "other")),
        meter,
        period,
        other=(other or meter).pk,
        step=step_s,
    )
    n, dropped, slope, intercept, r2, spread = found
    if n < FEWEST:
        raise NotEnoughData(_("There are fewer than two moments at which both are known."))
    if slope is None:
        raise NotEnoughData(_("The first quantity never changes."), "x_constant")
    return Regression(slope, intercept, r2 if spread else None, n, dropped, step_s)


def pairs(
    meter: Meter,
    x: str,
    y: str,
    period: Period,
    *,
    step_s: int = 900,
    other: Meter | None = None,
) -> list[tuple[float, float]]:
    """The points of `regression` for a chart: at most `MOST_PAIRS`, taken evenly over the time."""
    rows = _all(
        _PAIRS.format(x=_stepped(x, "meter"), y=_stepped(y, "other")),
        meter,
        period,
        other=(other or meter).pk,
        step=step_s,
        most=MOST_PAIRS,
    )
    return [(xv, yv) for xv, yv in rows]


def _values(quantity: str, which: str = "meter") -> str:
    """Each value `v` with its instant `t`."""
    where = f"tenant_id = %(tenant)s AND meter_id = %({which})s"
    if quantity in SUMS:
        column, per_unit, _unit = SUMS[quantity]
        return (
            f"SELECT starts_at AS t, {column}::float8 / {per_unit} AS v FROM meters_interval "
            f"WHERE {where} AND starts_at >= %(start)s AND starts_at < %(end)s AND {column} IS NOT NULL"
        )
    return (
        f"SELECT measured_at AS t, {quantity}::float8 AS v FROM meters_reading r WHERE {where} "
        f"AND measured_at >= %(start)s AND measured_at < %(end)s AND {quantity} IS NOT NULL AND {REGARDED}"
    )


def _stepped(quantity: str, which: str) -> str:
    fold = "sum" if quantity in SUMS else "avg"
    return (
        "SELECT floor(date_part('epoch', t) / %(step)s) AS n, "
        f"{fold}(v) AS v FROM ({_values(quantity, which)}) values_of GROUP BY n"
    )


_SUMMARY: Final = """
    WITH x AS MATERIALIZED ({values}), held AS (
        SELECT v, least(extract(epoch FROM coalesce(lead(t) OVER (ORDER BY t), %(end)s) - t), %(hold)s) AS s FROM x
    ), bounds AS (SELECT min(v) AS low, max(v) AS high FROM x), counted AS (
        SELECT CASE WHEN low = high THEN 1 ELSE width_bucket(v, low, high, %(bins)s) END AS bin, count(*) AS n
        FROM x, bounds GROUP BY 1
    )
    SELECT count(*), avg(v), stddev_samp(v),
        min(v), (SELECT t FROM x ORDER BY v, t LIMIT 1), max(v), (SELECT t FROM x ORDER BY v DESC, t LIMIT 1),
        (SELECT sum(v * s) / nullif(sum(s), 0) FROM held),
        percentile_cont(%(percentiles)s::float8[]) WITHIN GROUP (ORDER BY v),
        (SELECT array_agg(bin ORDER BY bin) FROM counted), (SELECT array_agg(n ORDER BY bin) FROM counted)
    FROM x
"""
_REGRESSION: Final = """
    WITH x AS ({x}), y AS ({y}), pair AS (SELECT x.v AS xv, y.v AS yv FROM x FULL JOIN y USING (n))
    SELECT count(*) FILTER (WHERE xv IS NOT NULL AND yv IS NOT NULL),
        count(*) FILTER (WHERE xv IS NULL OR yv IS NULL),
        regr_slope(yv, xv), regr_intercept(yv, xv), regr_r2(yv, xv), regr_syy(yv, xv)
    FROM pair
"""


_PAIRS: Final = """
    WITH x AS ({x}), y AS ({y}), pair AS (
        SELECT x.v AS xv, y.v AS yv, row_number() OVER (ORDER BY n) - 1 AS place, count(*) OVER () AS whole
        FROM x JOIN y USING (n) WHERE x.v IS NOT NULL AND y.v IS NOT NULL
    )
    SELECT xv, yv FROM pair WHERE place %% greatest(1, (whole + %(most)s - 1) / %(most)s) = 0 ORDER BY place
"""


def _first(sql: str, meter: Meter, period: Period, **more: Any) -> Sequence[Any]:
    rows = _all(sql, meter, period, **more)
    return rows[0] if rows else ()


def _all(sql: str, meter: Meter, period: Period, **more: Any) -> list[Sequence[Any]]:
    with connection.cursor() as cursor:
        cursor.execute(
            sql,
            {
                "tenant": current_tenant_id(),
                "meter": meter.pk,
                "start": period.start,
                "end": period.end,
                "bins": BINS,
                "percentiles": [p / 100 for p in PERCENTILES],
                **more,
            },
        )
        rows: list[Sequence[Any]] = cursor.fetchall()
        return rows
