"""`manage.py bench validation`: how good the checks are on series that say where they are wrong.

No database: the checks are functions of columns. The parameters are the catalogue's defaults.
"""

from __future__ import annotations

import csv
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import numpy as np

from meters.models import MeterKind
from meters.services.validation.catalogue import CATALOGUE
from meters.services.validation.checks import CHECKS
from meters.services.validation.material import (
    DAY_S,
    Finding,
    Flags,
    Floats,
    Material,
    Readings,
    no_quarters,
    quarters_held,
)

INJECTED: Final = 40
DATA: Final = Path(__file__).resolve().parents[2] / "data"
# Where the water main's own description (river's WaterFlow) puts its anomalies: three low stretches
# and, after the first two, a small peak. The dates are read off the series: local time, in and out.
WATER_ANOMALIES: Final = (
    ("low", "2022-03-24T08:00:00+01:00", "2022-03-25T02:00:00+01:00"),
    ("low", "2022-03-29T07:00:00+02:00", "2022-03-29T21:00:00+02:00"),
    ("peak", "2022-04-03T05:00:00+02:00", "2022-04-03T07:00:00+02:00"),
    ("low", "2022-04-27T15:00:00+02:00", "2022-04-28T07:00:00+02:00"),
)


def run() -> dict[str, Any]:
    """For `manage.py bench validation`."""
    return {
        **scored("stuck_value", "pv_stale_labels.csv", "stale_data_mask"),
        **scored("spike", "pv_outlier_labels.csv", "outlier"),
        **water_main(),
        "water_flagged_and_false_at_times": {
            f"{times}": [found["water_flagged"], found["water_false_alarms"]]
            for times in (4, 5, 6, 7, 8)
            if (found := water_main(times=times))
        },
        **unlabelled(),
        **injected(),
        **month_ms(),
    }


def found_by(code: str, material: Material, **changed: float) -> list[Finding]:
    """What the rule finds with the default parameters, save those that are given."""
    return list(CHECKS[code](material, {**CATALOGUE[code].defaults, **changed}))


def labelled(file: str, label: str) -> tuple[Material, Flags]:
    """A series as a solar meter's power, and its labels; rows without a value are no readings."""
    rows = [row for row in read(file) if row["value_normalized"]]
    at = instants(row["timestamp"] for row in rows)
    values = np.array([float(row["value_normalized"]) for row in rows])
    is_labelled = np.array([row[label].upper() == "TRUE" for row in rows])
    return material_of(at, values, MeterKind.SOLAR, "UTC"), is_labelled


def scored(code: str, file: str, label: str) -> dict[str, Any]:
    """Precision and recall of a rule, reading by reading, and where it misses."""
    material, truth = labelled(file, label)
    said = covered(material.readings.at, found_by(code, material))
    right = int(np.sum(said & truth))
    missed = [told(at) for at in material.readings.at[truth & ~said]]
    wrong = [told(at) for at in material.readings.at[said & ~truth]]
    return {
        f"{code}_precision": ratio(right, int(np.sum(said))),
        f"{code}_recall": ratio(right, int(np.sum(truth))),
        f"{code}_labelled": int(np.sum(truth)),
        f"{code}_readings": int(truth.size),
        f"{code}_missed": missed,
        f"{code}_wrong": wrong,
    }


def water_main(**changed: float) -> dict[str, Any]:
    """Which of the four anomalies are flagged, and how many stretches besides."""
    material = water_material()
    findings = found_by("dynamic_comparison", material, **changed)
    anomalies = [(kind, instant(start), instant(end)) for kind, start, end in WATER_ANOMALIES]
    flagged = [
        any(start <= f.ends_at and f.starts_at < end and _agrees(kind, f) for f in findings)
        for kind, start, end in anomalies
    ]
    false = [
        f
        for f in findings
        if not any(start <= f.ends_at and f.starts_at < end for _kind, start, end in anomalies)
    ]
    zone = material.zone
    return {
        "water_flagged": sum(flagged),
        "water_anomalies": len(anomalies),
        "water_false_alarms": len(false),
        "water_findings": [
            f"{told(f.starts_at, zone)} to {told(f.ends_at, zone)} {f.values['direction']} "
            f"({f.values['spreads']} spreads)"
            for f in sorted(findings, key=lambda f: f.starts_at)
        ],
        "water_false": [told(f.starts_at, zone) for f in false],
    }


def _agrees(kind: str, finding: Finding) -> bool:
    return finding.values["direction"] == ("above" if kind == "peak" else "below")


def unlabelled() -> dict[str, Any]:
    """The same two rules on series nobody labelled: how many they would have shown a person."""
    rows = read("pv_ac_power_15min.csv")
    at = instants(row["measured_on"] for row in rows)
    power = np.array([float(row["ac_power"]) for row in rows])
    solar = material_of(at, power, MeterKind.SOLAR, "America/Denver")
    rows = read("household_power_1min.csv")
    at = instants(row["measured_at"] for row in rows)
    columns = {
        "power_w": np.array([float(row["power_w"]) for row in rows]),
        "voltage_l1_v": np.array([float(row["voltage_v"]) for row in rows]),
        "current_l1_a": np.array([float(row["current_a"]) for row in rows]),
    }
    house = material_of(at, columns["power_w"], MeterKind.ENERGY, "Europe/Paris", columns)
    water = water_material()
    series = {"solar": solar, "house": house, "water": water}
    return {
        f"{name}_{code}_findings": len(found_by(code, material))
        for name, material in series.items()
        for code in ("spike", "stuck_value")
    }


def injected(seed: int = 2026) -> dict[str, Any]:
    """Faults of known places put into a hundred days of a real system: harder than the labels.

    Nothing says that the series is free of faults of its own, so what is found besides counts as
    wrong although some of it may be right: clouds, mostly.
    """
    rows = read("pv_ac_power_15min.csv")
    at = instants(row["measured_on"] for row in rows)
    power = np.array([float(row["ac_power"]) for row in rows])
    dice = np.random.default_rng(seed)
    starts = dice.choice(np.arange(200, power.size - 200, 200), INJECTED, replace=False)
    stuck, is_stuck = power.copy(), np.zeros(power.size, bool)
    for start in starts:
        length = int(dice.integers(13, 60))
        stuck[start : start + length] = power[start]
        is_stuck[start : start + length] = power[start] != 0
    spiky, is_spike = power.copy(), np.zeros(power.size, bool)
    for start in starts + 100:
        size = dice.uniform(0.4, 1.5) * np.percentile(power, 95)
        spiky[start] += size * dice.choice([-1, 1])
        is_spike[start] = True
    answers: dict[str, Any] = {}
    for code, values, truth in (("stuck_value", stuck, is_stuck), ("spike", spiky, is_spike)):
        material = material_of(at, values, MeterKind.SOLAR, "America/Denver")
        said = covered(at, found_by(code, material))
        right = int(np.sum(said & truth))
        answers[f"{code}_injected_precision"] = ratio(right, int(np.sum(said)))
        answers[f"{code}_injected_recall"] = ratio(right, int(np.sum(truth)))
    return answers


def month_ms() -> dict[str, float]:
    """All rules over a month of readings a minute apart, and four weeks of quarter-hours before."""
    rows = read("household_power_1min.csv")
    power = np.array([float(row["power_w"]) for row in rows])
    voltage = np.array([float(row["voltage_v"]) for row in rows])
    month = np.tile(power, 15)[: 30 * 1_440]
    start = datetime(2026, 6, 1, tzinfo=UTC).timestamp()
    at = start + 60 * np.arange(month.size, dtype=np.float64)
    columns = {
        "power_w": month,
        "voltage_l1_v": np.tile(voltage, 15)[: month.size],
        "energy_import_wh": np.floor(np.cumsum(month) / 60),
    }
    earlier = start - 28 * DAY_S + 900 * np.arange(28 * 96, dtype=np.float64)
    before = quarters_held(earlier, np.tile(power[::15], 14)[: earlier.size], 900)
    inside = quarters_held(at[::15], month[::15], 900)
    quarters = type(inside)(
        *(
            np.concatenate((getattr(before, name), getattr(inside, name)))
            for name in ("at", "amount", "seconds", "is_estimated")
        )
    )
    material = Material(
        kind=MeterKind.ENERGY,
        zone=ZoneInfo("America/Sao_Paulo"),
        starts_at=float(at[0]),
        ends_at=float(at[-1]),
        readings=Readings(at, columns),
        quarters=quarters,
        sample_s=60,
        limit=20_000,
    )
    waited, worked = [], []
    for _turn in range(5):
        began, began_working = time.perf_counter(), time.process_time()
        for code in CHECKS:
            found_by(code, material)
        waited.append(time.perf_counter() - began)
        worked.append(time.process_time() - began_working)
    best = {"month_ms": min(waited), "month_cpu_ms": min(worked)}
    return {name: round(seconds * 1000, 1) for name, seconds in best.items()}


def water_material() -> Material:
    """The water main as a flow meter whose samples stand for an hour."""
    rows = read("water_main_flow_1h.csv")
    at = instants(row["measured_at"] for row in rows)
    flow = np.array([float(row["flow_l_per_s"]) for row in rows])
    return material_of(at, flow, MeterKind.WATER, "Europe/Rome", hold_s=3_600)


def material_of(
    at: Floats,
    values: Floats,
    kind: MeterKind,
    zone: str,
    columns: dict[str, Floats] | None = None,
    hold_s: float = 900,
) -> Material:
    """A whole series as what the checks look at."""
    name = "flow_l_per_s" if kind == MeterKind.WATER else "power_w"
    per_h = values * 3_600 if kind == MeterKind.WATER else values
    return Material(
        kind=kind,
        zone=ZoneInfo(zone),
        starts_at=float(at[0]),
        ends_at=float(at[-1]) + hold_s,
        readings=Readings(at, columns or {name: values}),
        quarters=quarters_held(at, per_h, hold_s) if kind == MeterKind.WATER else no_quarters(),
        sample_s=hold_s,
    )


def read(file: str) -> list[dict[str, str]]:
    with (DATA / file).open(newline="") as text:
        return list(csv.DictReader(text))


def instant(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def instants(texts: Any) -> Floats:
    return np.array([instant(text) for text in texts], np.float64)


def covered(at: Floats, findings: Sequence[Finding]) -> Flags:
    """Which instants lie in any of the stretches."""
    said: Flags = np.zeros(at.size, bool)
    for finding in findings:
        said |= (at >= finding.starts_at) & (at < finding.ends_at)
    return said


def ratio(part: int, whole: int) -> float:
    return round(part / whole, 4) if whole else 0.0


def told(at: float, zone: ZoneInfo | None = None) -> str:
    return datetime.fromtimestamp(at, zone or UTC).isoformat(timespec="minutes")
