"""What a meter can say: one column per physical quantity, with its unit in the name.

The columns of `Reading`, the schema of the ingest lane and the binary `COPY` are made from this
list. Adding one is a migration on `meters_reading` and one line at the end here.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from typing import Final, Literal

MAX_REGISTER: Final = 10**15
# Of instantaneous values by unit: beyond any device, and small enough that no sum overflows.
MOST: Final[dict[str, float]] = {
    **dict.fromkeys(("W", "var", "VA"), 1e11),
    "1": 1e3,
    "Hz": 1e5,
    "V": 1e7,
    "A": 1e7,
    "L/s": 1e7,
    "bar": 1e5,
    "°C": 1e4,
}


@dataclass(frozen=True, slots=True)
class Quantity:
    """A column of `Reading`: a register (counts up, whole base units) or an instantaneous value."""

    name: str
    kind: Literal["register", "instant"]
    unit: str

    @property
    def largest(self) -> float:
        """What no device can mean to say more of, in either direction."""
        return MAX_REGISTER if self.kind == "register" else MOST[self.unit]


def _registers(*names: tuple[str, str]) -> list[Quantity]:
    return [Quantity(name, "register", unit) for name, unit in names]


def _instants(unit: str, *names: str) -> list[Quantity]:
    return [Quantity(name, "instant", unit) for name in names]


QUANTITIES: Final[tuple[Quantity, ...]] = (
    *_registers(
        ("energy_import_wh", "Wh"),
        ("energy_export_wh", "Wh"),
        ("reactive_import_varh", "varh"),
        ("reactive_export_varh", "varh"),
        ("volume_l", "L"),
    ),
    *_instants("W", "power_w", "power_l1_w", "power_l2_w", "power_l3_w"),
    *_instants("var", "reactive_power_var"),
    *_instants("VA", "apparent_power_va"),
    *_instants("1", "power_factor"),
    *_instants("Hz", "frequency_hz"),
    *_instants("V", "voltage_l1_v", "voltage_l2_v", "voltage_l3_v"),
    *_instants("A", "current_l1_a", "current_l2_a", "current_l3_a", "current_n_a"),
    *_instants("L/s", "flow_l_per_s"),
    *_instants("bar", "pressure_bar"),
    *_instants("°C", "temperature_c"),
)
NAMES: Final = tuple(quantity.name for quantity in QUANTITIES)
REGISTERS: Final = tuple(quantity.name for quantity in QUANTITIES if quantity.kind == "register")
INSTANTS: Final = frozenset(q.name for q in QUANTITIES if q.kind == "instant")
_DIGITS: Final = range(6, 10)  # six always survive four bytes, and nine tell them all apart


def shortest(value: float) -> float:
    """The number that was meant by an instantaneous value, which is kept in four bytes: 235.2, and
    not 235.1999969482422. Of anything computed from such values, as many digits as they have."""
    if not math.isfinite(value):
        return value
    try:
        packed = struct.pack("f", value)
        for digits in _DIGITS:
            short = float(f"{value:.{digits}g}")
            if struct.pack("f", short) == packed:
                return short
    except OverflowError:  # beyond four bytes
        pass
    return value
