"""What an alarm rule may watch: every quantity, and a few that follow from several of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from django.utils.translation import gettext_lazy as _

from meters.models.quantities import QUANTITIES
from meters.models.quantity_words import WORDS


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
            *WORDS.get(quantity.name, (quantity.name, quantity.name)),
            places=_PLACES.get(quantity.unit, 1),
        )
        for quantity in QUANTITIES
    },
    **{metric.name: metric for metric in _DERIVED},
}


def metric_choices() -> list[tuple[str, Any]]:
    """For the model's field, asked anew each time: a new quantity is no migration here."""
    return [(metric.name, metric.label) for metric in METRICS.values()]
