"""What must be known of a meter to compute what it measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _

from meters.models import Meter, MeterKind
from meters.services.detection import Limits
from meters.services.local_days import Stay, zone_at

# More than any connection that we serve can carry, unless the meter says otherwise.
MOST_W: Final = 10_000_000
MOST_L_PER_H: Final = 3_600_000
# A register is believed to have started from zero when it shows no more than this pace gives.
MOST_FROM_ZERO_W: Final = 100_000
MOST_FROM_ZERO_L_PER_H: Final = 20_000
HOUR_S: Final = 3_600
# What a person may book at most (Wh or L), whatever the meter: sums of it fit the database.
MOST_AMOUNT: Final = 10**12
# The register that an installation's start and end values are of.
MAIN_REGISTERS: Final[dict[str, str]] = {
    MeterKind.ENERGY: "energy_import_wh",
    MeterKind.SOLAR: "energy_export_wh",
    MeterKind.WATER: "volume_l",
}
# The column of an interval that a register fills.
COLUMNS: Final = {
    "energy_import_wh": "energy_import_ws",
    "energy_export_wh": "energy_export_ws",
    "volume_l": "volume_ml",
}


@dataclass(frozen=True, slots=True)
class Placement:
    """An installation, with its instants in Unix seconds."""

    starts: float
    ends: float
    start_register: int | None
    end_register: int | None
    multiplier: Decimal


@dataclass(frozen=True, slots=True)
class Facts:
    """A meter, and which registers it speaks of."""

    meter_id: int
    kind: str
    sample_seconds: int
    registers: tuple[str, ...]
    zones: tuple[Stay, ...]
    digits: int | None
    step: int
    max_power_w: int | None
    max_flow_l_per_h: int | None

    def zone_at(self, seconds: float) -> ZoneInfo:
        """The time zone of the days around that instant."""
        return ZoneInfo(zone_at(self.zones, instant(seconds)))

    @property
    def sign(self) -> int:
        """Positive power is import, and of a solar meter export."""
        return -1 if self.kind == MeterKind.SOLAR else 1

    @property
    def energy_rate(self) -> float:
        """Wh a second that can be delivered at most."""
        return (self.max_power_w or MOST_W) / HOUR_S

    @property
    def volume_rate(self) -> float:
        """Litres a second that can be let through at most."""
        return (self.max_flow_l_per_h or MOST_L_PER_H) / HOUR_S

    @property
    def main_register(self) -> str:
        return MAIN_REGISTERS[self.kind]

    def limits(self, register: str) -> Limits:
        """What this register can do. Step and digits are those of the meter's main register."""
        is_volume = register == "volume_l"
        most = self.max_flow_l_per_h if is_volume else self.max_power_w
        default = MOST_FROM_ZERO_L_PER_H if is_volume else MOST_FROM_ZERO_W
        return Limits(
            rate=self.volume_rate if is_volume else self.energy_rate,
            from_zero=(most or default) / HOUR_S,
            step=self.step,
            modulus=10**self.digits * self.step if self.digits else None,
        )


def most_in(meter: Meter, register: str, seconds: float) -> float:
    """The most that the meter can count in so long, in the register's unit (Wh or L)."""
    if register == "volume_l":
        return (meter.max_flow_l_per_h or MOST_L_PER_H) * seconds / HOUR_S
    return (meter.max_power_w or MOST_W) * seconds / HOUR_S


def instant(seconds: float) -> datetime:
    """The instant that many seconds after 1970."""
    return datetime.fromtimestamp(seconds, UTC)


def multiplier_at(placements: Sequence[Placement], seconds: float) -> Decimal:
    """What one unit of the register stands for then: 1 where the meter serves no point."""
    for placement in placements:
        if placement.starts <= seconds < placement.ends:
            return placement.multiplier
    return Decimal(1)


def too_much() -> str:
    """The sentence for an amount above MOST_AMOUNT."""
    return _("At most %(most)s Wh or litres can be booked at once.") % {"most": f"{MOST_AMOUNT:,}"}
