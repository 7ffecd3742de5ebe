"""Single cells: numbers as people write them, and instants in the formats that files use.

A sheet's cells come as numbers, dates and times already; a CSV's come as text. Dates and times of
day repeat in a file, so each is understood once and then remembered.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, Final
from zoneinfo import ZoneInfo

from meters.services.samples import EPOCH, MICROSECOND

DAY_US: Final = 86_400_000_000
QUARTER_US: Final = 900_000_000
REMEMBERED: Final = 200_000
NOTHING: Final = frozenset({"", "-", "--", "–", "—", "n/a", "na", "nan", "null", "none", "#n/a"})
_NAIVE_EPOCH: Final = EPOCH.replace(tzinfo=None)
_EXCEL_EPOCH_DAYS: Final = (date(1899, 12, 30) - _NAIVE_EPOCH.date()).days
_UNIX_US: Final = (datetime(1970, 1, 1, tzinfo=UTC) - EPOCH) // MICROSECOND
_GROUPED: Final = {
    ",": re.compile(r"[-+\u2212]?(?:\d{1,3}(?:[. \u00a0]\d{3})+|\d+)(?:,\d+)?", re.ASCII),
    ".": re.compile(
        r"[-+\u2212]?(?:\d{1,3}(?:[, \u00a0]\d{3})+|\d+)?(?:\.\d*)?(?:[eE][-+]?\d+)?", re.ASCII
    ),
}  # fmt: skip
_DATES: Final = {
    "dmy": (re.compile(r"(\d{1,2})[/.-](\d{1,2})[/.-](\d{4}|\d{2})", re.ASCII), (3, 2, 1)),
    "mdy": (re.compile(r"(\d{1,2})[/.-](\d{1,2})[/.-](\d{4}|\d{2})", re.ASCII), (3, 1, 2)),
    "ymd": (re.compile(r"(\d{4})[/.-](\d{1,2})[/.-](\d{1,2})", re.ASCII), (1, 2, 3)),
}
_TIME: Final = re.compile(
    r"(\d{1,2})[:hH](\d{2})?(?::(\d{2})(?:[.,](\d{1,6})\d*)?)?\s*([aApP]\.?[mM]\.?)?", re.ASCII
)
_OFFSET: Final = re.compile(r"(?:Z|[+-]\d{2}:?\d{2})$")
Number = Callable[[Any], "Decimal | None"]


class BadCell(ValueError):
    """The cell says nothing that can be understood."""


def number_reader(decimal: str) -> Number:
    """Reads numbers with this decimal sign; None for an empty cell. Raises BadCell."""
    pattern = _GROUPED[decimal]

    def read(cell: Any) -> Decimal | None:
        if not isinstance(cell, str):
            return _typed_number(cell)
        text = cell.strip()
        if not pattern.fullmatch(text) or text in ("", "-", "+"):
            if text.lower() in NOTHING:
                return None
            raise BadCell(text)
        group = "." if decimal == "," else ","
        text = text.replace(group, "").replace(decimal, ".")
        try:
            return Decimal(text)
        except InvalidOperation:
            pass
        try:
            return Decimal(re.sub(r"[ \u00a0]", "", text).replace("\u2212", "-"))
        except InvalidOperation as error:
            raise BadCell(cell) from error

    return read


def _typed_number(cell: Any) -> Decimal | None:
    if cell is None:
        return None
    if isinstance(cell, bool) or not isinstance(cell, int | float):
        raise BadCell(str(cell))
    found = Decimal(repr(cell))
    if not found.is_finite():
        raise BadCell(str(cell))
    return found


class Clock:
    """Reads a row's instant as local microseconds since 2000, or exact ones.

    `at` answers (microseconds, is_exact): exact ones know their offset, local ones need a zone.
    """

    def __init__(self, form: str) -> None:
        self.form = form
        self.days: dict[str, int] = {}
        self.times: dict[str, int] = {}

    def at(self, cell: Any) -> tuple[int, bool]:
        """The instant of one cell. Raises BadCell."""
        if isinstance(cell, str):
            return self._text(cell.strip())
        if isinstance(cell, datetime):
            if cell.tzinfo is not None:
                return (cell - EPOCH) // MICROSECOND, True
            return (cell - _NAIVE_EPOCH) // MICROSECOND, False
        if isinstance(cell, date):
            return (cell - _NAIVE_EPOCH.date()).days * DAY_US, False
        if isinstance(cell, int | float) and not isinstance(cell, bool):
            return self._number(Decimal(repr(cell)))
        raise BadCell(str(cell or ""))

    def of_two(self, day: Any, hour: Any) -> tuple[int, bool]:
        """The instant of a date and a time of day in two cells. Raises BadCell."""
        start, is_exact = self.at(day)
        if isinstance(hour, str):
            return start + self._time(hour.strip()), is_exact
        if isinstance(hour, datetime):
            hour = hour.time()
        if isinstance(hour, time):
            return start + _of_day(hour), is_exact
        if isinstance(hour, timedelta):
            return start + hour // MICROSECOND, is_exact
        if isinstance(hour, int | float) and not isinstance(hour, bool) and 0 <= hour <= 1:
            return start + round(hour * 86_400_000) * 1_000, is_exact
        raise BadCell(str(hour or ""))

    def _text(self, text: str) -> tuple[int, bool]:
        if self.form in ("epoch_s", "epoch_ms", "serial"):
            try:
                return self._number(Decimal(text.replace(",", ".")))
            except InvalidOperation as error:
                raise BadCell(text) from error
        day, mark, hour = text.partition(" ")
        if not mark:
            day, mark, hour = text.partition("T")
        if not mark:
            return self._day(day), False
        hour = hour.strip()
        if _OFFSET.search(hour):
            return self._with_offset(text)
        return self._day(day.rstrip(",")) + self._time(hour), False

    def _with_offset(self, text: str) -> tuple[int, bool]:
        offset = re.sub(r"\s+([+-]\d{2}:?\d{2}|Z)$", r"\1", text)
        try:
            found = datetime.fromisoformat(offset)
        except ValueError:
            bare = _OFFSET.search(offset)
            if bare is None or self.form == "iso":
                raise BadCell(text) from None
            local, _is_exact = self._text(offset[: bare.start()])
            zone = datetime.fromisoformat("2000-01-01T00:00:00" + bare[0])
            return local + (zone - EPOCH) // MICROSECOND, True
        return (found - EPOCH) // MICROSECOND, True

    def _day(self, text: str) -> int:
        found = self.days.get(text)
        if found is None:
            if len(self.days) > REMEMBERED:
                self.days.clear()
            found = self.days[text] = self._new_day(text)
        return found

    def _new_day(self, text: str) -> int:
        pattern, (year, month, day) = _DATES.get(self.form, _DATES["ymd"])
        match = pattern.fullmatch(text) or _DATES["ymd"][0].fullmatch(text)
        if match is None:
            if re.fullmatch(r"\d{8}", text, re.ASCII):
                return self._new_day(f"{text[:4]}-{text[4:6]}-{text[6:]}")
            raise BadCell(text)
        if match.re is _DATES["ymd"][0]:
            year, month, day = 1, 2, 3
        century = 2000 if len(match[year]) == 2 else 0  # noqa: PLR2004 - two digits
        try:
            found = date(int(match[year]) + century, int(match[month]), int(match[day]))
        except ValueError as error:
            raise BadCell(text) from error
        return (found - _NAIVE_EPOCH.date()).days * DAY_US

    def _time(self, text: str) -> int:
        found = self.times.get(text)
        if found is None:
            if len(self.times) > REMEMBERED:
                self.times.clear()
            found = self.times[text] = _new_time(text)
        return found

    def _number(self, value: Decimal) -> tuple[int, bool]:
        if self.form == "epoch_s":
            return int(value * 1_000_000) + _UNIX_US, True
        if self.form == "epoch_ms":
            return int(value * 1_000) + _UNIX_US, True
        if self.form != "serial" or not 1 <= value < 200_000:  # noqa: PLR2004 - the year 2447
            raise BadCell(str(value))
        return _EXCEL_EPOCH_DAYS * DAY_US + round(value * 86_400_000) * 1_000, False


def _new_time(text: str) -> int:
    match = _TIME.fullmatch(text)
    if match is None:
        raise BadCell(text)
    hour, minute, second = int(match[1]), int(match[2] or 0), int(match[3] or 0)
    if match[5]:
        if not 1 <= hour <= 12:  # noqa: PLR2004 - a clock of twelve hours
            raise BadCell(text)
        hour = hour % 12 + (12 if match[5].lower().startswith("p") else 0)
    is_end = hour == 24 and minute == second == 0  # noqa: PLR2004 - the day's own end, 24:00
    if not (is_end or hour < 24) or minute > 59 or second > 59:  # noqa: PLR2004
        raise BadCell(text)
    part = int((match[4] or "").ljust(6, "0"))
    return ((hour * 60 + minute) * 60 + second) * 1_000_000 + part


def _of_day(hour: time) -> int:
    return ((hour.hour * 60 + hour.minute) * 60 + hour.second) * 1_000_000 + hour.microsecond


class Local:
    """From a zone's wall clock to instants. Offsets change at quarter-hours, so each is asked once.

    `offsets` answers the offset (microseconds) of a local instant: one, two where the clock shows
    the hour twice (earlier instant first), or none where it jumps over it.
    """

    def __init__(self, zone: ZoneInfo) -> None:
        self.zone = zone
        self.known: dict[int, tuple[int, ...]] = {}

    def offsets(self, local_us: int) -> tuple[int, ...]:
        quarter = local_us // QUARTER_US
        found = self.known.get(quarter)
        if found is None:
            found = self.known[quarter] = self._ask(quarter * QUARTER_US)
        return found

    def _ask(self, local_us: int) -> tuple[int, ...]:
        try:
            at = (_NAIVE_EPOCH + local_us * MICROSECOND).replace(tzinfo=self.zone)
            first, second = at.utcoffset(), at.replace(fold=1).utcoffset()
        except OverflowError:
            return ()
        if first is None or second is None:
            return ()
        if first == second:
            return (first // MICROSECOND,)
        return (first // MICROSECOND, second // MICROSECOND) if first > second else ()
