"""What an alarm rule may watch: every quantity, and a few that follow from several of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from django.utils.translation import gettext_lazy as _

from meters.models.quantities import QUANTITIES


@dataclass(frozen=True, slots=True)
class Metric:
    """One watchable value: its SQL over a row of `meters_reading r`, its unit, its name, and how it
    is called in a sentence.

    `is_interval`: instead of the reading, the finished quarter-hour `i` is looked at.
    """

    name: str
    sql: str
    unit: str
    label: Any  # a lazy translation, as the next one
    phrase: Any
    is_interval: bool = False
    places: int = 1


_WORDS: Final[dict[str, tuple[Any, Any]]] = {
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
_PLACES: Final = {"W": 0, "var": 0, "VA": 0, "Wh": 0, "varh": 0, "L": 0, "1": 2, "Hz": 2}

_CURRENTS: Final = ("r.current_l1_a", "r.current_l2_a", "r.current_l3_a")
_VOLTAGES: Final = ("r.voltage_l1_v", "r.voltage_l2_v", "r.voltage_l3_v")
_MEAN_VOLTAGE: Final = f"(({' + '.join(_VOLTAGES)}) / 3)"
_phase_sum: Final = " + ".join(f"coalesce({column}, 0)" for column in _CURRENTS)

_DERIVED: Final = (
    Metric(
        "current_total_a",
        f"CASE WHEN coalesce({', '.join(_CURRENTS)}) IS NOT NULL THEN {_phase_sum} END",
        "A",
        _("total current"),
        _("the total current"),
    ),
    Metric(
        "power_phase_max_w",
        "greatest(r.power_l1_w, r.power_l2_w, r.power_l3_w)",
        "W",
        _("power of the strongest phase"),
        _("the power of the strongest phase"),
        places=0,
    ),
    Metric(
        "voltage_unbalance_percent",
        # NEMA: the largest distance of a phase from the mean of the three, in % of that mean.
        f"100 * greatest({', '.join(f'abs({v} - {_MEAN_VOLTAGE})' for v in _VOLTAGES)}) "
        f"/ nullif({_MEAN_VOLTAGE}, 0)",
        "%",
        _("voltage unbalance"),
        _("the voltage unbalance"),
    ),
    Metric(
        "energy_15min_kwh",
        "i.energy_import_ws / 3600000.0::float8",
        "kWh",
        _("energy in 15 minutes"),
        _("the energy in 15 minutes"),
        is_interval=True,
        places=2,
    ),
)
METRICS: Final[dict[str, Metric]] = {
    **{
        quantity.name: Metric(
            quantity.name,
            f"r.{quantity.name}",
            "" if quantity.unit == "1" else quantity.unit,
            *_WORDS.get(quantity.name, (quantity.name, quantity.name)),
            places=_PLACES.get(quantity.unit, 1),
        )
        for quantity in QUANTITIES
    },
    **{metric.name: metric for metric in _DERIVED},
}


def metric_choices() -> list[tuple[str, Any]]:
    """For the model's field, asked anew each time: a new quantity is no migration here."""
    return [(metric.name, metric.label) for metric in METRICS.values()]
