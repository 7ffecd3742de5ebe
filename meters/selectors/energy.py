"""What metering points used in a period, with what it rests on: for whoever bills it."""

# ruff: noqa: E501 - SQL reads better unbroken

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal
from typing import Any, Final

from django.db import connection
from django.utils.translation import gettext as _

from clients.kernel.periods import Period
from clients.kernel.tenancy import current_tenant_id
from meters.models import MeteringPoint, MeterKind, Rule
from meters.models.interval import ML_PER_L, WEAKEST_FIRST, WS_PER_WH

HUNDREDTH: Final = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class MeteredEnergy:
    """What a metering point used. Energy is rounded once, here; the evidence has its exact sum."""

    energy_wh: int
    completeness_percent: Decimal
    evidence: dict[str, Any] = field(default_factory=dict)
    energy_export_wh: int = 0
    volume_l: int = 0


@dataclass(frozen=True, slots=True)
class _Part:
    """One meter's time at a point within the period."""

    point_id: int
    serial: str
    starts_at: datetime
    ends_at: datetime
    import_ws: int
    export_ws: int
    volume_ml: int
    seconds: int
    estimated: int
    intervals: int
    rules: list[str]
    first_at: datetime | None
    first_wh: int | None
    last_at: datetime | None
    last_wh: int | None
    start_register: int | None
    end_register: int | None
    multiplier: Decimal
    events: str
    edits: str


def metered_energy(metering_point_ids: Sequence[int], period: Period) -> dict[int, MeteredEnergy]:
    """What each point used from the period's start (in) to its end (out), whichever meters served.

    Every point asked for is answered; one without data has 0 Wh and a completeness of 0.
    """
    parts: dict[int, list[_Part]] = defaultdict(list)
    for part in _parts(metering_point_ids, period):
        parts[part.point_id].append(part)
    kinds = dict(MeteringPoint.objects.filter(pk__in=metering_point_ids).values_list("pk", "kind"))
    return {
        point_id: _summed(parts[point_id], period, kinds.get(point_id, MeterKind.ENERGY))
        for point_id in metering_point_ids
    }


def _summed(parts: Sequence[_Part], period: Period, kind: str) -> MeteredEnergy:
    import_ws = sum(part.import_ws for part in parts)
    export_ws = sum(part.export_ws for part in parts)
    used_ws = export_ws if kind == MeterKind.SOLAR else import_ws
    seconds = sum(part.seconds for part in parts)
    expected = int(period.duration.total_seconds())
    rule = _main_rule(parts)
    return MeteredEnergy(
        energy_wh=_rounded(used_ws, WS_PER_WH),
        completeness_percent=_percent(min(seconds, expected), expected),
        energy_export_wh=_rounded(export_ws, WS_PER_WH),
        volume_l=_rounded(sum(part.volume_ml for part in parts), ML_PER_L),
        evidence={
            "rule": rule,
            "rule_text": rule_text(rule),
            "energy_ws": used_ws,
            "intervals": sum(part.intervals for part in parts),
            "seconds_covered": seconds,
            "seconds_estimated": sum(part.estimated for part in parts),
            "meters": [_evidence(part) for part in parts],
        },
    )


def _main_rule(parts: Sequence[_Part]) -> str:
    """The weakest rule that was used: what a reader must know about the sum."""
    used = {rule for part in parts for rule in part.rules}
    return next((rule.value for rule in WEAKEST_FIRST if rule in used), "")


def rule_text(rule: str) -> str:
    """How the value came about, as a sentence for the client."""
    texts = {
        Rule.REGISTER: _("Difference of the meter's register."),
        Rule.REGISTER_GAP: _(
            "Difference of the meter's register; where readings were missing it was spread evenly."
        ),
        Rule.REFERENCE_DAYS: _(
            "Difference of the meter's register; where readings were missing it was spread like "
            "similar days before."
        ),
        Rule.ASKED: _("Some quarter-hours without readings were estimated by a person."),
        Rule.POWER: _(
            "Power times time: each sample holds until the next one; the sum is rounded once."
        ),
        Rule.FLOW: _("Flow times time: each sample holds until the next one."),
        Rule.BY_HAND: _("Some quarter-hours were entered by a person."),
    }
    return texts[Rule(rule)] if rule else _("There are no readings.")


def _evidence(part: _Part) -> dict[str, Any]:
    first_at, first_wh = part.first_at, part.first_wh
    last_at, last_wh = part.last_at, part.last_wh
    if part.start_register is not None:
        first_at, first_wh = part.starts_at, part.start_register
    if part.end_register is not None:
        last_at, last_wh = part.ends_at, part.end_register
    return {
        "serial": part.serial,
        "from": part.starts_at.isoformat(),
        "until": part.ends_at.isoformat(),
        "first_at": first_at.isoformat() if first_at else None,
        "first_wh": first_wh,
        "last_at": last_at.isoformat() if last_at else None,
        "last_wh": last_wh,
        "energy_ws": part.import_ws,
        "start_register": part.start_register,
        "end_register": part.end_register,
        "multiplier": f"{part.multiplier.normalize():f}",
        "events": json.loads(part.events),
        "edits": json.loads(part.edits),
    }


def _rounded(value: int, unit: int) -> int:
    return int((Decimal(value) / unit).quantize(Decimal(1), ROUND_HALF_UP))


def _percent(seconds: int, expected: int) -> Decimal:
    """Rounded down: what is not complete must not look so."""
    return (Decimal(seconds) * 100 / expected).quantize(HUNDREDTH, ROUND_DOWN)


def _edge(name: str, order: str) -> str:
    """The first or last reading of the span that intervals rest on: of the register that is billed,
    where it speaks, or else of any sample."""
    within = """r.tenant_id = %(tenant)s AND r.meter_id = s.meter_id
            AND r.measured_at >= %(start)s AND r.measured_at <= %(end)s
            AND r.measured_at >= s.a AND r.measured_at <= s.b
            AND NOT EXISTS (
                SELECT FROM meters_disregarded g WHERE g.tenant_id = %(tenant)s
                AND g.meter_id = r.meter_id AND g.measured_at = r.measured_at)"""
    value = """CASE s.register WHEN 'energy_export_wh' THEN r.energy_export_wh
            ELSE r.energy_import_wh END"""
    return f"""
    LEFT JOIN LATERAL (
        SELECT r.measured_at, {value} AS value FROM meters_reading r
        WHERE s.register = ANY (s.registers_seen) AND {value} IS NOT NULL AND {within}
            AND NOT EXISTS (
                SELECT FROM meters_registerevent e WHERE e.tenant_id = %(tenant)s
                AND e.meter_id = r.meter_id AND e.register = s.register
                AND e.kind IN ('dip', 'spike')
                AND e.starts_at < r.measured_at AND e.ends_at > r.measured_at)
        ORDER BY r.measured_at {order} LIMIT 1
    ) {name} ON true
    LEFT JOIN LATERAL (
        SELECT r.measured_at FROM meters_reading r
        WHERE {name}.measured_at IS NULL AND {within}
        ORDER BY r.measured_at {order} LIMIT 1
    ) {name}_sample ON true"""


# A stretch of whole local days is summed from day totals, about a hundred times fewer rows.
# A quarter-hour in which a meter's installation ended and another began is one interval: it counts
# where it began, and not once for each.
_PARTS: Final = f"""
    WITH span AS (
        SELECT i.metering_point_id, i.meter_id, m.serial, m.registers_seen,
            CASE WHEN m.kind = 'solar' THEN 'energy_export_wh' ELSE 'energy_import_wh' END AS register, s.time_zone, i.multiplier,
            CASE WHEN i.starts_at >= %(start)s THEN i.start_register END AS start_register,
            CASE WHEN i.ends_at <= %(end)s THEN i.end_register END AS end_register,
            greatest(i.starts_at, %(start)s) AS a, least(coalesce(i.ends_at, %(end)s), %(end)s) AS b
        FROM meters_installation i
        JOIN meters_meter m ON m.id = i.meter_id
        JOIN meters_meteringpoint p ON p.id = i.metering_point_id
        JOIN meters_site s ON s.id = p.site_id
        WHERE i.tenant_id = %(tenant)s AND i.metering_point_id = ANY (%(points)s)
          AND i.starts_at < %(end)s AND (i.ends_at IS NULL OR i.ends_at > %(start)s)
    ), shaped AS (
        SELECT span.*, (a AT TIME ZONE time_zone)::date AS first_day,
            (b AT TIME ZONE time_zone)::date AS after_day,
            (a AT TIME ZONE time_zone)::time = '00:00' AND (b AT TIME ZONE time_zone)::time = '00:00'
                AS is_whole_days,
            date_bin('15 min', a, '2000-01-01 00:00+00') + CASE WHEN EXISTS (
                SELECT FROM meters_installation o WHERE o.tenant_id = %(tenant)s
                AND o.meter_id = span.meter_id AND o.ends_at <= span.a
                AND o.ends_at > date_bin('15 min', span.a, '2000-01-01 00:00+00')
            ) THEN interval '15 min' ELSE interval '0' END AS first_quarter
        FROM span
    )
    SELECT s.metering_point_id, s.serial, s.a, s.b,
        coalesce(d.import_ws, q.import_ws, 0), coalesce(d.export_ws, q.export_ws, 0),
        coalesce(d.volume_ml, q.volume_ml, 0), coalesce(d.seconds, q.seconds, 0),
        coalesce(d.estimated, q.estimated, 0), coalesce(d.intervals, q.intervals, 0),
        coalesce(d.rules, q.rules, '{{}}'),
        coalesce(early.measured_at, early_sample.measured_at), early.value,
        coalesce(late.measured_at, late_sample.measured_at), late.value,
        s.start_register, s.end_register, s.multiplier, coalesce(event.named, '[]')::text,
        coalesce(edit.named, '[]')::text
    FROM shaped s
    LEFT JOIN LATERAL (
        SELECT sum(energy_import_ws)::bigint AS import_ws, sum(energy_export_ws)::bigint AS export_ws,
            sum(volume_ml)::bigint AS volume_ml, sum(seconds_covered) AS seconds,
            sum(seconds_estimated) AS estimated, sum(interval_count) AS intervals,
            array_agg(DISTINCT rule::text) AS rules
        FROM meters_daytotal t WHERE s.is_whole_days AND t.tenant_id = %(tenant)s
            AND t.meter_id = s.meter_id AND t.day >= s.first_day AND t.day < s.after_day
    ) d ON true
    LEFT JOIN LATERAL (
        SELECT sum(energy_import_ws)::bigint AS import_ws, sum(energy_export_ws)::bigint AS export_ws,
            sum(volume_ml)::bigint AS volume_ml, sum(seconds_covered) AS seconds,
            sum(seconds_covered) FILTER (WHERE quality = 'estimated') AS estimated,
            count(*) AS intervals, array_agg(DISTINCT rule::text) AS rules
        FROM meters_interval t WHERE NOT s.is_whole_days AND t.tenant_id = %(tenant)s
            AND t.meter_id = s.meter_id
            AND t.starts_at >= s.first_quarter AND t.starts_at < s.b
    ) q ON true
{_edge("early", "ASC")}{_edge("late", "DESC")}    LEFT JOIN LATERAL (
        SELECT jsonb_agg(jsonb_build_object(
            'kind', e.kind, 'register', e.register, 'state', e.state, 'from', e.starts_at,
            'until', e.ends_at, 'before', e.value_before, 'between', e.value_between,
            'after', e.value_after, 'left_out', e.left_out, 'decided_by', e.decided_by)
            ORDER BY e.starts_at) AS named
        FROM meters_registerevent e WHERE e.tenant_id = %(tenant)s AND e.meter_id = s.meter_id
            AND e.starts_at <= s.b AND e.ends_at >= s.a
    ) event ON true
    LEFT JOIN LATERAL (
        SELECT jsonb_agg(jsonb_build_object(
            'kind', e.kind, 'from', e.starts_at, 'until', e.ends_at, 'method', e.method,
            'reason', e.reason, 'author', e.author) ORDER BY e.starts_at) AS named
        FROM meters_edit e WHERE e.tenant_id = %(tenant)s AND e.meter_id = s.meter_id
            AND e.starts_at < s.b AND e.ends_at > s.a AND e.undone_at IS NULL
    ) edit ON true
    ORDER BY s.metering_point_id, s.a
"""


def _parts(metering_point_ids: Sequence[int], period: Period) -> list[_Part]:
    with connection.cursor() as cursor:
        cursor.execute(
            _PARTS,
            {
                "tenant": current_tenant_id(),
                "points": list(metering_point_ids),
                "start": period.start,
                "end": period.end,
            },
        )
        return [_Part(*row) for row in cursor.fetchall()]
