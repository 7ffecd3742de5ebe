"""Runs of true values, and what a meter's usual values are: what several checks need."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from meters.services.validation.material import DAY_S, Flags, Floats, Material, Whole

STEPS_BEFORE = 20
FEWEST_STEPS = 5


def runs(is_true: Flags) -> Iterator[tuple[int, int]]:
    """First (in) and last (out) place of each run of true values."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], is_true, [False])).astype(np.int8)))
    yield from zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)


def runs_in_time(is_true: Flags, at: Floats | Whole, step: float) -> Iterator[tuple[int, int]]:
    """Runs that are also cut where two neighbours are more than a step apart."""
    breaks = np.diff(at) > step
    for first, after in runs(is_true):
        cuts = np.flatnonzero(breaks[first : after - 1]) + first + 1
        yield from pairwise([first, *cuts.tolist(), after])


def spans(groups: Whole) -> Iterator[tuple[int, int, int]]:
    """Each group of a sorted column with its first (in) and last (out) place."""
    if groups.size:
        first = np.concatenate(([0], np.flatnonzero(np.diff(groups)) + 1))
        after = np.append(first[1:], groups.size)
        yield from zip(groups[first].tolist(), first.tolist(), after.tolist(), strict=True)


def usual_peak(material: Material, at: Floats, values: Floats) -> Floats:
    """For each reading the 95th percentile of what its local day and the day before showed."""
    peak = np.zeros(len(values))
    sizes = np.abs(values)
    yesterday, begin = None, 0
    for day, first, after in spans(material.local(at) // DAY_S):
        start = begin if yesterday == day - 1 else first
        peak[first:after] = np.percentile(sizes[start:after], 95)
        yesterday, begin = day, first
    return peak


def usual_step(steps: Floats, place: int, fallback: float) -> float:
    """The median of the twenty distances before this one; the fallback when they are too few."""
    before = steps[max(place - STEPS_BEFORE, 0) : place]
    return float(np.median(before)) if before.size >= FEWEST_STEPS else float(fallback)


def day_amounts(material: Material) -> tuple[Whole, Floats, Floats, Floats]:
    """Local days, what each used, the seconds known and the seconds it has."""
    quarters = material.quarters
    known = ~np.isnan(quarters.amount)
    amount, second = quarters.amount[known], quarters.seconds[known]
    found = list(spans(material.local(quarters.at[known]) // DAY_S))
    days = np.array([day for day, _first, _after in found], np.int64)
    amounts = np.array([amount[first:after].sum() for _day, first, after in found])
    seconds = np.array([second[first:after].sum() for _day, first, after in found])
    begin = [(material.instant(day), material.instant(day + 1)) for day in days.tolist()]
    return days, amounts, seconds, np.array([end - start for start, end in begin])


def short(value: float) -> float:
    """Six figures that matter, so that the evidence can be read."""
    return float(f"{value:.6g}")
