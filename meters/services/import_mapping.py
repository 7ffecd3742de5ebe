"""How a file is to be read: what detection found, and what a person may change.

It is kept as JSON with the import, is what the API takes and gives, and is checked by the schema
made from these classes.
"""

from __future__ import annotations

from collections.abc import Mapping as AnyMapping
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, Final, Literal
from zoneinfo import available_timezones

import msgspec
from django.utils.translation import gettext as _

from meters.errors import BadFile
from meters.models.quantities import NAMES, REGISTERS

MOST_COLUMNS: Final = 200
LONGEST_INTERVAL: Final = 86_400
TimeFormat = Literal["iso", "dmy", "mdy", "ymd", "epoch_s", "epoch_ms", "serial"]
Says = Literal["register", "interval", "instant", "extra", ""]  # "": a person has to say
RepeatedHour = Literal["refuse", "first", "second", "in_order"]
Place = Annotated[int, msgspec.Meta(ge=0, lt=MOST_COLUMNS)]
Short = Annotated[str, msgspec.Meta(max_length=200)]
# What energy or volume of each interval is kept as: its mean, over the interval.
MEANS: Final[AnyMapping[str, str]] = {
    "energy_import_wh": "power_w",
    "energy_export_wh": "power_w",
    "volume_l": "flow_l_per_s",
}


class TimeColumns(msgspec.Struct, forbid_unknown_fields=True):
    """Where the instant stands: one column, or a date and a time in two."""

    columns: Annotated[list[Place], msgspec.Meta(min_length=1, max_length=2)]
    format: TimeFormat = "iso"
    zone: Short = ""  # for times without an offset; empty: the zone of each meter's site
    repeated_hour: RepeatedHour = "refuse"  # the hour that clocks show twice


class ValueColumn(msgspec.Struct, forbid_unknown_fields=True):
    """Where a column goes. Without a quantity it is left out."""

    column: Place
    name: Short = ""
    quantity: Short = ""
    unit: Short = ""
    factor: Short = "1"
    says: Says = "instant"
    meter: Short = ""  # the serial number, when this column is not of the file's meter
    rounds: bool = False  # a register finer than our unit is rounded half up; else it is refused
    is_sure: bool = True


class Mapping(msgspec.Struct, forbid_unknown_fields=True):
    """How a file is read."""

    time: TimeColumns
    columns: Annotated[list[ValueColumn], msgspec.Meta(max_length=MOST_COLUMNS)]
    kind: Literal["csv", "xlsx"] = "csv"
    encoding: Short = "utf-8"
    delimiter: Annotated[str, msgspec.Meta(min_length=1, max_length=1)] = ","
    decimal: Literal[",", "."] = "."
    sheet: Short = ""
    header_line: Annotated[int, msgspec.Meta(ge=0, le=1_000)] = 1
    meter_column: Place | None = None
    meter: Short = ""  # the serial number, when no column says it
    interval_seconds: Annotated[int, msgspec.Meta(ge=1, le=LONGEST_INTERVAL)] | None = None
    stamp: Literal["start", "end"] = "start"  # which end of its interval a row is stamped with
    starts_at: Short = ""  # move the series to begin here (demonstrations)

    @property
    def used(self) -> list[ValueColumn]:
        """The columns that go somewhere."""
        return [column for column in self.columns if column.quantity]

    def meter_of(self, column: ValueColumn) -> str:
        """The serial number of the column's meter; "" where the rows say it, or nobody does."""
        return "" if self.meter_column is not None else column.meter or self.meter

    @property
    def meters(self) -> list[str]:
        """The serial numbers that were chosen, each once, in the order of the columns."""
        said = [self.meter_of(column) for column in self.used]
        return list(dict.fromkeys(serial for serial in said if serial))

    @property
    def lacks_meter(self) -> bool:
        """Whether some values have no meter to go to."""
        no_column = self.meter_column is None
        return no_column and not all(self.meter_of(column) for column in self.used)


def as_json(mapping: Mapping) -> dict[str, Any]:
    """The mapping as plain values."""
    plain: dict[str, Any] = msgspec.to_builtins(mapping)
    return plain


def mapping_of(said: Any) -> Mapping:
    """A mapping from plain values, checked. Raises BadFile."""
    try:
        mapping = msgspec.convert(said, Mapping)
    except msgspec.ValidationError as error:
        raise BadFile(
            _("The mapping cannot be understood: %(why)s.") % {"why": error}, "bad_mapping"
        ) from error
    check(mapping)
    return mapping


def target(column: ValueColumn) -> str:
    """The quantity that is stored: of energy per interval, the mean power."""
    return MEANS[column.quantity] if column.says == "interval" else column.quantity


def check(mapping: Mapping) -> None:
    """Raises BadFile for what cannot be read, or would say two things at once."""
    if mapping.time.zone and mapping.time.zone not in available_timezones():
        raise _wrong(_("There is no time zone called “%(name)s”.") % {"name": mapping.time.zone})
    taken: set[tuple[str, str]] = set()
    for column in mapping.used:
        _check_column(mapping, column)
        place = (mapping.meter_of(column), target(column))
        if place in taken:
            raise _wrong(_("Two columns go to the same quantity."))
        taken.add(place)
    if not taken:
        raise _wrong(_("No column is a known quantity; say which is."))


def _check_column(mapping: Mapping, column: ValueColumn) -> None:
    if column.says == "extra":
        return
    if column.quantity not in NAMES:
        raise _wrong(_("There is no quantity “%(name)s”.") % {"name": column.quantity})
    try:
        is_number = Decimal(column.factor).is_finite() and Decimal(column.factor) != 0
    except InvalidOperation:
        is_number = False
    if not is_number:
        raise _wrong(_("“%(text)s” is no factor.") % {"text": column.factor[:40]})
    is_register = column.quantity in REGISTERS
    if is_register != (column.says in {"register", "interval"}):
        raise _wrong(
            _("Say whether “%(name)s” is a register or the use of each interval.")
            % {"name": column.name or column.quantity}
        )
    if column.says == "interval" and column.quantity not in MEANS:
        raise _wrong(_("Reactive energy is imported from registers only."))
    if column.says == "interval" and mapping.interval_seconds is None:
        raise _wrong(_("Say how long the intervals are."))


def _wrong(sentence: str) -> BadFile:
    return BadFile(sentence, "bad_mapping")
