"""Steady-state voltage at a metering point: DRP and DRC as PRODIST Módulo 8 counts them.

Bands, limits and factors are rows of `data/prodist_*.csv`, each with its source. What no source
holds (compensation, what a momentary sag is) is told apart from what two sources agree on.
"""

# ruff: noqa: E501 - SQL reads better unbroken

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from pathlib import Path
from typing import Any, Final

from django.db import connection
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from clients.kernel.periods import day_start
from clients.kernel.tenancy import current_tenant_id
from meters.errors import NotEnoughData
from meters.models import MeteringPoint
from meters.models.quantities import shortest

DATA: Final = Path(__file__).parent.parent / "data"
PHASES: Final = ("l1", "l2", "l3")
LONGEST: Final = timedelta(days=28)  # in which the readings of a week must be found
USUAL_SHARE: Final = 0.5  # of the usual number of samples, for a window to be one
MOST_NOMINAL_V: Final = 1_000


@dataclass(frozen=True, slots=True)
class Rule:
    """One figure of the rules, and who says so."""

    value: Decimal
    unit: str
    act: str
    source: str
    confidence: str


@dataclass(frozen=True, slots=True)
class Bands:
    """Adequate from and to (both in); precarious as far as the critical limits (in)."""

    nominal_v: int
    critical_below_v: float
    adequate_from_v: float
    adequate_to_v: float
    critical_above_v: float
    act: str
    source: str

    def state(self, volts: float) -> str:
        """`adequate`, `precarious` or `critical`."""
        if self.adequate_from_v <= volts <= self.adequate_to_v:
            return "adequate"
        is_near = self.critical_below_v <= volts <= self.critical_above_v
        return "precarious" if is_near else "critical"


@dataclass(frozen=True, slots=True)
class PhaseCount:
    """Readings of one phase by band."""

    phase: str
    adequate: int
    precarious: int
    critical: int
    drp_percent: Decimal
    drc_percent: Decimal
    lowest_v: float
    highest_v: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """The first 1,008 valid readings. `replaced` windows gave way to later ones."""

    readings: int
    replaced: int
    first_at: datetime
    last_at: datetime
    phases: list[PhaseCount]
    drp_percent: Decimal  # of the worst phase
    drc_percent: Decimal
    is_within: bool


@dataclass(frozen=True, slots=True)
class VoltageQuality:
    """`verdict` replaces windows with an interruption only; `purged` also those with a momentary
    sag or swell. Which of the two the annex wants is not verified, so both are told."""

    point: str
    nominal_v: int
    bands: Bands
    zone: str
    first_day: date
    samples_per_window: int
    drp_limit_percent: Decimal
    drc_limit_percent: Decimal
    verdict: Verdict
    purged: Verdict | None
    compensation_cents: int | None  # an estimate: its factors have no verified source
    notes: list[str]


@dataclass(frozen=True, slots=True)
class _Window:
    """Ten minutes: per phase root mean square, and whether something short happened in it."""

    at: datetime
    samples: int
    volts: tuple[float | None, ...]
    is_interrupted: bool
    has_event: bool


@cache
def rules() -> dict[str, Rule]:
    return {
        row["key"]: Rule(
            Decimal(row["value"]), row["unit"], row["act"], row["source"], row["confidence"]
        )
        for row in _rows("prodist_rules.csv")
    }


def _rows(name: str) -> Iterator[dict[str, str]]:
    with (DATA / name).open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


@cache
def bands(nominal_v: int) -> Bands:
    """The table's row; for a nominal voltage that is not in it, the factors that make the table."""
    for row in _rows("prodist_voltage.csv"):
        if int(row["nominal_v"]) == nominal_v:
            return _bands(nominal_v, [row[name] for name in _LIMITS], row["act"], row["source"])
    factors = [rules()[name] for name in _FACTORS]
    limits = [_rounded(nominal_v * factor.value) for factor in factors]
    return _bands(nominal_v, limits, factors[0].act, factors[0].source)


def _bands(nominal_v: int, limits: Sequence[str | int], act: str, source: str) -> Bands:
    lowest, low, high, highest = (float(limit) for limit in limits)
    return Bands(nominal_v, lowest, low, high, highest, act, source)


_LIMITS: Final = ("critical_below_v", "adequate_from_v", "adequate_to_v", "critical_above_v")
_FACTORS: Final = ("critical_below", "adequate_from", "adequate_to", "critical_above")


def _rounded(value: Decimal) -> int:
    return int(value.quantize(Decimal(1), ROUND_HALF_UP))


def share_of(count: int) -> Decimal:
    """So many readings in percent of the 1,008 that are required."""
    return Decimal(count) * 100 / rules()["readings_required"].value


def compensation_cents(drp_percent: Decimal, drc_percent: Decimal, eusd_cents: int) -> int:
    """[(DRP - 3) / 100 · k1 + (DRC - 0.5) / 100 · k2] · EUSD, nothing for what is within its limit."""
    found = rules()
    over_drp = max(drp_percent - found["drp_limit_percent"].value, Decimal(0))
    over_drc = max(drc_percent - found["drc_limit_percent"].value, Decimal(0))
    factor = over_drp * found["compensation_k1"].value + over_drc * found["compensation_k2"].value
    return _rounded(factor / 100 * eusd_cents)


def voltage_quality(
    point: MeteringPoint,
    first_day: date,
    *,
    now: datetime,
    nominal_v: int | None = None,
    eusd_cents: int | None = None,
) -> VoltageQuality:
    """DRP and DRC of a point from local midnight of `first_day` on.

    A week of 10-minute readings; windows that do not count are replaced by later valid ones. Raises
    NotEnoughData while fewer than 1,008 are there, and for a point without a nominal voltage.
    """
    nominal = nominal_v or point.nominal_voltage_v
    if nominal is None:
        raise NotEnoughData(
            _("Say the nominal voltage of the point first: 127 or 220."), "nominal_voltage_required"
        )
    start = day_start(first_day, point.site.zone)
    windows = _windows(point, start, min(start + LONGEST, now), nominal)
    usual = sorted(window.samples for window in windows)[len(windows) // 2] if windows else 0
    whole = [window for window in windows if window.samples >= USUAL_SHARE * usual]
    limits = bands(nominal)
    verdict = _verdict([window for window in whole if not window.is_interrupted], whole, limits)
    calm = [window for window in whole if not (window.is_interrupted or window.has_event)]
    required = int(rules()["readings_required"].value)
    purged = _verdict(calm, whole, limits) if len(calm) >= required else None
    return VoltageQuality(
        point=str(point),
        nominal_v=nominal,
        bands=limits,
        zone=point.site.zone.key,
        first_day=first_day,
        samples_per_window=usual,
        drp_limit_percent=rules()["drp_limit_percent"].value,
        drc_limit_percent=rules()["drc_limit_percent"].value,
        verdict=verdict,
        purged=purged,
        compensation_cents=None
        if eusd_cents is None
        else compensation_cents(verdict.drp_percent, verdict.drc_percent, eusd_cents),
        notes=_notes(usual, has_estimate=eusd_cents is not None),
    )


def _notes(samples: int, *, has_estimate: bool) -> list[str]:
    notes = [
        ngettext(
            "Each reading is the root mean square of %(n)d sample in ten minutes; the meter is not a class A instrument.",
            "Each reading is the root mean square of %(n)d samples in ten minutes; the meter is not a class A instrument.",
            samples,
        )
        % {"n": samples},
        _(
            "Bands and limits come from sources that quote PRODIST Módulo 8; the annex itself has to be read before a claim."
        ),
    ]
    if has_estimate:
        notes.append(
            _("The compensation is an estimate: no source for its factors could be verified.")
        )
    return notes


def _verdict(valid: Sequence[_Window], whole: Sequence[_Window], limits: Bands) -> Verdict:
    required = int(rules()["readings_required"].value)
    if len(valid) < required:
        raise NotEnoughData(
            _("There are %(n)d of the %(required)d valid ten-minute readings.")
            % {"n": len(valid), "required": required}
        )
    taken = valid[:required]
    passed = [window for window in whole if window.at <= taken[-1].at]
    counts = [_count(taken, place, limits) for place in range(len(PHASES))]
    phases = [count for count in counts if count is not None]
    drp, drc = max(p.drp_percent for p in phases), max(p.drc_percent for p in phases)
    found = rules()
    is_within = drp <= found["drp_limit_percent"].value and drc <= found["drc_limit_percent"].value
    return Verdict(
        len(taken),
        len(passed) - len(taken),
        taken[0].at,
        taken[-1].at,
        phases,
        drp,
        drc,
        is_within,
    )


def _count(taken: Sequence[_Window], place: int, limits: Bands) -> PhaseCount | None:
    volts = [window.volts[place] for window in taken]
    known = [volt for volt in volts if volt is not None]
    if not known:
        return None
    states = [limits.state(volt) for volt in known]
    precarious, critical = states.count("precarious"), states.count("critical")
    return PhaseCount(
        PHASES[place],
        states.count("adequate"),
        precarious,
        critical,
        share_of(precarious),
        share_of(critical),
        shortest(min(known)),
        shortest(max(known)),
    )


def _windows(point: MeteringPoint, start: datetime, end: datetime, nominal: int) -> list[_Window]:
    """The ten-minute windows with readings, whichever meters served the point."""
    if end <= start:
        return []
    found = rules()
    listed = ", ".join(
        f"sqrt(avg(voltage_{p}_v::float8 ^ 2)), min(voltage_{p}_v)::float8, max(voltage_{p}_v)::float8, "
        f"count(*) FILTER (WHERE voltage_{p}_v < %(sag)s OR voltage_{p}_v > %(swell)s)"
        for p in PHASES
    )
    sql = f"""
        SELECT to_timestamp(floor(date_part('epoch', r.measured_at) / %(step)s) * %(step)s) AS t, count(*), {listed}
        FROM meters_installation i JOIN meters_reading r ON r.tenant_id = i.tenant_id AND r.meter_id = i.meter_id
            AND r.measured_at >= i.starts_at AND (i.ends_at IS NULL OR r.measured_at < i.ends_at)
        WHERE i.tenant_id = %(tenant)s AND i.metering_point_id = %(point)s
            AND r.measured_at >= %(start)s AND r.measured_at < %(end)s
            AND (voltage_l1_v IS NOT NULL OR voltage_l2_v IS NOT NULL OR voltage_l3_v IS NOT NULL)
            AND NOT EXISTS (SELECT FROM meters_disregarded d
                WHERE d.meter_id = r.meter_id AND d.measured_at = r.measured_at)
        GROUP BY t ORDER BY t
    """
    step = int(found["window_s"].value)
    whole = datetime.fromtimestamp(int(end.timestamp()) // step * step, end.tzinfo)
    with connection.cursor() as cursor:
        cursor.execute(
            sql,
            {
                "tenant": current_tenant_id(),
                "point": point.pk,
                "start": start,
                "end": whole,
                "step": step,
                "sag": float(found["sag_below"].value * nominal),
                "swell": float(found["swell_above"].value * nominal),
            },
        )
        lost = float(found["interruption_below"].value * nominal)
        return [_window(row, lost) for row in cursor.fetchall()]


def _window(row: Sequence[Any], lost: float) -> _Window:
    at, samples, *rest = row
    phases = [rest[place : place + 4] for place in range(0, len(rest), 4)]
    lowest = [low for _rms, low, _high, _events in phases if low is not None]
    events = [number for _rms, _low, _high, number in phases]
    return _Window(
        at,
        samples,
        tuple(rms for rms, _low, _high, _events in phases),
        is_interrupted=min(lowest) < lost,
        has_event=any(0 < number < samples / 2 for number in events),
    )
