"""What people call the quantities, on pages, in forms and in sentences."""

from __future__ import annotations

from typing import Any, Final

from django.utils.translation import gettext_lazy as _

from meters.models.quantities import QUANTITIES

# Lazy translations: the name, and how it is called in a sentence.
WORDS: Final[dict[str, tuple[Any, Any]]] = {
    "energy_import_wh": (_("register of energy in"), _("the register of energy in")),
    "energy_export_wh": (_("register of energy out"), _("the register of energy out")),
    "reactive_import_varh": (
        _("register of reactive energy in"),
        _("the register of reactive energy in"),
    ),
    "reactive_export_varh": (
        _("register of reactive energy out"),
        _("the register of reactive energy out"),
    ),
    "volume_l": (_("register of volume"), _("the register of volume")),
    "power_w": (_("power"), _("the power")),
    "power_l1_w": (_("power L1"), _("the power L1")),
    "power_l2_w": (_("power L2"), _("the power L2")),
    "power_l3_w": (_("power L3"), _("the power L3")),
    "reactive_power_var": (_("reactive power"), _("the reactive power")),
    "apparent_power_va": (_("apparent power"), _("the apparent power")),
    "power_factor": (_("power factor"), _("the power factor")),
    "frequency_hz": (_("frequency"), _("the frequency")),
    "voltage_l1_v": (_("voltage L1"), _("the voltage L1")),
    "voltage_l2_v": (_("voltage L2"), _("the voltage L2")),
    "voltage_l3_v": (_("voltage L3"), _("the voltage L3")),
    "current_l1_a": (_("current L1"), _("the current L1")),
    "current_l2_a": (_("current L2"), _("the current L2")),
    "current_l3_a": (_("current L3"), _("the current L3")),
    "current_n_a": (_("neutral current"), _("the neutral current")),
    "flow_l_per_s": (_("flow"), _("the flow")),
    "pressure_bar": (_("pressure"), _("the pressure")),
    "temperature_c": (_("temperature"), _("the temperature")),
}
# What is made of registers: the amount of each quarter-hour.
SUM_WORDS: Final[dict[str, tuple[Any, str]]] = {
    "energy_import": (_("energy consumed in 15 minutes"), "Wh"),
    "energy_export": (_("energy injected in 15 minutes"), "Wh"),
    "volume": (_("volume in 15 minutes"), "L"),
}
UNITS: Final = {
    quantity.name: "" if quantity.unit == "1" else quantity.unit for quantity in QUANTITIES
}


def titled(label: Any, unit: str) -> str:
    """`Voltage L1 (V)`."""
    text = str(label)
    text = text[:1].upper() + text[1:]
    return f"{text} ({unit})" if unit else text


def label(name: str) -> str:
    """`Voltage L1`, beside a value that has its unit; what is unknown as it is."""
    if name in SUM_WORDS:
        return titled(SUM_WORDS[name][0], "")
    return titled(WORDS[name][0], "") if name in WORDS else name


def heading(name: str) -> str:
    """The quantity as the head of a column or the choice of a form; what is unknown as it is."""
    return titled(label(name), unit_of(name))


def unit_of(name: str) -> str:
    """`W`; "" for what has none."""
    return SUM_WORDS[name][1] if name in SUM_WORDS else UNITS.get(name, "")
