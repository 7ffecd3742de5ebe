"""Whether the values move as this quantity moves: spikes, stuck values, signs, limits, phases."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from meters.models.quantities import QUANTITIES
from meters.services.validation.checks.stretches import (
    runs,
    runs_in_time,
    short,
    spans,
    usual_peak,
    usual_step,
)
from meters.services.validation.material import (
    DAY_S,
    HOUR_S,
    Finding,
    Flags,
    Floats,
    Material,
)

Parameters = Mapping[str, float]
STEPS_AROUND = 8
FEWEST_PHASES = 2
NINE_IN_TEN = 90
OUT_V = 10.0  # under which the network is out
FAR_APART_S = 2 * HOUR_S
UNITS = {quantity.name: quantity.unit for quantity in QUANTITIES}


def spike(material: Material, wanted: Parameters) -> Iterator[Finding]:
    """Readings that leave both neighbours in the same direction, as nothing nearby does."""
    at, values = material.readings.of(material.main)
    if at.size < 2 * STEPS_AROUND:
        return
    left = np.zeros(len(values))
    before, after = values[1:-1] - values[:-2], values[1:-1] - values[2:]
    smaller = np.minimum(np.abs(before), np.abs(after))
    left[1:-1] = np.where(np.sign(before) == np.sign(after), smaller, 0)
    peak = usual_peak(material, at, values)
    candidates = left > peak * wanted["percent_of_peak"] / 100
    for place in np.flatnonzero(candidates):
        nearby = max(step_nearby(values, int(place)), leap_nearby(left, int(place)))
        if left[place] <= wanted["times_step"] * nearby:
            continue
        yield Finding(
            at[place],
            at[place] + 1,
            {
                material.main: short(values[place]),
                "before": short(values[place - 1]),
                "after": short(values[place + 1]),
                "usual_peak": short(peak[place]),
            },
        )


def step_nearby(values: Floats, place: int) -> float:
    """The median size of the steps around a value, without its own two."""
    before = np.diff(values[max(place - 1 - STEPS_AROUND, 0) : place])
    after = np.diff(values[place + 1 : place + 2 + STEPS_AROUND])
    return float(np.median(np.abs(np.concatenate((before, after)))))


def leap_nearby(left: Floats, place: int) -> float:
    """What nine in ten of the readings around a value leave their neighbours by."""
    around = (left[max(place - STEPS_AROUND, 0) : place - 1], left[place + 2 :][: STEPS_AROUND - 1])
    return float(np.percentile(np.concatenate(around), NINE_IN_TEN))


def stuck_value(material: Material, wanted: Parameters) -> Iterator[Finding]:
    """Runs of readings of which no value moves, and not all are zero."""
    readings = material.readings
    columns = [c for name, c in readings.columns.items() if not np.isnan(c).all()]
    if not columns:
        return
    table = np.vstack(columns)
    said = ~np.isnan(table)
    is_empty = ~said.any(axis=0)
    at, table, said = readings.at[~is_empty], table[:, ~is_empty], said[:, ~is_empty]
    both = said[:, 1:] & said[:, :-1]
    moved = (both & (np.diff(np.where(said, table, 0), axis=1) != 0)).any(axis=0)
    same = ~moved & both.any(axis=0)
    instants = [n for n, c in readings.columns.items() if not np.isnan(c).all()]
    level = np.array([UNITS[name] not in ("Wh", "varh", "L") for name in instants])
    alive = (np.where(said, np.abs(table), 0)[level] > 0).any(axis=0) if level.any() else None
    if alive is None:
        return
    for first, after in runs(same):
        last = after  # the run joins reading `first` to reading `after`
        count = last - first + 1
        lasted = at[last] - at[first]
        if (
            count >= wanted["at_least_readings"]
            and lasted >= wanted["at_least_hours"] * HOUR_S
            and alive[first]
        ):
            values = {
                name: short(table[place, first])
                for place, name in enumerate(instants)
                if said[place, first]
            }
            yield Finding(at[first], at[last] + 1, {**values, "readings": float(count)})


def negative_consumption(material: Material, wanted: Parameters) -> Iterator[Finding]:
    """Stretches below zero, where nothing can be given away."""
    at, values = material.readings.of(material.main)
    if not at.size or material.has_export:
        return
    limit = usual_peak(material, at, values) * wanted["percent_of_peak"] / 100
    below = values < -np.maximum(limit, 0)
    for first, after in runs_in_time(below, at, FAR_APART_S):
        end = at[after] if after < at.size else at[-1] + material.sample_s
        end = min(end, at[after - 1] + material.sample_s)
        if end - at[first] < wanted["at_least_minutes"] * 60:
            continue
        yield Finding(
            at[first],
            end,
            {
                "lowest_" + material.main: short(float(np.min(values[first:after]))),
                "readings": float(after - first),
            },
        )


def plausibility(material: Material, wanted: Parameters) -> Iterator[Finding]:
    """One finding for each run of values that their unit does not allow, all columns together."""
    columns, at = material.readings.columns, material.readings.at
    wrong: Flags = np.zeros(at.size, bool)
    for name, values in columns.items():
        with np.errstate(invalid="ignore"):
            wrong |= _implausible(name, values, wanted)
    for first, after in runs_in_time(wrong, at, FAR_APART_S):
        worst: dict[str, float | str] = {}
        for name, values in columns.items():
            bad = _implausible(name, values[first:after], wanted)
            if bad.any():
                worst[name] = short(float(values[first:after][bad][0]))
        yield Finding(at[first], at[after - 1] + 1, {**worst, "readings": float(after - first)})


def _implausible(name: str, values: Floats, wanted: Parameters) -> Flags:
    wrong: Flags = np.zeros(values.size, bool)
    if name.startswith("voltage_"):
        wrong = (values > OUT_V) & (values < wanted["lowest_voltage_v"])
        wrong |= (values > wanted["highest_voltage_v"]) | (values < 0)
    elif name == "frequency_hz":
        wrong = (values > 0) & (values < wanted["lowest_frequency_hz"])
        wrong |= values > wanted["highest_frequency_hz"]
    elif name == "power_factor":
        wrong = np.abs(values) > wanted["highest_power_factor"]
    return wrong


def silent_phase(material: Material, wanted: Parameters) -> Iterator[Finding]:
    """Stretches in which a phase that this meter has says nothing or is dead."""
    readings, at = material.readings, material.readings.at
    names = [n for n in ("voltage_l1_v", "voltage_l2_v", "voltage_l3_v") if n in readings.columns]
    if len(names) < FEWEST_PHASES or not at.size:
        return
    table = np.vstack([readings.columns[name] for name in names])
    speaks = np.where(np.isnan(table), 0, table) > OUT_V
    days = material.local(at) // DAY_S
    highest = np.max(np.where(np.isnan(table), 0, table), axis=0)
    dead = np.where(np.isnan(table), 0, table) < highest * wanted["dead_percent"] / 100
    steps = np.diff(at)
    for place, name in enumerate(names):
        has_phase = np.zeros(at.size, bool)
        for day, first, after in spans(days):
            lately = np.searchsorted(days, day - 7)
            has_phase[first:after] = speaks[place, lately:after].any()
        silent = dead[place] & has_phase & (highest > OUT_V)
        for first, after in runs_in_time(silent, at, FAR_APART_S):
            end = at[after - 1] + usual_step(steps, after - 1, material.sample_s)
            if end - at[first] >= wanted["at_least_minutes"] * 60:
                value = table[place, first]
                said: float | str = "" if np.isnan(value) else short(float(value))
                yield Finding(
                    at[first],
                    end,
                    {"phase": name, name: said, "highest_v": short(float(highest[first]))},
                )
