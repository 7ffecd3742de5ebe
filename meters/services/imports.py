"""Readings from a CSV file: columns by name, all of it understood before any of it is stored."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _

from meters.errors import BadFile
from meters.models.quantities import NAMES, REGISTERS

TIME_COLUMNS: Final = ("measured_at", "measured_on", "timestamp", "time")
# The columns of the files in meters/data that are not called as ours are.
KNOWN_COLUMNS: Final[Mapping[str, str]] = {
    "voltage_v": "voltage_l1_v",
    "current_a": "current_l1_a",
    "ac_power": "power_w",
}


@dataclass(frozen=True, slots=True)
class Column:
    """Where a column of the file goes, and what its values are multiplied by."""

    name: str
    quantity: str
    factor: Decimal = Decimal(1)


@dataclass(frozen=True, slots=True)
class ReadFile:
    """What a file says, ready for `store_readings`, and the columns that were left out."""

    rows: list[dict[str, Any]]
    columns: list[Column]
    ignored: list[str]


def column_of(text: str) -> Column:
    """A column from `name=quantity` or `name=quantity*factor`. Raises BadFile."""
    name, is_given, target = text.partition("=")
    quantity, has_factor, factor = target.partition("*")
    if not is_given or quantity not in NAMES:
        raise BadFile(
            _("“%(text)s” is not like ac_power=power_w*1000 with a known quantity.")
            % {"text": text}
        )
    try:
        return Column(name, quantity, Decimal(factor) if has_factor else Decimal(1))
    except InvalidOperation as error:
        raise BadFile(_("“%(text)s” has no number after the asterisk.") % {"text": text}) from error


def read_csv(
    path: Path,
    *,
    columns: list[Column],
    time_column: str = "",
    zone: ZoneInfo | None = None,
    starts_at: datetime | None = None,
) -> ReadFile:
    """The readings in the file. `zone` dates times without an offset; `starts_at` moves the whole
    series so that it begins there (for demonstrations). Raises BadFile, which names the line."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            table = csv.DictReader(file, strict=True)
            names = list(table.fieldnames or [])
            time_name = _time_column(names, time_column)
            chosen = _chosen(names, columns)
            rows = list(_rows(table, time_name, chosen, zone))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BadFile(
            _("%(path)s cannot be read: %(why)s.") % {"path": path, "why": error}
        ) from error
    if not rows:
        raise BadFile(_("%(path)s holds no reading.") % {"path": path})
    used = {time_name, *(column.name for column in chosen)}
    if starts_at is not None:
        _move(rows, starts_at - min(row["measured_at"] for row in rows))
    return ReadFile(rows, chosen, [name for name in names if name not in used])


def _time_column(names: list[str], wanted: str) -> str:
    found = [name for name in ([wanted] if wanted else TIME_COLUMNS) if name in names]
    if not found:
        raise BadFile(
            _("The file has no time column; its columns are: %(names)s.")
            % {"names": ", ".join(names) or "–"}
        )
    return found[0]


def _chosen(names: list[str], columns: list[Column]) -> list[Column]:
    given = {column.name: column for column in columns}
    if unknown := [name for name in given if name not in names]:
        raise BadFile(
            _("The file has no column “%(name)s”; its columns are: %(names)s.")
            % {"name": unknown[0], "names": ", ".join(names)}
        )
    chosen = []
    for name in names:
        if name in given:
            chosen.append(given[name])
        elif name in NAMES:
            chosen.append(Column(name, name))
        elif name in KNOWN_COLUMNS:
            chosen.append(column_of(f"{name}={KNOWN_COLUMNS[name]}"))
    if not chosen:
        raise BadFile(
            _("No column is a known quantity; say which with --column. They are: %(names)s.")
            % {"names": ", ".join(names)}
        )
    quantities = [column.quantity for column in chosen]
    if len(set(quantities)) < len(quantities):
        raise BadFile(_("Two columns go to the same quantity."))
    return chosen


def _rows(
    table: csv.DictReader[str], time_name: str, columns: list[Column], zone: ZoneInfo | None
) -> Iterator[dict[str, Any]]:
    for line in table:
        row: dict[str, Any] = {}
        for column in columns:
            text = (line[column.name] or "").strip()
            if text:
                row[column.quantity] = _number(text, column, table.line_num)
        if row:
            yield {"measured_at": _instant(line[time_name], zone, table.line_num), **row}


def _number(text: str, column: Column, line: int) -> int | float:
    try:
        value = Decimal(text) * column.factor
    except InvalidOperation as error:
        raise _bad_cell(line, column.name, text) from error
    if not value.is_finite():
        raise _bad_cell(line, column.name, text)
    if column.quantity not in REGISTERS:
        return float(value)
    if value != value.to_integral_value():
        raise _bad_cell(line, column.name, text)
    return int(value)


def _instant(text: str | None, zone: ZoneInfo | None, line: int) -> datetime:
    try:
        instant = datetime.fromisoformat((text or "").strip())
    except ValueError as error:
        raise _bad_cell(line, "time", text or "") from error
    if instant.tzinfo is not None:
        return instant
    if zone is None:
        raise BadFile(
            _("Line %(line)s: the time has no offset; say --zone, such as America/Sao_Paulo.")
            % {"line": line}
        )
    return instant.replace(tzinfo=zone)


def _bad_cell(line: int, column: str, text: str) -> BadFile:
    return BadFile(
        _("Line %(line)s: “%(text)s” is no value for “%(column)s”.")
        % {"line": line, "text": text[:40], "column": column}
    )


def _move(rows: list[dict[str, Any]], by: timedelta) -> None:
    for row in rows:
        row["measured_at"] += by
