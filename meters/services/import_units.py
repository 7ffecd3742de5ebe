"""Which quantity a column speaks of, and in which unit: by the words of its header.

Factors are exact decimals to the unit of our own column; only flows per minute or hour are not
finite, and those are instantaneous values, kept in four bytes anyway.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from meters.models.quantities import NAMES

ENERGY, REACTIVE_ENERGY, VOLUME = "energy", "reactive_energy", "volume"
POWER, VOLTAGE, CURRENT, FLOW = "power", "voltage", "current", "flow"
ELECTRIC: Final = frozenset({ENERGY, REACTIVE_ENERGY, POWER, "reactive_power", "apparent_power"})
WET: Final = frozenset({VOLUME, FLOW})
# Spelling (lower case, without accents) → what it measures, and our base units in one of it.
UNITS: Final[Mapping[str, tuple[str, Decimal]]] = {
    "wh": (ENERGY, Decimal(1)),
    "kwh": (ENERGY, Decimal(1_000)),
    "mwh": (ENERGY, Decimal(1_000_000)),
    "varh": (REACTIVE_ENERGY, Decimal(1)),
    "kvarh": (REACTIVE_ENERGY, Decimal(1_000)),
    "mvarh": (REACTIVE_ENERGY, Decimal(1_000_000)),
    "l": (VOLUME, Decimal(1)),
    "litro": (VOLUME, Decimal(1)),
    "litros": (VOLUME, Decimal(1)),
    "liter": (VOLUME, Decimal(1)),
    "litres": (VOLUME, Decimal(1)),
    "m3": (VOLUME, Decimal(1_000)),
    "w": (POWER, Decimal(1)),
    "kw": (POWER, Decimal(1_000)),
    "mw": (POWER, Decimal(1_000_000)),
    "var": ("reactive_power", Decimal(1)),
    "kvar": ("reactive_power", Decimal(1_000)),
    "va": ("apparent_power", Decimal(1)),
    "kva": ("apparent_power", Decimal(1_000)),
    "v": (VOLTAGE, Decimal(1)),
    "kv": (VOLTAGE, Decimal(1_000)),
    "a": (CURRENT, Decimal(1)),
    "ma": (CURRENT, Decimal("0.001")),
    "ka": (CURRENT, Decimal(1_000)),
    "hz": ("frequency", Decimal(1)),
    "l/s": (FLOW, Decimal(1)),
    "l/min": (FLOW, Decimal(1) / 60),
    "l/h": (FLOW, Decimal(1) / 3_600),
    "m3/h": (FLOW, Decimal(1_000) / 3_600),
    "bar": ("pressure", Decimal(1)),
    "mbar": ("pressure", Decimal("0.001")),
    "kpa": ("pressure", Decimal("0.01")),
    "mca": ("pressure", Decimal("0.0980665")),
    "psi": ("pressure", Decimal("0.0689475729")),
    "°c": ("temperature", Decimal(1)),
    "c": ("temperature", Decimal(1)),
}
# How units are written to people.
SPELLED: Final[Mapping[str, str]] = {
    "wh": "Wh", "kwh": "kWh", "mwh": "MWh", "varh": "varh", "kvarh": "kvarh", "mvarh": "Mvarh",
    "l": "L", "m3": "m³", "w": "W", "kw": "kW", "mw": "MW", "var": "var", "kvar": "kvar",
    "va": "VA", "kva": "kVA", "v": "V", "kv": "kV", "a": "A", "ma": "mA", "ka": "kA", "hz": "Hz",
    "l/s": "L/s", "l/min": "L/min", "l/h": "L/h", "m3/h": "m³/h", "bar": "bar", "mbar": "mbar",
    "kpa": "kPa", "mca": "mca", "psi": "psi", "°c": "°C",
}  # fmt: skip
# Words that say what is measured where no unit does; the unit is then a guess, and said to be one.
WORDS: Final[tuple[tuple[str, str, str], ...]] = (
    (r"fator de pot|power factor|\bfp\b|\bpf\b|cos ?phi|cosfi", "power_factor", ""),
    (r"energia reativa|reactive energy", REACTIVE_ENERGY, "kvarh"),
    (r"potencia reativa|reactive power", "reactive_power", "var"),
    (r"potencia aparente|apparent power", "apparent_power", "va"),
    (r"energ|consumo|consumption|leitura|register|registrador|totalizador", ENERGY, "kwh"),
    (r"potencia|power|demanda|demand", POWER, "w"),
    (r"tensao|voltage|voltagem", VOLTAGE, "v"),
    (r"corrente|current|amper", CURRENT, "a"),
    (r"frequen", "frequency", "hz"),
    (r"vazao|flow|caudal", FLOW, "l/s"),
    (r"volume|hidrometro|agua|water", VOLUME, "m3"),
    (r"pressao|pressure", "pressure", "bar"),
    (r"temperatura|temperature", "temperature", "°c"),
)  # fmt: skip
EXPORT: Final = re.compile(
    r"export|injet|injec|gera[dc]|generat|revers|devolvid|\b2\.8\.|\b4\.8\.|\ba-"
)
PHASE: Final = re.compile(
    r"(?:\bl|fase |phase |\b[vuip]|tensao |voltage |corrente |current )([123abcrst])(?:n\b|\b)"
)
NEUTRAL: Final = re.compile(r"neutro|neutral|\bin\b|\bi n\b")
INTERVAL: Final = re.compile(
    r"consumo|consumption|usage|used|delta|intervalo|interval|periodo|period|/ ?15|/ ?h\b|"
    r"horari|parcial|diari|daily|do dia|no dia|do mes|no mes|mensal|monthly"
)
REGISTER: Final = re.compile(
    r"leitura|reading|registr|register|total|acumul|cumul|indice|index|contador|counter|"
    r"\b[1-4]\.8\.\d"
)
# A part of what the meter measures is not the meter.
PART: Final = re.compile(r"sub ?met|sub ?med|circuit")
METER: Final = re.compile(
    r"^(meter|medidor|serial|serie|device|dispositivo|equipamento|aparelho)\b|numero de serie|"
    r"serial number|\bn\.? ?serie|meter id|device id|id do medidor|n[uo]\.? do medidor"
)
TIME: Final = re.compile(
    r"data|date|hora|time|instante|timestamp|measured|epoch|unix|momento|quando|^ts$|medido"
)
EPOCH: Final = re.compile(r"epoch|unix|timestamp|^ts$")
OBIS: Final[Mapping[str, tuple[str, str]]] = {
    "1.8.0": ("energy_import_wh", "kwh"),
    "2.8.0": ("energy_export_wh", "kwh"),
    "3.8.0": ("reactive_import_varh", "kvarh"),
    "4.8.0": ("reactive_export_varh", "kvarh"),
    "1.7.0": ("power_w", "kw"),
    "16.7.0": ("power_w", "kw"),
    "13.7.0": ("power_factor", ""),
    "14.7.0": ("frequency_hz", "hz"),
    "32.7.0": ("voltage_l1_v", "v"),
    "52.7.0": ("voltage_l2_v", "v"),
    "72.7.0": ("voltage_l3_v", "v"),
    "31.7.0": ("current_l1_a", "a"),
    "51.7.0": ("current_l2_a", "a"),
    "71.7.0": ("current_l3_a", "a"),
}
# Columns of the files in meters/data that are not called as ours are.
KNOWN: Final[Mapping[str, str]] = {
    "voltage_v": "voltage_l1_v",
    "current_a": "current_l1_a",
    "ac_power": "power_w",
}
_PLAIN: Final = {
    "frequency": "frequency_hz",
    "pressure": "pressure_bar",
    "temperature": "temperature_c",
    "power_factor": "power_factor",
    "reactive_power": "reactive_power_var",
    "apparent_power": "apparent_power_va",
    FLOW: "flow_l_per_s",
    VOLUME: "volume_l",
}
_PLACES: Final = {"1": 1, "2": 2, "3": 3, "a": 1, "b": 2, "c": 3, "r": 1, "s": 2, "t": 3}


@dataclass(frozen=True, slots=True)
class Guess:
    """What a header seems to say. `is_sure`: the unit was written, not supposed."""

    quantity: str
    unit: str
    factor: Decimal
    is_sure: bool


def plain(text: str) -> str:
    """The words in lower case, without accents, with one space between them."""
    bare = unicodedata.normalize("NFKD", text.replace("³", "3").replace("\N{SUPERSCRIPT TWO}", "2"))
    bare = "".join(letter for letter in bare if not unicodedata.combining(letter))
    return re.sub(r"[\s_]+", " ", bare).strip().lower()


def guess(header: str) -> Guess | None:
    """The quantity, unit and factor that a column's header names, or None."""
    name = header.strip()
    if name in NAMES or name in KNOWN:
        return Guess(KNOWN.get(name, name), "", Decimal(1), is_sure=True)
    words = plain(header)
    if PART.search(words):
        return None
    for code, (quantity, unit) in OBIS.items():
        if re.search(rf"(?<![\d.]){re.escape(code)}(?![\d.])", words):
            written = _unit_in(words)
            unit = written or unit
            return Guess(quantity, unit, factor_of(unit), is_sure=bool(written))
    unit = _unit_in(words)
    if unit:
        dimension, factor = UNITS[unit]
        return _guess(dimension, words, unit, factor, is_sure=True)
    for pattern, dimension, supposed in WORDS:
        if re.search(pattern, words):
            factor = factor_of(supposed)
            return _guess(dimension, words, supposed, factor, is_sure=not supposed)
    return None


def factor_of(unit: str) -> Decimal:
    """Our base units in one `unit`; 1 for none."""
    return UNITS[unit][1] if unit else Decimal(1)


def units_of(quantity: str) -> list[str]:
    """The units a column of this quantity may be in."""
    wanted = dimension_of(quantity)
    return [unit for unit in SPELLED if UNITS[unit][0] == wanted]


def dimension_of(quantity: str) -> str:
    """What kind of thing a quantity measures."""
    for dimension, name in _PLAIN.items():
        if name == quantity:
            return dimension
    head = quantity.split("_", 1)[0]
    return REACTIVE_ENERGY if head == "reactive" else head


def fits(quantity: str, kind: str) -> bool:
    """Whether a meter of this kind can measure it: no water meter counts energy, none of energy
    counts water. What both may have, such as a temperature, fits both."""
    dimension = dimension_of(quantity)
    return dimension not in (ELECTRIC if kind == "water" else WET)


def _unit_in(words: str) -> str:
    """The unit in brackets, or else the last word that is one. A bare letter counts only there."""
    for inside in re.findall(r"[(\[{]\s*([^)\]}]+?)\s*[)\]}]", words):
        if inside in UNITS:
            return _canonical(inside)
    bare = re.sub(r"[(\[{].*?[)\]}]", " ", words)
    parts = [part for part in re.split(r"[\s,;:]+", bare) if part]
    for part in reversed(parts):
        is_alone = part == parts[-1] and (part not in "ac" or len(parts) == 1)  # phase A, phase C
        if part in UNITS and (len(part) > 1 or is_alone):
            return _canonical(part)
        head = part.split("/")[0]
        if "/" in part and head in UNITS and UNITS[head][0] in {ENERGY, VOLUME}:
            return _canonical(head)  # kWh/15min: energy in each interval
    return ""


def _canonical(unit: str) -> str:
    same = {"litro": "l", "litros": "l", "liter": "l", "litres": "l", "c": "°c"}
    return same.get(unit, unit)


def _guess(dimension: str, words: str, unit: str, factor: Decimal, *, is_sure: bool) -> Guess:
    return Guess(_quantity(dimension, words), unit, factor, is_sure)


def _quantity(dimension: str, words: str) -> str:
    way = "export" if EXPORT.search(words) else "import"
    if dimension == ENERGY:
        return f"energy_{way}_wh"
    if dimension == REACTIVE_ENERGY:
        return f"reactive_{way}_varh"
    if dimension in _PLAIN:
        return _PLAIN[dimension]
    if dimension == CURRENT and NEUTRAL.search(words):
        return "current_n_a"
    found = PHASE.search(words)
    if dimension == POWER:
        return f"power_l{_PLACES[found[1]]}_w" if found else "power_w"
    place = _PLACES[found[1]] if found else 1
    return f"voltage_l{place}_v" if dimension == VOLTAGE else f"current_l{place}_a"
