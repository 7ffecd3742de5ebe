"""Units that devices and people write, as the base unit of a quantity."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

# unit → (family, how many of the family's base units it is)
UNITS: Final[dict[str, tuple[str, str]]] = {
    "Wh": ("Wh", "1"),
    "kWh": ("Wh", "1000"),
    "MWh": ("Wh", "1000000"),
    "varh": ("varh", "1"),
    "kvarh": ("varh", "1000"),
    "L": ("L", "1"),
    "m3": ("L", "1000"),
    "W": ("W", "1"),
    "kW": ("W", "1000"),
    "var": ("var", "1"),
    "kvar": ("var", "1000"),
    "VA": ("VA", "1"),
    "kVA": ("VA", "1000"),
    "V": ("V", "1"),
    "mV": ("V", "0.001"),
    "A": ("A", "1"),
    "mA": ("A", "0.001"),
    "Hz": ("Hz", "1"),
    "1": ("1", "1"),
    "%": ("1", "0.01"),
    "L/s": ("L/s", "1"),
    "L/min": ("L/s", "0.016666666666666666667"),
    "m3/h": ("L/s", "0.27777777777777777778"),
    "bar": ("bar", "1"),
    "mbar": ("bar", "0.001"),
    "kPa": ("bar", "0.01"),
    "°C": ("°C", "1"),
}


class UnitMismatch(ValueError):
    """This unit does not measure that quantity, or nobody knows it."""


def factor(unit: str, base: str) -> Decimal:
    """How many `base` units one `unit` is. Raises UnitMismatch."""
    family, many = UNITS.get(unit, ("", "0"))
    if family != base:
        raise UnitMismatch(f"{unit!r} is no unit for {base!r}")
    return Decimal(many)
