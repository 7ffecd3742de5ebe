"""Names that devices use for what `quantities.py` calls by its own: a table, with sources.

`base = said * scale + offset`, in decimals, and a register is then rounded half up to its whole
base unit. What does not say its unit, and has more than one, is not guessed: it is in AMBIGUOUS.

Sources: [A7] names that the energy platform before Pulso emits, with its units (facts, A2 and A7);
[OBIS] IEC 62056-61 codes C.D.E as IEC 62056-21 meters and smart-meter readers send them, in their
customary units; [SI] the same quantity in another unit, by the definition of the units.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from meters.models.quantities import NAMES


@dataclass(frozen=True, slots=True)
class Alias:
    """Which quantity is meant, and how its value becomes base units. "" goes into `extra`."""

    quantity: str
    scale: Decimal = Decimal(1)
    offset: Decimal = Decimal(0)
    source: str = "SI"


EXTRA: Final = ""
_PHASES: Final = ("l1", "l2", "l3")
THOUSAND: Final = Decimal(1000)


def _table() -> dict[str, Alias]:
    table = {name: Alias(name) for name in NAMES}
    for names, quantity, scale, offset, source in (
        # registers ---------------------------------------------------------------------------
        ("energy_kwh", "energy_import_wh", "1000", "0", "A7"),
        ("energy_wh", "energy_import_wh", "1", "0", "A7"),
        ("energy_import_kwh import_kwh total_kwh kwh", "energy_import_wh", "1000", "0", "SI"),
        ("import_wh total_wh wh", "energy_import_wh", "1", "0", "SI"),
        ("energy_export_kwh export_kwh", "energy_export_wh", "1000", "0", "SI"),
        ("export_wh", "energy_export_wh", "1", "0", "SI"),
        ("reactive_import_kvarh kvarh", "reactive_import_varh", "1000", "0", "SI"),
        ("varh", "reactive_import_varh", "1", "0", "SI"),
        ("reactive_export_kvarh", "reactive_export_varh", "1000", "0", "SI"),
        ("volume_m3 m3", "volume_l", "1000", "0", "SI"),
        ("volume_litres volume_liters litres liters", "volume_l", "1", "0", "SI"),
        # instantaneous values ----------------------------------------------------------------
        ("power power_total", "power_w", "1", "0", "A7"),
        ("active_power active_power_w power_total_w", "power_w", "1", "0", "SI"),
        ("power_kw power_total_kw active_power_kw", "power_w", "1000", "0", "SI"),
        ("reactive_power", "reactive_power_var", "1", "0", "SI"),
        ("reactive_power_kvar", "reactive_power_var", "1000", "0", "SI"),
        ("apparent_power", "apparent_power_va", "1", "0", "SI"),
        ("apparent_power_kva", "apparent_power_va", "1000", "0", "SI"),
        ("pf", "power_factor", "1", "0", "A7"),
        ("frequency", "frequency_hz", "1", "0", "A7"),
        ("voltage", "voltage_l1_v", "1", "0", "A7"),
        ("voltage_v", "voltage_l1_v", "1", "0", "SI"),
        ("current", "current_l1_a", "1", "0", "A7"),
        ("current_a", "current_l1_a", "1", "0", "SI"),
        ("current_ma", "current_l1_a", "0.001", "0", "SI"),
        ("current_n", "current_n_a", "1", "0", "SI"),
        ("voltage_avg current_total", EXTRA, "1", "0", "A7"),
        ("flow_l_per_min", "flow_l_per_s", "1/60", "0", "SI"),
        ("flow_l_per_h", "flow_l_per_s", "1/3600", "0", "SI"),
        ("flow_m3_per_h", "flow_l_per_s", "1/3.6", "0", "SI"),
        ("pressure_kpa", "pressure_bar", "0.01", "0", "SI"),
        ("pressure_pa", "pressure_bar", "0.00001", "0", "SI"),
        ("pressure_mca", "pressure_bar", "0.0980665", "0", "SI"),
        ("temperature_f", "temperature_c", "1/1.8", "-32/1.8", "SI"),
    ):
        for name in names.split():
            table[name] = Alias(quantity, _number(scale), _number(offset), source)
    for phase in _PHASES:
        table |= {
            f"voltage_{phase}": Alias(f"voltage_{phase}_v", source="A7"),
            f"current_{phase}": Alias(f"current_{phase}_a", source="A7"),
            f"power_{phase}": Alias(f"power_{phase}_w", source="A7"),
            f"power_{phase}_kw": Alias(f"power_{phase}_w", THOUSAND),
        }
    return table


def _number(text: str) -> Decimal:
    above, _slash, below = text.partition("/")
    return Decimal(above) / Decimal(below or 1)


ALIASES: Final = _table()

# Names without a unit where more than one is in use; and where `m` may be milli or mega.
AMBIGUOUS: Final[dict[str, tuple[str, ...]]] = {
    "energy": ("energy_wh", "energy_kwh"),
    "energy_total": ("energy_wh", "energy_kwh"),
    "total_energy": ("energy_wh", "energy_kwh"),
    "total": ("energy_wh", "energy_kwh"),
    "import": ("import_wh", "import_kwh"),
    "energy_import": ("energy_import_wh", "energy_import_kwh"),
    "export": ("export_wh", "export_kwh"),
    "energy_export": ("energy_export_wh", "energy_export_kwh"),
    "energy_mwh": ("energy_wh", "energy_kwh"),
    "power_mw": ("power_w", "power_kw"),
    "reactive_energy": ("varh", "kvarh"),
    "volume": ("volume_l", "volume_m3"),
    "water": ("volume_l", "volume_m3"),
    "flow": ("flow_l_per_s", "flow_l_per_h", "flow_m3_per_h"),
    "pressure": ("pressure_bar", "pressure_kpa", "pressure_mca"),
    "temperature": ("temperature_c", "temperature_f"),
}


@dataclass(frozen=True, slots=True)
class Code:
    """An OBIS code's quantity and customary unit; without one, the value must bring its unit."""

    quantity: str
    unit: str = ""


OBIS: Final[dict[str, Code]] = {
    "1.8.0": Code("energy_import_wh", "kWh"),
    "2.8.0": Code("energy_export_wh", "kWh"),
    "3.8.0": Code("reactive_import_varh", "kvarh"),
    "4.8.0": Code("reactive_export_varh", "kvarh"),
    # Powers: SML readers send W, displays and IEC 62056-21 read-outs kW, beside the same kWh.
    "16.7.0": Code("power_w"),
    "1.7.0": Code("power_w"),
    "21.7.0": Code("power_l1_w"),
    "41.7.0": Code("power_l2_w"),
    "61.7.0": Code("power_l3_w"),
    "3.7.0": Code("reactive_power_var"),
    "9.7.0": Code("apparent_power_va"),
    "13.7.0": Code("power_factor", "1"),
    "14.7.0": Code("frequency_hz", "Hz"),
    "32.7.0": Code("voltage_l1_v", "V"),
    "52.7.0": Code("voltage_l2_v", "V"),
    "72.7.0": Code("voltage_l3_v", "V"),
    "31.7.0": Code("current_l1_a", "A"),
    "51.7.0": Code("current_l2_a", "A"),
    "71.7.0": Code("current_l3_a", "A"),
    "91.7.0": Code("current_n_a", "A"),
}
# Known to the table, without a column of their own: tariffs, quadrants, demand, angles.
OBIS_EXTRA: Final = (
    *(f"{c}.8.{e}" for c in (1, 2, 3, 4) for e in range(1, 10)),
    *(f"{c}.8.0" for c in (5, 6, 7, 8)),
    "1.6.0",
    *(f"81.7.{e}" for e in (0, 1, 2, 4, 5, 6, 10, 20, 40, 51, 62)),
    *(f"{c}.7.0" for c in (33, 53, 73)),
)
# A unit that a value may bring → (base unit, factor).
UNITS: Final[dict[str, tuple[str, Decimal]]] = {
    "Wh": ("Wh", Decimal(1)),
    "kWh": ("Wh", THOUSAND),
    "MWh": ("Wh", THOUSAND**2),
    "varh": ("varh", Decimal(1)),
    "kvarh": ("varh", THOUSAND),
    "Mvarh": ("varh", THOUSAND**2),
    "W": ("W", Decimal(1)),
    "kW": ("W", THOUSAND),
    "var": ("var", Decimal(1)),
    "kvar": ("var", THOUSAND),
    "VA": ("VA", Decimal(1)),
    "kVA": ("VA", THOUSAND),
    "V": ("V", Decimal(1)),
    "A": ("A", Decimal(1)),
    "mA": ("A", Decimal("0.001")),
    "Hz": ("Hz", Decimal(1)),
    "1": ("1", Decimal(1)),
}
