"""Readings as PostgreSQL's binary COPY wants them, encoded a hundred rows at a time.

Rows that speak of the same quantities share one layout, so a whole block is one `struct.pack`.
"""

from __future__ import annotations

import struct
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any, Final

import msgspec

from meters.models.quantities import QUANTITIES
from meters.services.samples import COLUMNS, EPOCH, MICROSECOND, Samples

_DAY_US: Final = 86_400_000_000
QUARTER_US: Final = 900_000_000
HEADER: Final = b"PGCOPY\n\xff\r\n\0" + struct.pack("!ii", 0, 0)
TRAILER: Final = struct.pack("!h", -1)
TABLE: Final = "meters_reading"
FIELDS: Final = ("tenant_id", "measured_at", "meter_id", *COLUMNS)
_CODES: Final = {"register": "q", "instant": "f"}
_CODE: Final = {quantity.name: _CODES[quantity.kind] for quantity in QUANTITIES}
_NULL: Final = struct.pack("!i", -1)
_BLOCKS: Final = (100, 10, 1)  # few sizes, so that few layouts are kept
_MANY: Final = 50  # from so many rows on, filling byte by byte is quicker than adding numbers


@dataclass(slots=True)
class Encoded:
    """Rows ready for COPY by month, and the quarter-hours they touch."""

    rows: dict[date, list[bytes]] = field(default_factory=lambda: defaultdict(list))
    touched: set[tuple[int, int, int]] = field(default_factory=set)

    def add(self, other: Encoded) -> None:
        """Join with what other senders sent."""
        for month, parts in other.rows.items():
            self.rows[month] += parts
        self.touched |= other.touched


def encode(tenant_id: int, meter_ids: Sequence[int], samples: Samples) -> Encoded:
    """The rows of one sender, whose times have been checked already."""
    encoded = Encoded()
    for month, part, ids in _by_month(samples, meter_ids):
        encoded.rows[month] += _rows(tenant_id, ids, part)
    encoded.touched = _touched(tenant_id, meter_ids, samples.instants_us)
    return encoded


def _touched(
    tenant_id: int, meter_ids: Sequence[int], instants_us: list[int]
) -> set[tuple[int, int, int]]:
    quarters = [instant // QUARTER_US for instant in instants_us]
    if len(set(meter_ids)) == 1:
        return {(tenant_id, meter_ids[0], quarter) for quarter in set(quarters)}
    pairs = set(zip(meter_ids, quarters, strict=True))
    return {(tenant_id, meter_id, quarter) for meter_id, quarter in pairs}


def partition(month: date) -> str:
    """The name of the table that holds this month."""
    return f"{TABLE}_{month:%Y_%m}"


def copy_readings(month: date) -> str:
    """The statement that takes a month's rows."""
    return f"COPY {partition(month)} ({', '.join(FIELDS)}) FROM STDIN (FORMAT binary)"


def stream(parts: Iterable[bytes]) -> bytes:
    """One COPY's worth of bytes."""
    return b"".join((HEADER, *parts, TRAILER))


_FIRST_US: Final = (datetime.min.replace(tzinfo=UTC) - EPOCH) // MICROSECOND
_LAST_US: Final = (datetime.max.replace(tzinfo=UTC) - EPOCH) // MICROSECOND


def from_us(instant_us: int) -> datetime:
    """The instant again. What an offset pushes out of the calendar stops at its end."""
    return EPOCH + min(max(instant_us, _FIRST_US), _LAST_US) * MICROSECOND


def month_starts(first_us: int, last_us: int) -> tuple[list[date], list[int]]:
    """The months (UTC) from one instant to another, and where each begins."""
    month = from_us(first_us).date().replace(day=1)
    months, starts = [], []
    while (start := _us(month)) <= last_us:
        months.append(month)
        starts.append(start)
        month = next_month(month)
    return months, starts


@lru_cache(maxsize=4096)
def _month_of_day(day: int) -> date:
    """The month that holds the day with this number since the epoch."""
    return from_us(day * _DAY_US).date().replace(day=1)


def _us(day: date) -> int:
    return (datetime(day.year, day.month, day.day, tzinfo=UTC) - EPOCH) // MICROSECOND


def next_month(month: date) -> date:
    """The first day of the following month."""
    return date(month.year + month.month // 12, month.month % 12 + 1, 1)


def _by_month(
    samples: Samples, meter_ids: Sequence[int]
) -> Iterable[tuple[date, Samples, Sequence[int]]]:
    instants = samples.instants_us
    first, last = min(instants), max(instants)
    if _month_of_day(first // _DAY_US) == (month := _month_of_day(last // _DAY_US)):
        return [(month, samples, meter_ids)]
    months, starts = month_starts(first, last)
    items: dict[int, list[int]] = defaultdict(list)
    for item, instant in enumerate(instants):
        items[bisect_right(starts, instant) - 1].append(item)
    return [
        (months[place], samples.only(chosen), [meter_ids[item] for item in chosen])
        for place, chosen in items.items()
    ]


def _rows(tenant_id: int, meter_ids: Sequence[int], samples: Samples) -> list[bytes]:
    if "extra" in samples.spoken or samples.has_gaps:
        return _varied_rows(tenant_id, meter_ids, samples)
    return [_packed(tenant_id, samples.spoken, meter_ids, samples.instants_us, samples.values)]


def _varied_rows(tenant_id: int, meter_ids: Sequence[int], samples: Samples) -> list[bytes]:
    """Rows that do not all speak of the same, or that have `extra`, whose length varies."""
    groups: dict[tuple[str, ...], list[int]] = defaultdict(list)
    blocks = []
    for item in range(len(samples)):
        said = dict(zip(samples.spoken, samples.row(item), strict=True))
        spoken = tuple(name for name, value in said.items() if value is not None)
        if spoken[-1:] != ("extra",):
            groups[spoken].append(item)
            continue
        values = [said[name] for name in spoken[:-1]]
        at = [samples.instants_us[item]]
        row = _packed(tenant_id, spoken[:-1], [meter_ids[item]], at, values)
        text = b"\x01" + msgspec.json.encode(said["extra"])
        blocks.append(row[: -len(_NULL)] + struct.pack("!i", len(text)) + text)
    for spoken, items in groups.items():
        values = [value for item in items for value in samples.row(item) if value is not None]
        ids = [meter_ids[item] for item in items]
        instants = [samples.instants_us[item] for item in items]
        blocks.append(_packed(tenant_id, spoken, ids, instants, values))
    return blocks


def _packed(
    tenant_id: int,
    spoken: tuple[str, ...],
    meter_ids: Sequence[int],
    instants_us: Sequence[int],
    values: list[Any],
) -> bytes:
    """Rows that speak of the same quantities. The values are packed with room between them, and
    the room is then filled with what is the same in every row."""
    count, width = len(instants_us), len(spoken) + 2
    flat: list[Any] = [None] * (count * width)
    flat[::width], flat[1::width] = instants_us, meter_ids
    for place in range(len(spoken)):
        flat[place + 2 :: width] = values[place :: width - 2]
    packed = b"".join(
        _packer(spoken, size).pack(*flat[start * width : (start + size) * width])
        for start, size in _cuts(count)
    )
    same = _same(spoken, tenant_id)
    if count < _MANY:
        filled = int.from_bytes(packed, "big") | int.from_bytes(same.row * count, "big")
        return filled.to_bytes(len(packed), "big")
    room = bytearray(packed)
    for place, byte in same.bytes:
        room[place :: len(same.row)] = byte * count
    return bytes(room)


def _cuts(total: int) -> Iterator[tuple[int, int]]:
    start = 0
    for size in _BLOCKS:
        while total - start >= size:
            yield start, size
            start += size


@dataclass(frozen=True, slots=True)
class _Same:
    """What is the same in every row of a shape: the row with zeros for values, and its bytes."""

    row: bytes
    bytes: tuple[tuple[int, bytes], ...]


@lru_cache(maxsize=4096)
def _same(spoken: tuple[str, ...], tenant_id: int) -> _Same:
    row = struct.pack("!hiq", len(FIELDS), 8, tenant_id)
    for code in _codes(spoken):
        size = struct.calcsize("!" + code)
        row += struct.pack("!i", size) + bytes(size) if code else _NULL
    nonzero = tuple((place, bytes([byte])) for place, byte in enumerate(row) if byte)
    return _Same(row, nonzero)


@lru_cache(maxsize=256)
def _packer(spoken: tuple[str, ...], count: int) -> struct.Struct:
    room = struct.calcsize("!hiq")
    codes = "".join(f"4x{code}" for code in _codes(spoken))
    return struct.Struct("!" + f"{room}x{codes}" * count)


def _codes(spoken: tuple[str, ...]) -> list[str]:
    """The struct code of every field after the tenant, in the order of FIELDS; "" for NULL."""
    return ["q", "q", *(_CODE.get(name, "") if name in spoken else "" for name in COLUMNS)]
