"""What a file seems to say, from its first lines: a mapping to check, and what is uncertain in it.

Nothing is decided here for good: a person sees the mapping with the first rows and may change it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any, Final
from zoneinfo import available_timezones

from django.utils.translation import gettext as _

from meters.errors import BadFile
from meters.models.quantities import REGISTERS
from meters.services import import_files as files
from meters.services import import_units as units
from meters.services.import_cells import BadCell, Clock, number_reader
from meters.services.import_mapping import (
    MEANS,
    Mapping,
    Says,
    TimeColumns,
    TimeFormat,
    ValueColumn,
    target,
)
from meters.services.import_rows import serial_in

ENOUGH: Final = 0.9
FEW, HALF = 20, 0.5
PREVIEW, PREVIEW_COLUMNS = 5, 20
_NUMBER: Final = re.compile(r"[-+]?\d[\d.,\u00a0 ]*", re.ASCII)
_DAY_ONLY: Final = re.compile(r"\d{1,4}[/.-]\d{1,2}[/.-]\d{1,4}", re.ASCII)
_TIME_ONLY: Final = re.compile(r"\d{1,2}[:h]\d{2}(:\d{2})?(\s*[aApP][mM])?", re.ASCII)


@dataclass(slots=True)
class Detected:
    """A proposal and what a person should look at: codes, which pages turn into sentences."""

    mapping: Mapping
    notes: list[str] = field(default_factory=list)
    preview: list[list[str]] = field(default_factory=list)  # the first lines, as they are


def detect(content: bytes, *, serials: Collection[str] = (), meter: str = "") -> Detected:
    """How the file is probably to be read. Raises BadFile when there is nothing to read in it."""
    kind, why = files.kind_of(content), None
    if kind == "xlsx":
        for sheet in files.sheets_of(content):
            lines = files.first_lines(files.xlsx_lines(content, sheet))
            how = {"kind": kind, "sheet": sheet}
            try:
                return _Guessing(lines, serials, meter, delimiter="").detected(how)
            except BadFile as error:
                why = why or error
        raise why or _no_time([])
    text = files.unpacked(content)
    encoding = files.encoding_of(text)
    delimiter = files.delimiter_of(text, encoding)
    lines = files.first_lines(files.csv_lines(text, encoding, delimiter))
    how = {"encoding": encoding, "delimiter": delimiter}
    return _Guessing(lines, serials, meter, delimiter).detected(how)


class _Guessing:
    def __init__(
        self, lines: list[files.Line], serials: Collection[str], meter: str, delimiter: str
    ) -> None:
        self.serials, self.meter, self.delimiter = serials, meter, delimiter
        self.notes: list[str] = []
        first = _first_data(lines)
        if first is None:
            first = _first_numbers(lines)
        header = _header(lines, first)
        self.header_line = lines[first - 1][0] if header and first else 0
        self.rows = [row for _number, row in lines[first:]]
        shown = lines[max(first - 1, 0) : first + PREVIEW]
        self.preview = [
            [str("" if cell is None else cell)[:40] for cell in row[:PREVIEW_COLUMNS]]
            for _number, row in shown
        ]
        self.width = max((len(row) for row in self.rows), default=0)
        names = [str(cell or "").strip() for cell in header]
        self.names = names + [""] * (self.width - len(names))
        if not self.rows:
            raise BadFile(_("The file holds no reading."), "empty_file")

    def column(self, place: int) -> list[Any]:
        cells = [row[place] for row in self.rows if place < len(row)]
        return [cell for cell in cells if cell not in (None, "")]

    def detected(self, how: dict[str, Any]) -> Detected:
        time_columns = self._time()
        decimal = self._decimal(set(time_columns.columns))
        meter_column = self._meter_column(set(time_columns.columns))
        taken = {*time_columns.columns, meter_column}
        read = number_reader(decimal)
        interval = self._interval(time_columns)
        columns = [
            self._value(place, read, interval) for place in range(self.width) if place not in taken
        ]
        self._leave_out_repeated(columns)
        if any(column.says == "interval" for column in columns):
            self.notes.append("interval_energy")
        has_intervals = any(column.says in {"interval", ""} for column in columns)
        mapping = Mapping(
            time=time_columns,
            columns=columns,
            decimal=decimal,  # type: ignore[arg-type]  # one of the two
            header_line=self.header_line,
            meter_column=meter_column,
            meter="" if meter_column is not None else self.meter,
            interval_seconds=interval if has_intervals else None,
            **how,
        )
        if mapping.lacks_meter:
            self.notes.append("no_meter")
        if not mapping.used:
            self.notes.append("no_quantity")
        return Detected(mapping, self.notes, self.preview)

    # Time ---------------------------------------------------------------------------------------

    def _time(self) -> TimeColumns:
        places = range(self.width)
        named = sorted(places, key=lambda p: not units.TIME.search(units.plain(self.names[p])))
        for place in named:
            cells = self.column(place)
            is_named = bool(units.TIME.search(units.plain(self.names[place])))
            if cells and _share(cells, _is_day) >= (HALF if is_named else ENOUGH):
                return self._from_day(place, cells)
        for place in named:
            if form := self._counted(place):
                return TimeColumns(columns=[place], format=form)
        raise _no_time(self.names)

    def _from_day(self, place: int, cells: Sequence[Any]) -> TimeColumns:
        cells = [cell for cell in cells if _is_day(cell)]
        form = self._format(cells)
        columns = [place]
        if _share(cells, _has_time) < ENOUGH:
            hours = [p for p in range(self.width) if p != place and _is_hours(self.column(p))]
            columns += hours[:1]
            if not hours:
                self.notes.append("days_only")
        has_offset = _share(cells, lambda c: isinstance(c, str) and bool(_offset(c))) >= ENOUGH
        named = re.search(r"\(([\w/+-]+)\)", self.names[place])
        zone = named[1] if named and named[1] in available_timezones() else ""
        if not has_offset and not zone:
            self.notes.append("zone_assumed")
        return TimeColumns(columns=columns, format=form, zone=zone)

    def _format(self, cells: Sequence[Any]) -> TimeFormat:
        texts = [cell.strip() for cell in cells if isinstance(cell, str)]
        if not texts:
            return "iso"
        if all(re.match(r"\d{4}[/.-]?\d", text) for text in texts):
            return "iso"
        parts = [re.match(r"(\d{1,2})[/.-](\d{1,2})", text) for text in texts]
        firsts = [int(part[1]) for part in parts if part]
        seconds = [int(part[2]) for part in parts if part]
        if any(first > 12 for first in firsts):  # noqa: PLR2004 - months of a year
            return "dmy"
        if any(second > 12 for second in seconds):  # noqa: PLR2004
            return "mdy"
        by_order = [form for form in ("dmy", "mdy") if _in_order(form, texts)]
        if len(by_order) == 1:
            return by_order[0]  # type: ignore[return-value]  # one of the two
        self.notes.append("day_or_month")
        return "dmy"

    def _counted(self, place: int) -> TimeFormat | None:
        """Seconds since 1970 and serial dates: only in a column that is called so."""
        name = units.plain(self.names[place])
        if not units.TIME.search(name):
            return None
        found = [_digits(cell) for cell in self.column(place)]
        numbers = [number for number in found if number is not None]
        if not numbers or len(numbers) < ENOUGH * len(found):
            return None
        least, most = min(numbers), max(numbers)
        if units.EPOCH.search(name) and least > 10**8 and most < 10**10:
            return "epoch_s"
        if units.EPOCH.search(name) and least > 10**11 and most < 10**13:
            return "epoch_ms"
        return "serial" if least >= 20_000 and most < 80_000 else None  # noqa: PLR2004 - 1954 to 2119

    def _interval(self, said: TimeColumns) -> int | None:
        """The usual distance of one row from the next, in seconds."""
        clock, instants = Clock(said.format), []
        for row in self.rows:
            try:
                cells = [row[place] for place in said.columns]
                at, _exact = clock.at(cells[0]) if len(cells) == 1 else clock.of_two(*cells)
            except (BadCell, IndexError, OverflowError):
                continue
            instants.append(at)
        steps = [(b - a) // 1_000_000 for a, b in pairwise(instants) if b > a]
        usual = max(set(steps), key=steps.count) if steps else None
        return usual if usual and usual <= 86_400 else None  # noqa: PLR2004 - a day

    # Values -------------------------------------------------------------------------------------

    def _decimal(self, taken: set[int]) -> str:
        """The decimal sign. Only where all digits could be groups is it a guess."""
        texts = [
            cell.strip()
            for place in range(self.width)
            if place not in taken
            for cell in self.column(place)
            if isinstance(cell, str) and _NUMBER.fullmatch(cell.strip())
        ]
        signs = [re.sub(r"[^.,]", "", text) for text in texts]
        marked = [(text, sign) for text, sign in zip(texts, signs, strict=True) if sign]
        for text, sign in marked:
            if "," in sign and "." in sign:
                return text[max(text.rfind(","), text.rfind("."))]
        for sign in {sign for _text, sign in marked}:
            if len(sign) > 1:  # 1.234.567: a group sign, so the other is the decimal one
                return "," if sign[0] == "." else "."
        used = {sign for _text, sign in marked}
        if not used:
            return "," if self.delimiter == ";" else "."
        sign = used.pop()
        grouped = re.compile(rf"[-+]?[1-9]\d{{0,2}}[{sign}]\d{{3}}", re.ASCII)
        if all(grouped.fullmatch(text) for text, _sign in marked):
            self.notes.append("decimal_or_thousands")
            return "," if self.delimiter == ";" and sign == "," else "."
        return sign

    def _meter_column(self, taken: set[int]) -> int | None:
        known = {serial_in(serial) for serial in self.serials}
        places = [place for place in range(self.width) if place not in taken]
        for place in places:
            said = [serial_in(cell) for cell in self.column(place)]
            if said and sum(text in known for text in said) >= 0.8 * len(said):
                return place
        for place in places:
            name = units.plain(self.names[place])
            if units.METER.search(name) and units.guess(self.names[place]) is None:
                self.notes.append("unknown_serials")
                return place
        return None

    def _value(self, place: int, read: Any, interval: int | None) -> ValueColumn:
        name = self.names[place]
        if name == "extra":
            return ValueColumn(place, name, quantity="extra", says="extra")
        found, cells, numbers = units.guess(name), self.column(place), []
        for cell in cells:
            try:
                numbers.append(read(cell))
            except BadCell:
                continue
        said = [number for number in numbers if number is not None]
        is_ours = found is not None and found.is_sure and not found.unit
        if found is None or not said or (len(said) < ENOUGH * len(cells) and not is_ours):
            return ValueColumn(place, name[:200])
        says = self._says(found, units.plain(name), said)
        if says == "register" and not is_ours and not any(said):
            return ValueColumn(place, name[:200])  # only zeros: no register that anybody reads
        finer = (
            says == "register" and not is_ours and any((v * found.factor) % 1 != 0 for v in said)
        )
        if finer:
            self.notes.append("rounded")
        if not found.is_sure:
            self.notes.append("unit_assumed")
        quantity = found.quantity
        if says == "interval" and (quantity not in MEANS or interval is None):
            quantity = ""  # reactive energy of intervals has no place of its own
        if not says and quantity:
            self.notes.append("register_or_interval")
        return ValueColumn(
            column=place,
            name=name[:200],
            quantity=quantity,
            unit=found.unit,
            factor=str(found.factor),
            says=says if quantity else "instant",
            rounds=finer,
            is_sure=found.is_sure,
            meter=self._meter_named(name),
        )

    def _meter_named(self, name: str) -> str:
        """The meter whose serial number stands in a column's header: each column has its own."""
        words = set(re.split(r"[\s()\[\];,]+", name.lower()))
        named = [serial for serial in self.serials if serial and serial.lower() in words]
        return max(named, key=len, default="")

    def _says(self, found: units.Guess, words: str, said: Sequence[Decimal]) -> Says:
        """The header's words decide; without any, many numbers that never fall, or that do, tell.
        "" where nothing tells, or numbers speak against the words: a person has to say."""
        if found.quantity not in REGISTERS:
            return "instant"
        if not found.unit and found.is_sure:
            return "register"  # our own column
        named, seen = _named(words), _seen(said)
        return named if seen in {"", named} else seen if not named else ""

    def _leave_out_repeated(self, columns: list[ValueColumn]) -> None:
        """Of two columns that seem to be the same, the surer and then the first stays."""
        best: dict[tuple[str, str], ValueColumn] = {}
        for column in sorted(columns, key=lambda c: (c.says == "interval", not c.is_sure)):
            if not column.quantity:
                continue
            place = (column.meter, target(column))
            if place in best:
                column.quantity, column.says = "", "instant"
                self.notes.append("repeated_quantity")
            else:
                best[place] = column
        self.notes[:] = list(dict.fromkeys(self.notes))


def _named(words: str) -> Says:
    """What a header's words say that its numbers are; "" for no word, or one of each."""
    is_use, is_register = bool(units.INTERVAL.search(words)), bool(units.REGISTER.search(words))
    if is_use == is_register:
        return ""
    return "interval" if is_use else "register"


def _seen(numbers: Sequence[Decimal]) -> Says:
    """What the numbers show: a register never falls, but for a reset or two."""
    falls = sum(b < a for a, b in pairwise(numbers))
    rises = sum(b > a for a, b in pairwise(numbers))
    if falls > max(1, rises // 10):
        return "interval"
    return "register" if rises and len(numbers) >= FEW else ""


# Lines ------------------------------------------------------------------------------------------


def _first_data(lines: Sequence[files.Line]) -> int | None:
    """The first line with a day and a number, below titles and headers."""
    for place, (_number, row) in enumerate(lines):
        cells = [cell for cell in row if cell not in (None, "")]
        if any(_is_day(cell) for cell in cells) and any(_is_number(cell) for cell in cells):
            return place
    return None


def _first_numbers(lines: Sequence[files.Line]) -> int:
    """Without any day: the first line of which half is numbers, below one that has none."""
    for place, (_number, row) in enumerate(lines):
        cells = [cell for cell in row if cell not in (None, "")]
        if place and sum(_is_number(cell) for cell in cells) * 2 >= len(cells) > 0:
            return place
    return min(1, len(lines))


def _header(lines: Sequence[files.Line], first: int) -> Sequence[Any]:
    if not first:
        return ()
    above = lines[first - 1][1]
    words = [cell for cell in above if isinstance(cell, str) and cell.strip()]
    return above if words and not any(_is_number(cell) for cell in words) else ()


def _share(cells: Sequence[Any], asked: Any) -> float:
    return sum(bool(asked(cell)) for cell in cells) / len(cells) if cells else 0.0


def _is_number(cell: Any) -> bool:
    if isinstance(cell, bool) or cell is None:
        return False
    if isinstance(cell, int | float):
        return True
    return isinstance(cell, str) and bool(_NUMBER.fullmatch(cell.strip()))


def _is_day(cell: Any) -> bool:
    if isinstance(cell, date):
        return True
    if not isinstance(cell, str):
        return False
    text = cell.strip()
    day = re.split(r"[ T]", text, maxsplit=1)[0].rstrip(",")
    rest = text[len(day) :].strip(" T,")
    bare = rest[: found.start()].strip() if (found := _offset(rest)) else rest
    is_compact = bool(rest) and bool(re.fullmatch(r"(19|20)\d{6}", day))
    is_day = bool(_DAY_ONLY.fullmatch(day)) or is_compact
    return is_day and (not bare or bool(re.match(r"\d{1,2}[:hH]", bare)))


def _offset(text: str) -> re.Match[str] | None:
    return re.search(r"(?<=\d)\s*(Z|[+-]\d{2}:?\d{2})$", text) if ":" in text else None


def _has_time(cell: Any) -> bool:
    if isinstance(cell, datetime):
        return cell.time() != time() or cell.tzinfo is not None
    return isinstance(cell, str) and ":" in cell


def _is_hours(cells: Sequence[Any]) -> bool:
    def is_hour(cell: Any) -> bool:
        if isinstance(cell, time | timedelta):
            return True
        return isinstance(cell, str) and bool(_TIME_ONLY.fullmatch(cell.strip()))

    return _share(cells, is_hour) >= ENOUGH


def _digits(cell: Any) -> float | None:
    if isinstance(cell, bool):
        return None
    if isinstance(cell, int | float):
        return float(cell)
    try:
        return float(str(cell).strip().replace(",", "."))
    except ValueError:
        return None


def _in_order(form: str, texts: Sequence[str]) -> bool:
    clock = Clock(form)
    try:
        instants = [clock.at(text)[0] for text in texts]
    except (BadCell, OverflowError):
        return False
    ups = sum(b >= a for a, b in pairwise(instants))
    steps = [b - a for a, b in pairwise(instants)]
    return ups >= ENOUGH * len(steps) and max(steps, default=0) < 86_400_000_000 * 25


def _no_time(names: Sequence[str]) -> BadFile:
    listed = ", ".join(filter(None, names))
    return BadFile(
        _("The file has no time column; its columns are: %(names)s.") % {"names": listed or "–"},
        "no_time_column",
    )
