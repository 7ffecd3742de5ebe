"""What the checks look at: columns of a meter's readings and quarter-hours, and facts about it.

Times are Unix seconds. A missing value is NaN. Checks are pure functions of this and of their
parameters, and a verdict about an instant depends on nothing but what is near it, so that it does
not matter in which pieces the data came.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property, lru_cache
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from meters.models import MeterKind
from meters.models.interval import INTERVAL_SECONDS

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Whole = NDArray[np.int64]
DAY_S = 86_400
HOUR_S = 3_600


@dataclass(frozen=True, slots=True)
class Finding:
    """A stretch that a check does not believe, with the values that say why."""

    starts_at: float
    ends_at: float
    values: dict[str, float | str]


@dataclass(frozen=True)
class Readings:
    """Raw readings in order of time, those that a person left out left out."""

    at: Floats
    columns: dict[str, Floats] = field(default_factory=dict)
    received_at: Floats | None = None

    def of(self, name: str) -> tuple[Floats, Floats]:
        """Instants and values of the readings that have the quantity."""
        values = self.columns.get(name)
        if values is None:
            return self.at[:0], self.at[:0]
        known = ~np.isnan(values)
        return self.at[known], values[known]


@dataclass(frozen=True)
class Quarters:
    """The second layer: what was used, in base units (Wh or L), and how it is known."""

    at: Whole
    amount: Floats
    seconds: Floats
    is_estimated: Flags


@dataclass(frozen=True)
class Material:
    """A meter's data over a window and what lies around it."""

    kind: MeterKind
    zone: ZoneInfo
    starts_at: float  # the window that verdicts are wanted for
    ends_at: float
    readings: Readings
    quarters: Quarters
    reports_every_s: float | None = None
    sample_s: float = 900
    register_step: float = 1
    modulus: float | None = None
    limit: float | None = None  # W, or L/h
    factor: float = 1  # what one unit of the register stands for
    second_values: Floats = field(default_factory=lambda: np.empty(0))
    explained: tuple[tuple[float, float], ...] = ()  # stretches with a register event
    silent_since: float | None = None  # the newest reading, when the window ends now

    @cached_property
    def main(self) -> str:
        """The instantaneous quantity that this kind of meter is there for."""
        return "flow_l_per_s" if self.kind == MeterKind.WATER else "power_w"

    @cached_property
    def register(self) -> str:
        """The register that this kind of meter is there for."""
        names = {MeterKind.WATER: "volume_l", MeterKind.SOLAR: "energy_export_wh"}
        return names.get(self.kind, "energy_import_wh")

    @cached_property
    def unit(self) -> str:
        return "l" if self.kind == MeterKind.WATER else "wh"

    @cached_property
    def rate_unit(self) -> str:
        return "l_per_h" if self.kind == MeterKind.WATER else "w"

    @property
    def has_export(self) -> bool:
        return self.readings.of("energy_export_wh")[0].size > 0

    def local(self, at: Floats | Whole) -> Whole:
        """Local clock time of instants in their order, in seconds: // 86,400 is the local day."""
        whole: Whole = np.floor(at).astype(np.int64)
        if not whole.size:
            return whole
        hours = whole // HOUR_S
        first = np.concatenate(([0], np.flatnonzero(np.diff(hours)) + 1))
        counts = np.diff(np.append(first, whole.size))
        shifts = [_offset(hour, self.zone) for hour in hours[first].tolist()]
        local: Whole = whole + np.repeat(np.array(shifts, np.int64), counts)
        return local

    def instant(self, day: int) -> float:
        """When the local day (days since 1970) begins."""
        guess = day * DAY_S
        return float(
            guess - _offset((guess - _offset(guess // HOUR_S, self.zone)) // HOUR_S, self.zone)
        )

    def is_explained(self, start: float, end: float) -> bool:
        """Whether a register event covers part of the stretch."""
        return any(begin <= end and start <= stop for begin, stop in self.explained)


@lru_cache(maxsize=100_000)
def _offset(hour: int, zone: ZoneInfo) -> int:
    offset = zone.utcoffset(datetime.fromtimestamp(hour * HOUR_S, UTC).astimezone(zone))
    return int(offset.total_seconds()) if offset else 0


def no_quarters() -> Quarters:
    """For checks of readings alone."""
    return Quarters(np.empty(0, np.int64), np.empty(0), np.empty(0), np.empty(0, bool))


def quarters_held(at: Floats, rate_per_h: Floats, hold_s: float) -> Quarters:
    """Quarter-hours of a power or flow whose samples hold until the next one, for series without a
    second layer (labelled files)."""
    if not at.size:
        return no_quarters()
    until = np.minimum(np.append(at[1:], at[-1] + hold_s), at + hold_s)
    amount: dict[int, float] = {}
    seconds: dict[int, float] = {}
    for start, end, rate in zip(at, until, rate_per_h, strict=True):
        while start < end:
            quarter = int(start // INTERVAL_SECONDS * INTERVAL_SECONDS)
            stop = min(end, quarter + INTERVAL_SECONDS)
            amount[quarter] = amount.get(quarter, 0.0) + rate * (stop - start) / HOUR_S
            seconds[quarter] = seconds.get(quarter, 0.0) + stop - start
            start = stop
    keys = sorted(amount)
    return Quarters(
        np.array(keys, np.int64),
        np.array([amount[key] for key in keys]),
        np.array([seconds[key] for key in keys]),
        np.zeros(len(keys), bool),
    )
