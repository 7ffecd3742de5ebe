"""Readings as PostgreSQL's binary COPY wants them, encoded a hundred rows at a time.

Rows that speak of the same quantities share one layout: constant bytes (field lengths, NULLs)
between the values. So a whole block is a single `struct.pack`.
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

QUARTER_US: Final = 900_000_000
HEADER: Final = b"PGCOPY\n\xff\r\n\0" + struct.pack("!ii", 0, 0)
TRAILER: Final = struct.pack("!h", -1)
TABLE: Final = "meters_reading"
FIELDS: Final = ("tenant_id", "meter_id", "measured_at", *COLUMNS)
_ID: Final = "q"  # the first three fields are eight bytes each
_CODES: Final = {"register": "q", "instant": "f"}
_CODE: Final = {quantity.name: _CODES[quantity.kind] for quantity in QUANTITIES}
_NULL: Final = struct.pack("!i", -1)
_BLOCKS: Final = (100, 10, 1)  # few sizes, so that few layouts are kept
Shape = tuple[bool, ...]


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


def _us(day: date) -> int:
    return (datetime(day.year, day.month, day.day, tzinfo=UTC) - EPOCH) // MICROSECOND


def next_month(month: date) -> date:
    """The first day of the following month."""
    return date(month.year + month.month // 12, month.month % 12 + 1, 1)


def _by_month(
    samples: Samples, meter_ids: Sequence[int]
) -> Iterable[tuple[date, Samples, Sequence[int]]]:
    instants = samples.instants_us
    months, starts = month_starts(min(instants), max(instants))
    if len(months) == 1:
        return [(months[0], samples, meter_ids)]
    items: dict[int, list[int]] = defaultdict(list)
    for item, instant in enumerate(instants):
        items[bisect_right(starts, instant) - 1].append(item)
    return [
        (months[place], samples.only(chosen), [meter_ids[item] for item in chosen])
        for place, chosen in items.items()
    ]


def _rows(tenant_id: int, meter_ids: Sequence[int], samples: Samples) -> list[bytes]:
    present = [column for column in samples.columns if column is not None]
    shape = tuple(column is not None for column in samples.columns)
    if not samples.has_gaps or not any(None in column for column in present):
        return _blocks(shape, tenant_id, [meter_ids, samples.instants_us, *present])
    groups: dict[Shape, list[int]] = defaultdict(list)
    for item, row in enumerate(zip(*present, strict=True)):
        values = iter(row)
        groups[tuple(was and next(values) is not None for was in shape)].append(item)
    blocks = []
    for spoken, items in groups.items():
        some = samples.only(items)
        columns = [
            column
            for column, is_spoken in zip(some.columns, spoken, strict=True)
            if is_spoken and column is not None
        ]
        ids = [meter_ids[item] for item in items]
        blocks += _blocks(spoken, tenant_id, [ids, some.instants_us, *columns])
    return blocks


def _blocks(shape: Shape, tenant_id: int, columns: list[Sequence[Any]]) -> list[bytes]:
    """Rows of one shape. `columns` begin with meter and instant and hold no None."""
    if shape[-1]:  # jsonb: every row has a length of its own
        return _rows_with_extra(shape, tenant_id, columns)
    blocks = []
    for start, count in _cuts(len(columns[0])):
        packer, template = _layout(shape, count)
        step = len(template) // count
        values = list(template)
        values[1::step] = [tenant_id] * count
        for place, column in enumerate(columns):
            values[2 * place + 3 :: step] = column[start : start + count]
        blocks.append(packer.pack(*values))
    return blocks


def _cuts(total: int) -> Iterator[tuple[int, int]]:
    start = 0
    for size in _BLOCKS:
        while total - start >= size:
            yield start, size
            start += size


def _rows_with_extra(shape: Shape, tenant_id: int, columns: list[Sequence[Any]]) -> list[bytes]:
    plain = _blocks_of_one((*shape[:-1], False), tenant_id, columns[:-1])
    rows = []
    for row, extra in zip(plain, columns[-1], strict=True):
        text = b"\x01" + msgspec.json.encode(extra)
        rows.append(row[: -len(_NULL)] + struct.pack("!i", len(text)) + text)
    return rows


def _blocks_of_one(shape: Shape, tenant_id: int, columns: list[Sequence[Any]]) -> list[bytes]:
    return [
        block
        for row in zip(*columns, strict=True)
        for block in _blocks(shape, tenant_id, [(value,) for value in row])
    ]


@lru_cache(maxsize=512)
def _layout(shape: Shape, count: int) -> tuple[struct.Struct, list[Any]]:
    """How `count` rows of this shape are packed, and the arguments with the constants filled in."""
    codes, constants, before = "", [], struct.pack("!h", len(FIELDS))
    spoken = [_ID] * 3 + [
        _CODE[name] if is_spoken else "" for name, is_spoken in zip(COLUMNS, shape, strict=True)
    ]
    for code in spoken:
        if not code:
            before += _NULL
            continue
        before += struct.pack("!i", struct.calcsize("!" + code))
        codes += f"{len(before)}s{code}"
        constants += [before, None]
        before = b""
    if before:
        # The last column has no value after it; an empty string keeps the pairs even.
        codes += f"{len(before)}s0s"
        constants += [before, b""]
    return struct.Struct("!" + codes * count), constants * count
