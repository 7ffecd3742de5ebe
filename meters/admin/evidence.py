"""The values of an exception in words, each with its unit."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from clients.kernel import show, when
from meters.models.quantities import QUANTITIES
from meters.models.quantity_words import label

UNITS: Final = {quantity.name: quantity.unit for quantity in QUANTITIES}
NAMES: Final = {
    "silent": gettext_lazy("Silent for"),
    "expected_every": gettext_lazy("Expected every"),
    "usual_every": gettext_lazy("Came every"),
    "missed": gettext_lazy("Readings missed"),
    "readings": gettext_lazy("Readings"),
    "second_values": gettext_lazy("Second values"),
    "ahead": gettext_lazy("Ahead by"),
    "used": gettext_lazy("Used"),
    "usual": gettext_lazy("Usual"),
    "third_highest": gettext_lazy("Third-highest"),
    "zero": gettext_lazy("Nothing for"),
    "used_days": gettext_lazy("Days used, of the seven before"),
    "estimated": gettext_lazy("Estimated"),
    "times": gettext_lazy("Times"),
    "highest": gettext_lazy("Highest"),
    "limit": gettext_lazy("Limit"),
    "worst": gettext_lazy("Farthest"),
    "direction": gettext_lazy("Direction"),
    "before": gettext_lazy("Before"),
    "after": gettext_lazy("After"),
    "usual_peak": gettext_lazy("Usual peak"),
    "intervals": gettext_lazy("Sum of the quarter-hours"),
    "register": gettext_lazy("Difference of the register"),
    "phase": gettext_lazy("Phase"),
}
ENERGIES: Final = {
    "energy_import_wh": gettext_lazy("energy taken"),
    "energy_export_wh": gettext_lazy("energy given away"),
    "volume_l": gettext_lazy("volume"),
}
WORDS: Final = {
    "above": gettext_lazy("above the usual"),
    "below": gettext_lazy("below the usual"),
    "voltage_l1_v": gettext_lazy("A"),
    "voltage_l2_v": gettext_lazy("B"),
    "voltage_l3_v": gettext_lazy("C"),
    **ENERGIES,
}
# The end of a name is its unit; the longest that fits is meant.
SUFFIXES: Final = ("_l_per_h", "_wh", "_hz", "_w", "_l", "_v", "_s")


def lines(values: dict[str, Any]) -> list[tuple[str, str]]:
    """Name and value of each piece of evidence, as people read them."""
    unit = next((UNITS[name] for name in values if name in UNITS), "")
    return [(_name(key), _value(key, value, unit)) for key, value in values.items() if value != ""]


def brief(values: dict[str, Any]) -> str:
    """The first two pieces in one line."""
    return " · ".join(f"{name}: {value}" for name, value in lines(values)[:2])


def _parts(key: str) -> tuple[str, str]:
    for suffix in SUFFIXES:
        if key.endswith(suffix) and key not in UNITS:
            return key.removesuffix(suffix), suffix
    return key, ""


def _name(key: str) -> str:
    stem, _suffix = _parts(key)
    if key in UNITS:
        return str(ENERGIES.get(key) or label(key))
    if stem.startswith("from_"):
        return _("From power or flow")
    if stem.startswith("lowest_"):
        return _("Lowest")
    return str(NAMES.get(stem) or NAMES.get(key) or key.replace("_", " "))


def _value(key: str, value: Any, unit: str) -> str:
    if isinstance(value, str):
        return str(WORDS.get(value, value))
    _stem, suffix = _parts(key)
    places = 0 if value == int(value) else 2
    if suffix == "_s":
        return when.duration(timedelta(seconds=value))
    if suffix == "_wh":
        return show.energy(value)
    if suffix == "_l":
        return show.volume(value)
    if suffix == "_w":
        return show.power(value)
    if suffix:
        units = {"_l_per_h": "L/h", "_v": "V", "_hz": "Hz"}
        return show.measure(value, units[suffix], places)
    if key == "times":
        return f"{show.number(value, 1)}×"
    if key in UNITS or key in {"before", "after", "usual_peak"}:
        known = UNITS.get(key, unit)
        return (
            show.number(value, places) if known in {"", "1"} else show.measure(value, known, places)
        )
    return show.number(value, places)
