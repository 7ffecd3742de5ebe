"""What a check of a file tells: counts, what is refused and why, a sample, and the days' change."""

from __future__ import annotations

import array
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from itertools import pairwise
from typing import Any, Final

from meters.models.quantities import REGISTERS
from meters.services.copying import from_us
from meters.services.import_diff import CONFLICT, Effects
from meters.services.import_mapping import Mapping, target
from meters.services.import_rows import Chunk

SAMPLE_ROWS: Final = 12
LISTED: Final = 200
NAMED_METERS: Final = 20


class Report:
    """Collects the chunks of a file, and then tells."""

    def __init__(self, mapping: Mapping) -> None:
        counted = ("energy_import_wh", "energy_export_wh", "volume_l")
        used = {target(column) for column in mapping.used if column.quantity in REGISTERS}
        self.effects = [Effects(name) for name in counted if name in used]
        self.rows = self.refused = 0
        self.counts: Counter[str] = Counter()
        self.reasons: Counter[str] = Counter()
        self.exceptions: list[dict[str, Any]] = []
        self.sample: list[dict[str, Any]] = []
        self.meters: dict[int, str] = {}
        self.instants: dict[int, array.array[int]] = defaultdict(lambda: array.array("q"))
        self.first_us: int | None = None
        self.last_us: int | None = None

    @property
    def meter_ids(self) -> set[int]:
        return set(self.meters)

    @property
    def first_at(self) -> datetime | None:
        return None if self.first_us is None else from_us(self.first_us)

    @property
    def last_at(self) -> datetime | None:
        return None if self.last_us is None else from_us(self.last_us)

    def add(self, chunk: Chunk, outcomes: Sequence[str]) -> None:
        self.rows += len(chunk) + chunk.refused_count
        self.refused += chunk.refused_count
        self.counts.update(outcomes)
        self.reasons.update(chunk.reasons)
        self._list(chunk, outcomes)
        self._show(chunk, outcomes)
        for meter, at in zip(chunk.meters, chunk.instants_us, strict=True):
            self.instants[meter.id].append(at)
            self.meters[meter.id] = meter.serial
        if chunk.instants_us:
            first, last = min(chunk.instants_us), max(chunk.instants_us)
            self.first_us = first if self.first_us is None else min(first, self.first_us)
            self.last_us = last if self.last_us is None else max(last, self.last_us)
        for effects in self.effects:
            effects.add(chunk, outcomes)

    def _list(self, chunk: Chunk, outcomes: Sequence[str]) -> None:
        room = LISTED - len(self.exceptions)
        if room <= 0:
            return
        found = [asdict(refused) for refused in chunk.refused[:room]]
        found += [
            {"line": chunk.lines[item], "code": CONFLICT}
            for item, outcome in enumerate(outcomes)
            if outcome == CONFLICT
        ][:room]
        self.exceptions += sorted(found, key=lambda exception: exception["line"])[:room]

    def _show(self, chunk: Chunk, outcomes: Sequence[str]) -> None:
        width = len(chunk.spoken)
        for item in range(min(len(chunk), SAMPLE_ROWS - len(self.sample))):
            meter = chunk.meters[item]
            at = from_us(chunk.instants_us[item]).astimezone(meter.zone)
            values = chunk.values[item * width : (item + 1) * width]
            self.sample.append(
                {
                    "line": chunk.lines[item],
                    "meter": meter.serial,
                    "measured_at": at.isoformat(),
                    "outcome": outcomes[item],
                    "values": dict(zip(chunk.spoken, values, strict=True)),
                }
            )

    def told(self) -> dict[str, Any]:
        """The report as plain values. In the tenant's scope: it looks at what is stored."""
        return {
            "meters": sorted(self.meters.values())[:NAMED_METERS],
            "meter_count": len(self.meters),
            "repeated_count": sum(_repeated(found) for found in self.instants.values()),
            "reasons": dict(self.reasons),
            "exceptions": self.exceptions,
            "sample": self.sample,
            "register": self.effects[0].register if self.effects else "",
            "falls": [
                {"register": effects.register, **asdict(fall)}
                for effects in self.effects
                for fall in effects.falls
            ],
            "days": self._days(),
        }

    def _days(self) -> list[dict[str, Any]]:
        """Each meter's days by the first register that the file has of it."""
        told: list[dict[str, Any]] = []
        seen: set[int] = set()
        for effects in self.effects:
            told += [
                {**asdict(effect), "day": effect.day.isoformat(), "register": effects.register}
                for effect in effects.told(seen)
            ]
            seen |= set(effects.meters)
        return told


def _repeated(instants: array.array[int]) -> int:
    """How many instants of a meter are in the file more than once."""
    if all(a < b for a, b in pairwise(instants)):
        return 0
    return sum(a == b for a, b in pairwise(sorted(instants)))
