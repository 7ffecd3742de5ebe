"""The quarter-hours of a meter, as every analysis reads them: one query, plain values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from django.db import connection
from django.utils.translation import gettext as _

from clients.kernel.periods import Period
from clients.kernel.tenancy import current_tenant_id
from meters.errors import NotEnoughData
from meters.models import Meter, MeterKind, Quality
from meters.models.interval import INTERVAL_SECONDS

COLUMNS: Final = {
    MeterKind.ENERGY: "energy_import_ws",
    MeterKind.SOLAR: "energy_export_ws",
    MeterKind.WATER: "volume_ml",
}
MEASURED: Final = frozenset({Quality.MEASURED.value, Quality.DERIVED.value})


class Quarter(NamedTuple):
    """Fifteen minutes: when it began (Unix seconds), its amount, and how we know."""

    at: int
    amount: int  # watt-seconds or millilitres
    seconds: int
    quality: str
    rule: str

    @property
    def is_measured(self) -> bool:
        """Whole, and from readings close together: not caught up, not estimated, not typed."""
        return self.quality in MEASURED and self.seconds == INTERVAL_SECONDS

    @property
    def mean(self) -> float:
        """Watts, or millilitres per second."""
        return self.amount / INTERVAL_SECONDS

    def local(self, zone: ZoneInfo) -> datetime:
        return datetime.fromtimestamp(self.at, UTC).astimezone(zone)


def quarters_of(meter: Meter, period: Period) -> list[Quarter]:
    """Those about whose amount something is known, oldest first."""
    column = COLUMNS[MeterKind(meter.kind)]
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT date_part('epoch', starts_at)::bigint, {column}, seconds_covered, quality, "
            "rule FROM meters_interval WHERE tenant_id = %s AND meter_id = %s "
            f"AND starts_at >= %s AND starts_at < %s AND {column} IS NOT NULL ORDER BY starts_at",
            [current_tenant_id(), meter.pk, period.start, period.end],
        )
        return [Quarter(*row) for row in cursor.fetchall()]


@dataclass(frozen=True, slots=True)
class Known:
    """How much of a period a figure rests on, from 0 to 1, and how much of that is estimated."""

    share: float
    estimated: float


def known_of(quarters: list[Quarter], period: Period, now: datetime) -> Known:
    """Of the time that has passed; what has not come is not missing."""
    passed = (min(max(now, period.start), period.end) - period.start).total_seconds()
    if passed <= 0:
        return Known(0, 0)
    seconds = sum(quarter.seconds for quarter in quarters)
    estimated = sum(q.seconds for q in quarters if q.quality not in MEASURED)
    return Known(min(seconds / passed, 1), min(estimated / passed, 1))


def require_energy(meter: Meter) -> None:
    """Refuse what has no meaning for water."""
    if meter.kind == MeterKind.WATER:
        raise NotEnoughData(_("This is for meters of energy."), "not_for_water")
