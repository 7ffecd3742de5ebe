"""What waits for a decision about readings, and what its page draws."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.db.models import Count, Min, QuerySet

from clients.kernel.periods import Period
from meters.models import UNDECIDED, Meter, MeterException, MeterKind
from meters.models.quantities import NAMES
from meters.selectors.columns import Series, series
from meters.selectors.places import with_serving

LEAST_AROUND: Final = timedelta(hours=6)
MOST_SHOWN: Final = timedelta(days=62)
SUMS: Final = {MeterKind.WATER: "volume", MeterKind.SOLAR: "energy_export"}


@dataclass(frozen=True, slots=True)
class Waiting:
    """How much waits, and since when."""

    count: int
    meters: int
    serious: int
    since: datetime | None


def undecided() -> QuerySet[MeterException]:
    """What nobody has decided yet."""
    return MeterException.objects.filter(state__in=UNDECIDED)


def waiting() -> Waiting:
    """For the home page: one line for all of it."""
    rows = undecided().exclude(severity="info")
    found = rows.aggregate(
        count=Count("pk"), meters=Count("meter_id", distinct=True), since=Min("found_at")
    )
    serious = rows.filter(severity="fail").count()
    return Waiting(found["count"], found["meters"], serious, found["since"])


def with_place(rows: QuerySet[MeterException]) -> QuerySet[Any]:
    """The same rows, each meter with `serving`: the point, site and client it serves now."""
    return rows.select_related("meter").prefetch_related(with_serving())


def waiting_of(meter: Meter) -> int | None:
    """How much waits about this meter; nothing instead of zero."""
    return undecided().filter(meter=meter).count() or None


def quantity_of(row: MeterException, looks_at: str) -> str:
    """What shows best why the stretch is not believed."""
    said: list[str] = [
        str(row.values.get("phase") or row.values.get("register") or ""),
        *row.values,
    ]
    named = [name for name in said if name in NAMES]
    kind = MeterKind(row.meter.kind)
    if named:
        return str(named[0])
    if looks_at == "intervals":
        return SUMS.get(kind, "energy_import")
    return "flow_l_per_s" if kind == MeterKind.WATER else "power_w"


def around(row: MeterException) -> Period:
    """The stretch with as much before and after it, a day at least, two months at most."""
    margin = max(LEAST_AROUND, min(row.ends_at - row.starts_at, MOST_SHOWN / 3))
    end = min(row.ends_at, row.starts_at + MOST_SHOWN)
    return Period(row.starts_at - margin, end + margin)


def drawn(row: MeterException, looks_at: str, *, now: datetime) -> Series:
    """The stretch and what lies around it, as columns, with what was left out."""
    names = [quantity_of(row, looks_at)]
    return series(row.meter, names, around(row), now=now, with_disregarded=True)
