"""Columns for a time chart: few enough to draw, with what is not a measurement marked as such."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Final

MOST_POINTS: Final = 2000


@dataclass(frozen=True, slots=True)
class Mark:
    """A stretch of time: without measurements, with `estimated` or with `suspect` ones."""

    start: int
    end: int
    kind: str
    label: str = ""


@dataclass(slots=True)
class Columns:
    """What `charts.js` draws: Unix seconds, values or None, the period before, marks."""

    t: list[int]
    v: list[float | None]
    prev: list[float | None] | None = None
    marks: list[Mark] = field(default_factory=list)

    def as_json(self) -> dict[str, object]:
        thin = thinned(self.t, self.v, self.prev)
        return {
            "t": thin[0],
            "v": thin[1],
            "prev": thin[2] if self.prev is not None else None,
            "marks": [asdict(mark) for mark in self.marks],
        }


def thinned(
    t: Sequence[int],
    v: Sequence[float | None],
    prev: Sequence[float | None] | None = None,
    most: int = MOST_POINTS,
) -> tuple[list[int], list[float | None], list[float | None]]:
    """At most `most` points that keep every peak, dip and gap: three of each bucket of instants."""
    behind = list(prev or [])
    if len(t) <= most:
        return list(t), list(v), behind
    size = -(-len(t) * 3 // most)
    kept: list[int] = []
    for start in range(0, len(t), size):
        bucket = range(start, min(start + size, len(t)))
        known = sorted((v[i] or 0.0, i) for i in bucket if v[i] is not None)
        gap = [i for i in bucket if v[i] is None][:1]
        kept += sorted({*gap, *(i for _, i in known[:1] + known[-1:])})
    before = [behind[i] if i < len(behind) else None for i in kept] if behind else []
    return [t[i] for i in kept], [v[i] for i in kept], before
