"""Whether the register agrees with itself, with the quarter-hours and with power or flow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from meters.models import MeterKind
from meters.models.interval import INTERVAL_SECONDS
from meters.services.validation.checks.stretches import short, spans
from meters.services.validation.material import DAY_S, HOUR_S, Finding, Floats, Material

Parameters = Mapping[str, float]
FEWEST_A_DAY = 8
KNOWN_ENOUGH = 0.8


def register_fall(material: Material, wanted: Parameters) -> Iterator[Finding]:
    """Pairs of readings between which the register fell without an event that says why."""
    for name in ("energy_import_wh", "energy_export_wh", "volume_l"):
        at, values = material.readings.of(name)
        falls = np.diff(values) <= -wanted["at_least_steps"] * material.register_step
        for place in np.flatnonzero(falls):
            start, end = float(at[place]), float(at[place + 1])
            if material.is_explained(start, end):
                continue
            yield Finding(
                start,
                end,
                {
                    "register": name,
                    "before": float(values[place]),
                    "after": float(values[place + 1]),
                },
            )


def sum_check(material: Material, wanted: Parameters) -> Iterator[Finding]:
    """Local days whose quarter-hours, between the day's own readings, miss the register."""
    at, values = material.readings.of(material.register)
    quarters = material.quarters
    whole = quarters.seconds >= INTERVAL_SECONDS
    for day, first, last in _days(material, at):
        start, end = at[first], at[last]
        inside = (quarters.at >= start) & (quarters.at + INTERVAL_SECONDS <= end) & whole
        found = np.flatnonzero(inside & ~np.isnan(quarters.amount))
        if not found.size:
            continue
        edges = np.interp(
            [quarters.at[found[0]], quarters.at[found[-1]] + INTERVAL_SECONDS], at, values
        )
        is_joined = (
            found.size == (quarters.at[found[-1]] - quarters.at[found[0]]) // INTERVAL_SECONDS + 1
        )
        counted = float(edges[1] - edges[0]) * material.factor
        summed = float(np.sum(quarters.amount[found]))
        least = wanted["at_least_steps"] * material.register_step * material.factor
        off = abs(summed - counted)
        if not is_joined or material.is_explained(start, end):
            continue
        if off > least and off > abs(counted) * wanted["percent"] / 100:
            yield Finding(
                material.instant(day),
                material.instant(day + 1),
                {
                    f"intervals_{material.unit}": short(summed),
                    f"register_{material.unit}": short(counted),
                },
            )


def multiplier(material: Material, wanted: Parameters) -> Iterator[Finding]:
    """Local days on which power times time and the register are far apart."""
    at, values = material.readings.of(material.register)
    moments, rate = material.readings.of(material.main)
    if not moments.size:
        return
    per_h = rate * HOUR_S if material.kind == MeterKind.WATER else rate
    if material.kind == MeterKind.ENERGY:
        per_h = np.maximum(per_h, 0)
    held = np.minimum(np.append(np.diff(moments), material.sample_s), material.sample_s)
    for day, first, last in _days(material, at):
        start, end = at[first], at[last]
        counted = float(values[last] - values[first])
        inside = (moments >= start) & (moments < end)
        seconds = float(np.sum(held[inside]))
        if (
            counted < wanted["at_least_steps"] * material.register_step
            or seconds < (end - start) * KNOWN_ENOUGH
            or material.is_explained(start, end)
        ):
            continue
        integral = float(np.sum(per_h[inside] * held[inside])) / HOUR_S * (end - start) / seconds
        ratio = integral / counted
        if abs(ratio - 1) * 100 > wanted["percent"]:
            yield Finding(
                material.instant(day),
                material.instant(day + 1),
                {
                    f"from_{material.main}_{material.unit}": short(integral),
                    f"register_{material.unit}": short(counted),
                    "times": short(ratio),
                },
            )


def _days(material: Material, at: Floats) -> Iterator[tuple[int, int, int]]:
    """Local days with enough readings: the day, the first and the last place."""
    for day, first, after in spans(material.local(at) // DAY_S):
        if after - first >= FEWEST_A_DAY:
            yield day, first, after - 1
