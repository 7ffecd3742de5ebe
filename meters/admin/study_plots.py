"""Small drawings without scripts: paths in a box of 100 by 100, which the page stretches."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from clients.kernel import show
from meters.selectors.statistics import Regression, Summary

BOX: Final = 100
TICKS: Final = 6
PAD: Final = 0.05
NICE: Final = (1, 2, 2.5, 5, 10)
Marks = list[tuple[str, str]]  # where, in percent, and what stands there


@dataclass(frozen=True, slots=True)
class Plot:
    """Bars or dots, lines across, and the labels of both axes."""

    shape: str
    lines: str
    x: Marks
    y: Marks


def histogram(found: Summary, limits: Sequence[float]) -> Plot:
    """How often values lie where; limits stand across as lines."""
    low, high = found.histogram[0].low, found.histogram[-1].high
    low, high = min([low, *limits]), max([high, *limits])
    if low == high:
        low, high = low - 1, high + 1
    most = max(bin_.count for bin_ in found.histogram)
    bars = []
    for bin_ in found.histogram:
        left, right = _at(bin_.low, low, high), _at(bin_.high, low, high)
        right = max(right, left + 1)  # values that are all the same still show
        top = BOX - BOX * bin_.count / most
        bars.append(f"M{left + 0.2:.2f} {BOX}V{top:.2f}H{right - 0.2:.2f}V{BOX}Z")
    lines = "".join(f"M{_at(limit, low, high):.2f} 0V{BOX}" for limit in limits)
    return Plot("".join(bars), lines, _labels(low, high), _labels(0, most, whole=True))


def scatter(points: Sequence[tuple[float, float]], found: Regression) -> Plot:
    """Each pair as a dot, and the line that fits them best."""
    left, right = _span([x for x, _y in points])
    low, high = _span([y for _x, y in points])
    dots = "".join(f"M{_at(x, left, right):.2f} {BOX - _at(y, low, high):.2f}h0" for x, y in points)
    ends = []
    for x in (left, right):
        y = found.slope * x + found.intercept
        ends.append(f"{_at(x, left, right):.2f} {BOX - _at(y, low, high):.2f}")
    line = f"M{ends[0]}L{ends[1]}"
    return Plot(dots, line, _labels(left, right), _labels(low, high))


def _span(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    room = (high - low) * PAD or abs(high) * PAD or 1
    return low - room, high + room


def _at(value: float, low: float, high: float) -> float:
    return BOX * (value - low) / (high - low)


def _labels(low: float, high: float, *, whole: bool = False) -> Marks:
    """Round numbers between the ends, as percents of the way and as text."""
    step = _step((high - low) / TICKS)
    if whole:
        step = max(1, round(step))
    places = max(0, -math.floor(math.log10(step))) + (1 if step * 4 % 1 == 0 and step < 1 else 0)
    first = math.ceil(low / step)
    marks = [n * step for n in range(first, math.floor(high / step) + 1)]
    return [(f"{_at(mark, low, high):.2f}%", show.number(mark, places)) for mark in marks]


def _step(rough: float) -> float:
    size: float = 10.0 ** math.floor(math.log10(rough))
    return next(size * nice for nice in NICE if size * nice >= rough)
