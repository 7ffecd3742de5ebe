"""Stretches of quarter-hours that were not measured: when, how, and how much."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db import connection

from clients.kernel.tenancy import current_tenant_id
from meters.models import Meter, Quality, Rule
from meters.selectors.series import measure_of

QUALITIES: Final = [Quality.ESTIMATED.value, Quality.EDITED.value]
# Neighbours that came about in the same way are one stretch: their place in the row of quarters
# and their place among those of that way go on together.
_STRETCHES: Final = """
    SELECT min(starts_at), max(starts_at) + interval '15 minutes', rule, author, sum({column}),
        count(*) OVER ()
    FROM (
        SELECT *, starts_at - row_number() OVER (PARTITION BY rule, author ORDER BY starts_at)
            * interval '15 minutes' AS island
        FROM meters_interval
        WHERE tenant_id = %s AND meter_id = %s AND quality = ANY (%s)
    ) quarter
    GROUP BY rule, author, island ORDER BY 1 DESC LIMIT %s
"""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Neighbouring quarter-hours; `amount` in the unit of the meter's `Measure`."""

    starts_at: datetime
    ends_at: datetime
    rule: Any  # its words, translated when shown
    author: str
    amount: float | None


def estimated_stretches(meter: Meter, limit: int) -> tuple[list[Stretch], int]:
    """The newest stretches, and how many there are in all."""
    measure = measure_of(meter)
    with connection.cursor() as cursor:
        cursor.execute(
            _STRETCHES.format(column=measure.amount),
            [current_tenant_id(), meter.pk, QUALITIES, limit],
        )
        rows = cursor.fetchall()
    stretches = [
        Stretch(
            start,
            end,
            Rule(rule).label,
            author,
            None if amount is None else float(amount) / measure.per_unit,
        )
        for start, end, rule, author, amount, _count in rows
    ]
    return stretches, rows[0][-1] if rows else 0
