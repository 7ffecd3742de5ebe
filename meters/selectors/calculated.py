"""What follows from voltages, currents and powers: apparent power, power factor, unbalance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import fmean
from typing import Any, Final

from django.utils.translation import gettext as _

from clients.kernel.periods import Period
from meters.errors import NotEnoughData
from meters.models import Meter, Reading

PHASES: Final = (1, 2, 3)
INACTIVE_V: Final = 0.01
LAST: Final = 100
NAMES: Final = (
    "measured_at",
    "power_w",
    *(f"power_l{n}_w" for n in PHASES),
    *(f"voltage_l{n}_v" for n in PHASES),
    *(f"current_l{n}_a" for n in PHASES),
)


@dataclass(frozen=True, slots=True)
class Phase:
    """One phase: means over the readings in which it was active."""

    phase: int
    voltage_v: float
    current_a: float
    apparent_power_va: float


@dataclass(frozen=True, slots=True)
class Calculated:
    """From the last readings of the period that have voltage, current and power together."""

    readings: int
    last_at: datetime
    active_phases: int
    power_w: float
    apparent_power_va: float
    power_factor: float  # 0 without apparent power
    mean_voltage_v: float
    mean_current_a: float
    mean_power_w: float
    mean_apparent_power_va: float
    voltage_unbalance_percent: float | None  # three phases: furthest from their mean
    current_unbalance_percent: float | None
    energy_import_kwh: float | None  # the register, not a sum of samples
    phases: list[Phase]


@dataclass(frozen=True, slots=True)
class _Moment:
    at: datetime
    power: float
    volts: dict[int, float]
    amps: dict[int, float]

    @property
    def apparent(self) -> float:
        return sum(volt * self.amps[phase] for phase, volt in self.volts.items())


def calculated(meter: Meter, period: Period) -> Calculated:
    """One phase or three: only what is active counts; raises NotEnoughData without V, A and W."""
    rows = Reading.objects.filter(
        meter_id=meter.pk, measured_at__gte=period.start, measured_at__lt=period.end
    ).order_by("-measured_at")
    electric = rows.filter(voltage_l1_v__isnull=False) | rows.filter(voltage_l2_v__isnull=False)
    moments = [
        moment for row in electric.values(*NAMES)[:LAST] if (moment := _moment(row)) is not None
    ]
    if not moments:
        raise NotEnoughData(
            _("There is no reading with voltage, current and power in this period.")
        )
    last = moments[0]
    apparent = last.apparent
    registers = rows.filter(energy_import_wh__isnull=False)
    register = registers.values_list("energy_import_wh", flat=True).first()
    return Calculated(
        readings=len(moments),
        last_at=last.at,
        active_phases=len(last.volts),
        power_w=round(last.power, 2),
        apparent_power_va=round(apparent, 2),
        power_factor=round(last.power / apparent, 3) if apparent else 0.0,
        mean_voltage_v=round(fmean(v for m in moments for v in m.volts.values()), 2),
        mean_current_a=round(fmean(a for m in moments for a in m.amps.values()), 3),
        mean_power_w=round(fmean(m.power for m in moments), 2),
        mean_apparent_power_va=round(fmean(m.apparent for m in moments), 2),
        voltage_unbalance_percent=unbalance(list(last.volts.values())),
        current_unbalance_percent=unbalance(list(last.amps.values())),
        energy_import_kwh=register / 1_000 if register is not None else None,
        phases=_phases(moments),
    )


def unbalance(values: Sequence[float]) -> float | None:
    """The largest distance from the mean, in percent of it; of three phases only."""
    mean = fmean(values) if values else 0
    if len(values) < len(PHASES) or not mean:
        return None
    return round(max(abs(value - mean) for value in values) / mean * 100, 2)


def _moment(row: dict[str, Any]) -> _Moment | None:
    volts, amps, powers = {}, {}, []
    for phase in PHASES:
        volt, amp = row[f"voltage_l{phase}_v"], row[f"current_l{phase}_a"]
        if volt is None or amp is None or abs(volt) < INACTIVE_V:
            continue
        volts[phase], amps[phase] = volt, amp
        powers.append(row[f"power_l{phase}_w"])
    known = [power for power in powers if power is not None]
    whole = sum(known) if known and len(known) == len(powers) else None
    power = row["power_w"] if row["power_w"] is not None else whole
    if not volts or power is None:
        return None
    return _Moment(row["measured_at"], power, volts, amps)


def _phases(moments: Sequence[_Moment]) -> list[Phase]:
    found = []
    for phase in PHASES:
        active = [moment for moment in moments if phase in moment.volts]
        if active:
            found.append(
                Phase(
                    phase,
                    round(fmean(m.volts[phase] for m in active), 2),
                    round(fmean(m.amps[phase] for m in active), 3),
                    round(fmean(m.volts[phase] * m.amps[phase] for m in active), 2),
                )
            )
    return found
