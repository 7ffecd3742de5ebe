"""From bytes to checked columns: what a request to the ingest lane says, or why it says nothing.

A body is one reading, a list, `{"readings": [...]}` or NDJSON. It is decoded once by a compiled
schema and kept by column, which is what the binary COPY wants. Here either all of it is in our own
words, or `BadReadings` says which item and field is not; `bodies` then looks at each item.
"""

from __future__ import annotations

import difflib
import json
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import chain
from operator import attrgetter
from typing import Annotated, Any, Final

import msgspec
from django.utils.translation import gettext_noop as _

from meters.errors import BadReadings, TooLarge, Unprocessable
from meters.models.quantities import MAX_REGISTER, NAMES, QUANTITIES, Quantity

MAX_READINGS: Final = 20_000
EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)  # PostgreSQL's own
MICROSECOND: Final = timedelta(microseconds=1)

_Register = Annotated[int, msgspec.Meta(ge=0, le=MAX_REGISTER)]
_Short = Annotated[str, msgspec.Meta(max_length=200)]
_Finite = Annotated[float, msgspec.Meta(ge=-sys.float_info.max, le=sys.float_info.max)]
_Extra = Annotated[dict[_Short, _Short | _Finite | bool | None], msgspec.Meta(max_length=32)]


def _kind(quantity: Quantity) -> Any:
    if quantity.kind == "register":
        return _Register
    return Annotated[float, msgspec.Meta(ge=-quantity.largest, le=quantity.largest)]


def _field(quantity: Quantity) -> tuple[str, Any, None]:
    return quantity.name, _kind(quantity) | None, None


def _schema(name: str, fields: list[Any]) -> Any:
    """A compiled schema. Its objects hold no containers, so the collector need not look at them."""
    return msgspec.defstruct(name, fields, forbid_unknown_fields=True, gc=False)


_MEASURED_AT: Final = Annotated[datetime, msgspec.Meta(tz=True)]
_METER: Final = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
Sample: Final = _schema(
    "Sample",
    [
        ("measured_at", _MEASURED_AT),
        ("meter", _METER | None, None),
        *(_field(quantity) for quantity in QUANTITIES),
        ("extra", _Extra | None, None),
    ],
)
_ROWS: Any = list[Sample]  # type: ignore[valid-type]  # a type made while loading
_Envelope: Final = _schema("_Envelope", [("readings", _ROWS)])
_one: Final = msgspec.json.Decoder(Sample)
_many: Final = msgspec.json.Decoder(_ROWS)
_envelope: Final = msgspec.json.Decoder(_Envelope)
OPENS_ENVELOPE: Final = re.compile(rb'\s*\{\s*"readings"\s*:')
_FIRST_OBJECT: Final = re.compile(rb'\s*(\{\s*"readings"\s*:)?\s*\[\s*\{([^{}]*)\}')
_NAME: Final = re.compile(rb'"(\w+)"\s*:')
WORTH_A_SHAPE: Final = 2_048  # bytes; below, the general way is quicker
_FIRST_VALUE: Final = 2  # after measured_at and meter
COLUMNS: Final = (*NAMES, "extra")


@dataclass(frozen=True, slots=True)
class Samples:
    """Checked readings. `values` holds row after row, in each row the columns that are `spoken`:
    flat lists are cheap to make, to cut and to pack."""

    meters: Sequence[str | None]
    instants_us: list[int]
    spoken: tuple[str, ...]
    values: list[Any]
    has_gaps: bool = True  # False: `values` holds no None

    def __len__(self) -> int:
        return len(self.instants_us)

    def row(self, item: int) -> list[Any]:
        """The values of one reading."""
        width = len(self.spoken)
        return self.values[item * width : (item + 1) * width]

    def column(self, place: int) -> list[Any]:
        """All values of one spoken column."""
        return self.values[place :: len(self.spoken)]

    def only(self, items: Sequence[int]) -> Samples:
        """The readings at these places, in this order."""
        return Samples(
            [self.meters[item] for item in items],
            [self.instants_us[item] for item in items],
            self.spoken,
            [value for item in items for value in self.row(item)],
            self.has_gaps,
        )


def parse(body: bytes) -> Samples:
    """The readings in a body that is wholly in our own words. Raises BadReadings."""
    if len(body) >= WORTH_A_SHAPE and (samples := uniform(body)) is not None:
        return samples
    try:
        found, is_wrapped = _decode(body)
    except msgspec.ValidationError as error:
        raise explained(str(error)) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadReadings(_("The body is not JSON: %(why)s."), why=str(error)) from error
    except RecursionError as error:
        raise BadReadings(_("The body is nested too deeply.")) from error
    if not found:
        raise Unprocessable(_("The body holds no reading."), code="empty")
    if len(found) > MAX_READINGS:
        raise TooLarge(_("At most %(limit)s readings fit in a request."), limit=MAX_READINGS)
    samples, spoken = by_row(found)
    _refuse_repeated_names(body, spoken + is_wrapped)
    return samples


def samples_of(rows: Iterable[dict[str, Any]]) -> Samples:
    """The same checks for rows that do not come as JSON: imports and drivers."""
    try:
        found = msgspec.convert(list(rows), _ROWS)
    except msgspec.ValidationError as error:
        raise explained(str(error)) from error
    return by_row(found)[0]


# Devices send the same fields in every row. A schema of exactly those, all required, is decoded
# faster and leaves no None to look for; a body that differs anywhere goes the general way.


@dataclass(frozen=True, slots=True)
class _Shape:
    """The way to decode rows of one set of fields."""

    decode: Callable[[bytes], Any]
    row_of: Callable[[Any], tuple[Any, ...]]
    spoken: tuple[str, ...]
    has_meter: bool


@lru_cache(maxsize=256)
def _shape(names: tuple[bytes, ...], is_wrapped: bool) -> _Shape | None:
    said = {name.decode() for name in names}
    spoken = tuple(name for name in NAMES if name in said)
    has_meter = "meter" in said
    if "measured_at" not in said or not spoken or len(said) < len(names):
        return None
    if len(said) != 1 + has_meter + len(spoken):
        return None
    fields: list[Any] = [("measured_at", _MEASURED_AT)]
    fields += [("meter", _METER)] if has_meter else []
    fields += [(q.name, _kind(q)) for q in QUANTITIES if q.name in said]
    rows: Any = list[_schema("Row", fields)]  # type: ignore[misc]  # a type made while running
    wanted = _schema("Rows", [("readings", rows)]) if is_wrapped else rows
    row_of = attrgetter("measured_at", "meter" if has_meter else "measured_at", *spoken)
    return _Shape(msgspec.json.Decoder(wanted).decode, row_of, spoken, has_meter)


def uniform(body: bytes) -> Samples | None:
    """The readings, when all rows say the same fields and nothing is wrong; None otherwise."""
    if (first := _FIRST_OBJECT.match(body)) is None:
        return None
    is_wrapped = first[1] is not None
    shape = _shape(tuple(_NAME.findall(first[2])), is_wrapped)
    if shape is None:
        return None
    try:
        rows = shape.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    rows = rows.readings if is_wrapped else rows
    strings = len(shape.spoken) + 2 + 2 * shape.has_meter  # names, the time, the meter
    if len(rows) > MAX_READINGS or body.count(b'"') != 2 * (len(rows) * strings + is_wrapped):
        return None
    flat = list(chain.from_iterable(map(shape.row_of, rows)))
    width = len(shape.spoken) + 2
    instants = [(moment - EPOCH) // MICROSECOND for moment in flat[::width]]
    meters = flat[1::width] if shape.has_meter else [None] * len(rows)
    del flat[::width]
    del flat[:: width - 1]
    return Samples(meters, instants, shape.spoken, flat, has_gaps=False)


def _decode(body: bytes) -> tuple[list[Any], bool]:
    start = body.lstrip()[:1]
    if start == b"[":
        return _many.decode(body), False
    if OPENS_ENVELOPE.match(body):
        return _envelope.decode(body).readings, True
    if body.count(b"\n", 0, -1) and is_lines(body):
        return _one.decode_lines(body), False
    return [_one.decode(body)], False


def is_lines(body: bytes) -> bool:
    """Whether the first line is a whole object: NDJSON, and not one reading on many lines."""
    return body.lstrip().split(b"\n", 1)[0].rstrip().endswith(b"}")


def by_row(found: list[Any]) -> tuple[Samples, int]:
    """The rows, and how many quotation marks plain JSON needs to say them."""
    rows = list(map(msgspec.structs.astuple, found))
    columns = list(zip(*rows, strict=True))
    missing = [column.count(None) for column in columns]
    count = len(rows)
    spoken = [place for place in range(_FIRST_VALUE, len(columns)) if missing[place] < count]
    said = count * len(columns) - sum(missing)
    strings = 2 * count - missing[1]
    samples = Samples(
        columns[1],
        [(moment - EPOCH) // MICROSECOND for moment in columns[0]],
        tuple(COLUMNS[place - _FIRST_VALUE] for place in spoken),
        [row[place] for row in rows for place in spoken],
        has_gaps=any(missing[place] for place in spoken),
    )
    _refuse_nul(columns[-1] if missing[-1] < count else None)
    _refuse_silent(samples)
    return samples, said + strings


def _refuse_silent(samples: Samples) -> None:
    """A reading that says nothing would look like data where there is none."""
    if samples.spoken and not samples.has_gaps:
        return
    for item in range(len(samples)):
        row = samples.row(item)
        if row.count(None) == len(row):
            raise Unprocessable(_("Item %(item)s holds no value."), code="empty_reading", item=item)


def _refuse_nul(extras: Sequence[dict[str, Any] | None] | None) -> None:
    """jsonb cannot hold U+0000, nor half a surrogate pair; either would fail everybody's COPY."""
    if extras is None:
        return
    try:
        said = msgspec.json.encode(extras)
    except (UnicodeEncodeError, ValueError) as error:
        raise Unprocessable(_("“extra” holds text that cannot be stored.")) from error
    if rb"\u0000" in said and "\0" in "".join(_texts(extras)):
        raise Unprocessable(_("“extra” holds text that cannot be stored."))


def _texts(extras: Sequence[dict[str, Any] | None]) -> Iterable[str]:
    for extra in extras:
        for name, value in (extra or {}).items():
            yield name
            yield value if isinstance(value, str) else ""


def _refuse_repeated_names(body: bytes, words: int) -> None:
    """A name said twice has two values and no answer. Counting quotation marks is nearly free;
    only a body with more of them than it needs (escapes, nulls, `extra`) is read again."""
    if body.count(b'"') == 2 * words:
        return
    try:
        for part in body.split(b"\n") if is_lines(body) else [body]:  # as the schema's reader cuts
            json.loads(
                part.strip() or b"null", object_pairs_hook=_once, parse_int=str, parse_float=str
            )
    except RecursionError as error:
        raise BadReadings(_("The body is nested too deeply.")) from error
    except ValueError:  # stricter than the schema's own reader, which has already understood it
        return


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = dict(pairs)
    if len(names) < len(pairs):
        repeated = next(name for name, _value in pairs if [n for n, _v in pairs].count(name) > 1)
        raise Unprocessable(
            _("“%(name)s” is said twice in one reading."), code="repeated_field", name=repeated
        )
    return names


# Sentences --------------------------------------------------------------------------------------

_PATH = re.compile(r" - at `\$(?:\.readings)?(?:\[(\d+)\])?(?:\.(\w+))?.*`$")
_UNKNOWN = re.compile(r"^Object contains unknown field `(.*)`$", re.DOTALL)
_MISSING = re.compile(r"^Object missing required field `(.*)`$")
_TYPE = re.compile(r"^Expected `(.*?)`, got `(.*)`$")


def explained(message: str) -> BadReadings:
    """The schema's complaint as a sentence that names the item and the field."""
    path = _PATH.search(message)
    item, field = int(path[1] or 0) if path else 0, (path[2] if path else None) or ""
    reason = message[: path.start()] if path else message
    if unknown := _UNKNOWN.match(reason):
        return _unknown_field(item, unknown[1])
    if missing := _MISSING.match(reason):
        return Unprocessable(
            _("Item %(item)s: “%(field)s” is missing."),
            code="missing_field",
            item=item,
            field=missing[1],
        )
    if field == "measured_at":
        return Unprocessable(
            _("Item %(item)s: “measured_at” must be like 2026-01-31T23:59:00-03:00, with offset."),
            code="invalid_time",
            item=item,
        )
    if kind := _TYPE.match(reason):
        return wrong_type(item, field or "readings", kind[1])
    return Unprocessable(
        _("Item %(item)s: “%(field)s” is out of range."),
        code="out_of_range",
        item=item,
        field=field,
    )


_WANTED: Final = {  # the schema's word → ours
    "float": _("Item %(item)s: “%(field)s” must be a number with a point and no quotes: 1234.5."),
    "int": _("Item %(item)s: “%(field)s” must be a whole number without quotes: 151600."),
    "str": _("Item %(item)s: “%(field)s” must be a text in quotes."),
    "array": _("Item %(item)s: “%(field)s” must be a list."),
    "object": _("Item %(item)s: “%(field)s” must be an object: names with their values."),
}
A_NUMBER: Final = _WANTED["float"]


def wrong_type(item: int, field: str, wanted: str) -> BadReadings:
    """What should have been sent, in the words of JSON. `extra` may hold anything flat."""
    found = wanted.partition(" |")[0]
    sentence = _WANTED.get(found)
    if sentence is None or (field == "extra" and found != "object"):
        sentence = _("Item %(item)s: “%(field)s” may hold text, numbers, true and false alone.")
    return Unprocessable(sentence, code="invalid_type", item=item, field=field)


def _unknown_field(item: int, name: str) -> BadReadings:
    shown = name[:64]
    if meant := _meant(shown):
        return Unprocessable(
            _("Item %(item)s: there is no “%(field)s”; send “%(meant)s”, in %(unit)s."),
            code="unknown_field",
            item=item,
            field=shown,
            meant=meant.name,
            unit=meant.unit,
        )
    return Unprocessable(
        _("Item %(item)s: there is no “%(field)s”; other values go into “extra”."),
        code="unknown_field",
        item=item,
        field=shown,
    )


PHASES: Final = {"a": "l1", "b": "l2", "c": "l3", "r": "l1", "s": "l2", "t": "l3", "n": "n"} | {
    name: f"l{name[-1]}" for phase in "123" for name in (phase, f"l{phase}", f"p{phase}")
}


def _meant(name: str) -> Quantity | None:
    """The quantity that was probably meant: same stem in another unit, else a similar name.
    One of another phase than the name's is never meant."""
    kind, *rest = name.lower().split("_")
    phase = PHASES.get(rest[0]) if rest else None
    if phase and kind == "power" and rest[0] == "t":
        return None  # T may as well be the total
    said = "_".join([kind, phase or rest[0], *rest[1:]] if rest else [kind])
    stem = said.rpartition("_")[0] or said
    for quantity in QUANTITIES:
        if quantity.name.rpartition("_")[0] in (said, stem):
            return quantity
    near = [each.name for each in QUANTITIES if not phase or f"_{phase}_" in each.name]
    close = difflib.get_close_matches(said, near, n=1, cutoff=0.6)
    by_name = {quantity.name: quantity for quantity in QUANTITIES}
    return by_name[close[0]] if close else None
