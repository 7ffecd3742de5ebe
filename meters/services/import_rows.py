"""From a file and its mapping to readings, a chunk at a time; what cannot be read is listed.

The same file and mapping give the same chunks, always: that is what makes an import resumable.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

from meters.models.quantities import MAX_REGISTER, QUANTITIES, REGISTERS
from meters.services.import_cells import BadCell, Clock, Local, number_reader
from meters.services.import_files import lines_of
from meters.services.import_mapping import Mapping as FileMapping
from meters.services.import_mapping import ValueColumn, target
from meters.services.import_units import fits
from meters.services.ingest import NEWEST, OLDEST
from meters.services.samples import (
    COLUMNS,
    EPOCH,
    MICROSECOND,
    Samples,
)

CHUNK_ROWS: Final = 20_000
LISTED: Final = 500  # rows of a chunk that are listed with their reason; all are counted
WHOLE: Final = Decimal(1)
_LARGEST: Final = {quantity.name: quantity.largest for quantity in QUANTITIES}
OF_THE_LINE: Final = frozenset({"bad_time", "too_old", "in_future", "settled"})  # said once
MOST_EXTRAS, LONGEST_EXTRA = 32, 200


@dataclass(frozen=True, slots=True)
class KnownMeter:
    """What must be known of a meter to read its lines."""

    id: int
    serial: str
    zone: ZoneInfo
    kind: str
    sample_seconds: int


@dataclass(frozen=True, slots=True)
class Refused:
    """A line that gives no reading, and why."""

    line: int
    code: str
    text: str = ""
    column: str = ""


class _No(ValueError):
    def __init__(self, code: str, text: str = "", column: str = "") -> None:
        super().__init__(code)
        self.code, self.text, self.column = code, text, column


@dataclass(slots=True)
class Chunk:
    """Lines that belong together: readings in the order of the file, and the lines without."""

    number: int
    spoken: tuple[str, ...]
    lines: list[int] = field(default_factory=list)
    meters: list[KnownMeter] = field(default_factory=list)
    instants_us: list[int] = field(default_factory=list)
    values: list[Any] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    reasons: Counter[str] = field(default_factory=Counter)

    def __len__(self) -> int:
        return len(self.lines)

    @property
    def refused_count(self) -> int:
        """How many lines gave no reading."""
        return self.reasons.total()

    def refuse(self, refused: Refused) -> None:
        self.reasons[refused.code] += 1
        if len(self.refused) < LISTED:
            self.refused.append(refused)

    def samples(self) -> Samples:
        """The readings as the one door takes them."""
        names = [meter.serial for meter in self.meters]
        return Samples(names, self.instants_us, self.spoken, self.values, has_gaps=True)


@dataclass(frozen=True, slots=True)
class _Column:
    place: int
    name: str
    quantity: str
    slot: int
    read: Callable[[Any, KnownMeter], Any]


def chunks_of(
    content: bytes,
    mapping: FileMapping,
    meters: Mapping[str, KnownMeter],
    *,
    now: datetime,
    settled_before: datetime | None = None,
) -> Iterator[Chunk]:
    """The file's readings in chunks. Raises BadFile where the file cannot be read at all."""
    return _Reader(mapping, meters, now, settled_before).chunks(content)


class _Reader:
    def __init__(
        self,
        mapping: FileMapping,
        meters: Mapping[str, KnownMeter],
        now: datetime,
        settled_before: datetime | None,
    ) -> None:
        self.mapping, self.meters = mapping, meters
        used = {target(column) for column in mapping.used}
        self.spoken = tuple(name for name in COLUMNS if name in used)
        # The columns of each meter that was chosen; all of them where the rows say the meter.
        self.groups: dict[str, list[_Column]] = {}
        for column in mapping.used:
            self.groups.setdefault(mapping.meter_of(column), []).append(self._column(column))
        self.clock = Clock(mapping.time.format)
        self.zones: dict[str, Local] = {}
        self.last: dict[int, tuple[int, bool]] = {}  # meter: local time, and the hour's second pass
        self.oldest = (now - OLDEST - EPOCH) // MICROSECOND
        self.newest = (now + NEWEST - EPOCH) // MICROSECOND
        self.settled = (
            self.oldest if settled_before is None else (settled_before - EPOCH) // MICROSECOND
        )
        self.shift_us = self.interval_us = 0
        if mapping.stamp == "end" and any(c.says == "interval" for c in mapping.used):
            self.interval_us = (mapping.interval_seconds or 0) * 1_000_000

    def chunks(self, content: bytes) -> Iterator[Chunk]:
        if self.mapping.starts_at:
            self.shift_us = self._shift(content)
        number, in_chunk, chunk = 0, 0, Chunk(0, self.spoken)
        for line, cells in self._lines(content):
            self._add_line(chunk, line, cells)
            in_chunk += len(self.groups)
            if in_chunk >= CHUNK_ROWS:
                yield chunk
                number, in_chunk = number + 1, 0
                chunk = Chunk(number, self.spoken)
        if in_chunk:
            yield chunk

    def _lines(self, content: bytes) -> Iterator[tuple[int, Sequence[Any]]]:
        m = self.mapping
        lines = lines_of(content, m.kind, encoding=m.encoding, delimiter=m.delimiter, sheet=m.sheet)
        for number, cells in lines:
            if number > m.header_line and any(cell not in (None, "") for cell in cells):
                yield number, cells

    def _shift(self, content: bytes) -> int:
        """How far the series is moved so that it begins at `starts_at`."""
        first = None
        for _line, cells in self._lines(content):
            try:
                at = self._instant(cells, self._meter(cells, next(iter(self.groups), "")))
            except (_No, BadCell):
                continue
            first = at if first is None else min(first, at)
        self.last.clear()
        wanted = datetime.fromisoformat(self.mapping.starts_at)
        return 0 if first is None else (wanted - EPOCH) // MICROSECOND - first

    def _add_line(self, chunk: Chunk, line: int, cells: Sequence[Any]) -> None:
        for serial, columns in self.groups.items():
            try:
                self._add(chunk, line, cells, self._meter(cells, serial), columns)
            except _No as error:
                chunk.refuse(Refused(line, error.code, error.text[:60], error.column[:60]))
                if error.code in OF_THE_LINE:
                    return

    def _add(
        self,
        chunk: Chunk,
        line: int,
        cells: Sequence[Any],
        meter: KnownMeter,
        columns: Sequence[_Column],
    ) -> None:
        values = [None] * len(self.spoken)
        is_silent = True
        for column in columns:
            if column.place >= len(cells):
                continue
            try:
                value = column.read(cells[column.place], meter)
            except BadCell as error:
                raise _No("bad_value", str(error), column.name) from error
            except _No as error:
                raise _No(error.code, str(cells[column.place]), column.name) from error
            if value is None:
                continue
            if not fits(column.quantity, meter.kind):
                raise _No("wrong_kind", meter.serial, column.name)
            values[column.slot] = value
            is_silent = False
        if is_silent:
            return  # an empty line says nothing, not even that something is wrong
        at = self._checked(self._instant(cells, meter) + self.shift_us)
        chunk.lines.append(line)
        chunk.meters.append(meter)
        chunk.instants_us.append(at)
        chunk.values += values

    def _meter(self, cells: Sequence[Any], serial: str) -> KnownMeter:
        if serial and serial in self.meters:
            return self.meters[serial]
        place = self.mapping.meter_column
        if place is None:
            raise _No("no_meter")
        cell = cells[place] if place < len(cells) else ""
        text = serial_in(cell)
        found = self.meters.get(text)
        if found is None:
            raise _No("unknown_meter" if text else "no_meter", text)
        return found

    def _instant(self, cells: Sequence[Any], meter: KnownMeter) -> int:
        places = self.mapping.time.columns
        said = [cells[place] if place < len(cells) else "" for place in places]
        try:
            if len(said) == 1:
                at, is_exact = self.clock.at(said[0])
            else:
                at, is_exact = self.clock.of_two(said[0], said[1])
        except (BadCell, OverflowError) as error:
            text = " ".join(str(cell) for cell in said if cell is not None)
            raise _No("bad_time", text) from error
        return at if is_exact else self._exact(at, meter, said)

    def _exact(self, local: int, meter: KnownMeter, said: Sequence[Any]) -> int:
        name = self.mapping.time.zone or meter.zone.key
        zone = self.zones.get(name)
        if zone is None:
            zone = self.zones[name] = Local(ZoneInfo(name))
        offsets = zone.offsets(local)
        if len(offsets) == 1:
            if self.mapping.time.repeated_hour == "in_order":
                self.last[meter.id] = (local, False)
            return local - offsets[0]
        text = " ".join(str(cell) for cell in said if cell is not None)
        if not offsets:
            raise _No("skipped_time", text)
        how = self.mapping.time.repeated_hour
        if how == "refuse":
            raise _No("repeated_time", text)
        if how == "in_order":
            before, is_second = self.last.get(meter.id, (local, False))
            is_second = is_second or local < before
            self.last[meter.id] = (local, is_second)
            return local - offsets[is_second]
        return local - offsets[how == "second"]

    def _checked(self, at: int) -> int:
        at -= self.interval_us
        if at < self.oldest:
            raise _No("too_old")
        if at > self.newest:
            raise _No("in_future")
        if at < self.settled:
            raise _No("settled")
        return at

    def _column(self, column: ValueColumn) -> _Column:
        kept_as = target(column)
        slot = self.spoken.index(kept_as)
        return _Column(column.column, column.name, kept_as, slot, self._value(column))

    def _value(self, column: ValueColumn) -> Callable[[Any, KnownMeter], Any]:
        number, factor = number_reader(self.mapping.decimal), Decimal(column.factor or "1")
        if column.says == "extra":
            return _extra
        if column.says == "interval":
            return self._mean(column, number, factor)
        if column.quantity in REGISTERS:
            return _register(number, factor, rounds=column.rounds)

        def instant(cell: Any, meter: KnownMeter) -> float | None:
            value = number(cell)
            return None if value is None else _bounded(column.quantity, float(value * factor))

        return instant

    def _mean(
        self, column: ValueColumn, number: Any, factor: Decimal
    ) -> Callable[[Any, KnownMeter], Any]:
        """What was used in an interval, as its mean: a power, or a flow."""
        seconds = Decimal(self.mapping.interval_seconds or 1)
        per = factor / seconds * (1 if column.quantity == "volume_l" else 3_600)
        is_export = column.quantity == "energy_export_wh"

        def mean(cell: Any, meter: KnownMeter) -> float | None:
            value = number(cell)
            if value is None:
                return None
            if value < 0:
                raise _No("negative")
            if meter.sample_seconds < seconds:
                raise _No("interval_too_long")
            turned = column.quantity != "volume_l" and is_export != (meter.kind == "solar")
            said = "flow_l_per_s" if column.quantity == "volume_l" else "power_w"
            return _bounded(said, float(value * per) * (-1 if turned else 1))

        return mean


def _register(
    number: Any, factor: Decimal, *, rounds: bool
) -> Callable[[Any, KnownMeter], int | None]:
    def register(cell: Any, meter: KnownMeter) -> int | None:
        value = number(cell)
        if value is None:
            return None
        value *= factor
        whole = int(value)
        if whole != value:
            if not rounds:
                raise _No("not_whole")
            whole = int(value.quantize(WHOLE, ROUND_HALF_UP))
        if whole < 0:
            raise _No("negative")
        if whole > MAX_REGISTER:
            raise _No("out_of_range")
        return whole

    return register


def _extra(cell: Any, meter: KnownMeter) -> dict[str, Any] | None:
    """The column `extra` of our own exports."""
    if cell in (None, ""):
        return None
    try:
        found = json.loads(str(cell))
    except ValueError as error:
        raise BadCell(str(cell)) from error
    plain = (str, int, float, bool, type(None))
    if not isinstance(found, dict) or not all(isinstance(v, plain) for v in found.values()):
        raise BadCell(str(cell))
    texts = [*found, *(value for value in found.values() if isinstance(value, str))]
    if len(found) > MOST_EXTRAS or any(len(t) > LONGEST_EXTRA or "\0" in t for t in texts):
        raise BadCell(str(cell))
    return found


def _bounded(quantity: str, value: float) -> float:
    if not -_LARGEST[quantity] <= value <= _LARGEST[quantity]:
        raise _No("out_of_range")
    return value


def serial_in(cell: Any) -> str:
    """A serial number as it is written: a sheet makes 123 of it, or 123.0."""
    if isinstance(cell, float) and cell.is_integer():
        cell = int(cell)
    text = str(cell if cell is not None else "").strip()
    return text[1:] if text[:2] in {"'=", "'+", "'-", "'@"} else text
