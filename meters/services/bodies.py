"""What a request's body says, item by item: what was understood, and why the rest was not.

A body in our own words goes the quick way. One with a device's words, or with a mistake, is looked
at item by item, so that a bad item does not take the good ones with it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

import msgspec
from django.utils.translation import gettext_noop as _

from meters.errors import BadReadings, TooLarge, Unprocessable
from meters.models.quantities import NAMES
from meters.services.dialects import PLAIN, Dialect, translate
from meters.services.samples import (
    MAX_READINGS,
    OPENS_ENVELOPE,
    WORTH_A_SHAPE,
    Sample,
    Samples,
    by_row,
    explained,
    is_lines,
    parse,
    uniform,
)

LONGEST_INTEGER: Final = 20
# Finds where a value ends, and takes what the schema's reader stumbles over: half a surrogate pair.
_any_json: Final = json.JSONDecoder(parse_int=str, parse_float=str)
_strict: Final = msgspec.json.Decoder(Sample)


@dataclass(frozen=True, slots=True)
class Said:
    """Readings, the items they came from, and the items that were not understood.

    `alike` are items whose values are part of an earlier item's reading; `doubts` say of readings
    by their row why their time cannot be trusted.
    """

    samples: Samples
    items: Sequence[int]
    faults: dict[int, BadReadings] = field(default_factory=dict)
    alike: dict[int, int] = field(default_factory=dict)
    doubts: dict[int, str] = field(default_factory=dict)

    @classmethod
    def of(cls, samples: Samples) -> Said:
        """Readings that were all understood."""
        return cls(samples, range(len(samples)))


def read_quickly(body: bytes) -> Said | None:
    """The readings of a body in our own words, all of one kind; None when it takes longer."""
    if len(body) < WORTH_A_SHAPE or (samples := uniform(body)) is None:
        return None
    return Said.of(samples)


def read_body(body: bytes, dialect: Dialect = PLAIN, *, now: datetime | None = None) -> Said:
    """What the body says. Raises BadReadings when nothing of it can be understood."""
    if (said := read_quickly(body)) is not None:
        return said
    try:
        return Said.of(parse(body))
    except BadReadings as error:
        if isinstance(error, TooLarge) or error.error_code == "empty":
            raise
        if not isinstance(error, Unprocessable) and not _has_items(body):
            raise  # one reading, and no JSON
        found = _item_by_item(body, error, dialect, now or datetime.now(tz=UTC))
    if not found.items:
        raise found.faults[min(found.faults)]
    return found


def _item_by_item(body: bytes, whole: BadReadings, dialect: Dialect, now: datetime) -> Said:
    items = _split(body, whole)
    _refuse_too_many(items)
    gathered = _Gathered()
    for item, raw in enumerate(items):
        try:
            _take(gathered, item, raw, dialect, now)
        except BadReadings as fault:
            gathered.faults[item] = fault
        except (RecursionError, UnicodeError, ArithmeticError) as error:
            gathered.faults[item] = _unreadable(item, error)
    samples = by_row(gathered.rows)[0] if gathered.rows else Samples([], [], (), [])
    return Said(samples, gathered.items, gathered.faults, gathered.alike, gathered.doubts)


def _split(body: bytes, whole: BadReadings) -> list[bytes]:
    """The items as they were sent, each still to be read; `whole` when nothing tells them apart."""
    opened = OPENS_ENVELOPE.match(body)
    if opened is None and body.lstrip()[:1] != b"[":
        lines = body.split(b"\n") if _has_lines(body) else [body]
        return [line for line in lines if line.strip()]
    text = body.decode(errors="surrogateescape")  # bytes that are no text stay in their item
    try:
        items, rest = _cut(text, opened.end() if opened else 0)
    except (ValueError, IndexError, RecursionError):
        raise whole from None
    left = text[rest:].strip()
    if opened and left[:1] == "," and isinstance(whole, Unprocessable):
        raise Unprocessable(
            _("The body must say “readings” once, and nothing beside it."), code="repeated_field"
        )
    if left != ("}" if opened else ""):
        raise whole
    return [text[start:end].encode(errors="surrogateescape") for start, end in items]


def _cut(text: str, start: int) -> tuple[list[tuple[int, int]], int]:
    """Where the items of a list lie, and where the list ends. Raises TooLarge."""
    items: list[tuple[int, int]] = []
    place = _past_space(text, start)
    if text[place] != "[":
        raise ValueError(text[place])
    while text[place] != "]":
        if text[place] != ("," if items else "["):
            raise ValueError(text[place])
        begin = _past_space(text, place + 1)
        _value, end = _any_json.raw_decode(text, begin)
        items.append((begin, end))
        _refuse_too_many(items)
        place = _past_space(text, end)
    return items, place + 1


def _refuse_too_many(items: Sequence[Any]) -> None:
    if len(items) > MAX_READINGS:
        raise TooLarge(_("At most %(limit)s readings fit in a request."), limit=MAX_READINGS)


def _past_space(text: str, place: int) -> int:
    while text[place] in " \t\r\n":
        place += 1
    return place


def _has_items(body: bytes) -> bool:
    """Whether one may look for an item's end although the whole is not understood."""
    return body.lstrip()[:1] == b"[" or OPENS_ENVELOPE.match(body) is not None or _has_lines(body)


def _has_lines(body: bytes) -> bool:
    return body.lstrip()[:1] == b"{" and body.count(b"\n", 0, -1) > 0 and is_lines(body)


@dataclass(slots=True)
class _Gathered:
    """Rows as they are found, and where one lies that still takes quantities."""

    rows: list[Any] = field(default_factory=list)
    items: list[int] = field(default_factory=list)
    faults: dict[int, BadReadings] = field(default_factory=dict)
    alike: dict[int, int] = field(default_factory=dict)
    doubts: dict[int, str] = field(default_factory=dict)
    open: dict[tuple[str | None, datetime], int] = field(default_factory=dict)


def _take(gathered: _Gathered, item: int, raw: bytes, dialect: Dialect, now: datetime) -> None:
    said = _loads(item, raw)
    try:
        row = _strict.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        ours = translate(item, said, dialect, now)
        row = _checked(item, ours.said)
        doubt, is_single = ours.doubt, ours.is_single
    else:
        doubt, is_single = "", False
    _check_values(item, row)
    key = (row.meter, row.measured_at)
    if is_single and key in gathered.open:
        place = gathered.open[key]
        if _joined(gathered.rows[place], row):
            gathered.alike[item] = gathered.items[place]
            return
    elif is_single:
        gathered.open[key] = len(gathered.rows)
    if doubt:
        gathered.doubts[len(gathered.rows)] = doubt
    gathered.rows.append(row)
    gathered.items.append(item)


def _checked(item: int, said: dict[str, Any]) -> Any:
    try:
        return msgspec.convert(said, Sample)
    except msgspec.ValidationError as error:
        raise _of_item(item, explained(str(error))) from error


def _check_values(item: int, row: Any) -> None:
    """What the schema cannot see: a reading without a value, text that cannot be stored."""
    try:
        by_row([row])
    except BadReadings as error:
        raise _of_item(item, error) from error


def _of_item(item: int, error: BadReadings) -> BadReadings:
    """The same complaint, made about the only item looked at, under its number in the body."""
    facts = {**error.facts, "item": item}
    return type(error)(error.msgid, code=error.error_code, **facts)


def _unreadable(item: int, error: Exception) -> BadReadings:
    """What is JSON by its grammar, and yet no text or number of ours."""
    if isinstance(error, RecursionError):
        return BadReadings(_("Item %(item)s is nested too deeply."), item=item)
    if isinstance(error, UnicodeError):
        return Unprocessable(_("Item %(item)s holds text that cannot be stored."), item=item)
    return Unprocessable(
        _("Item %(item)s holds a number that is out of range."), code="out_of_range", item=item
    )


def _joined(row: Any, more: Any) -> bool:
    """Add what `more` says to the row; False, and no change, when they contradict each other."""
    added: dict[str, Any] = {}
    for name in NAMES:
        value, known = getattr(more, name), getattr(row, name)
        if value is None or value == known:
            continue
        if known is not None:
            return False
        added[name] = value
    extra, known_extra = more.extra or {}, row.extra or {}
    if any(known_extra.get(name, value) != value for name, value in extra.items()):
        return False
    if extra:
        added["extra"] = {**known_extra, **extra}
    for name, value in added.items():
        setattr(row, name, value)
    return True


# JSON with its decimals as they were written -----------------------------------------------------


def _loads(item: int, raw: bytes) -> Any:
    try:
        return json.loads(
            raw,
            parse_float=Decimal,  # raises ArithmeticError for the exponents that it cannot hold
            parse_int=_integer,
            parse_constant=_refuse_constant,
            object_pairs_hook=_once,
        )
    except _Twice as error:
        raise Unprocessable(
            _("Item %(item)s: “%(field)s” is said twice."),
            code="repeated_field",
            item=item,
            field=error.name[:64],
        ) from error
    except ValueError as error:  # a constant, or a bad line
        raise BadReadings(
            _("Item %(item)s is not JSON: %(why)s."), item=item, why=str(error)[:200]
        ) from error


class _Twice(Exception):
    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names: dict[str, Any] = {}
    for name, value in pairs:
        if name in names:
            raise _Twice(name)
        names[name] = value
    return names


def _integer(text: str) -> int | Decimal:
    """The number, as it was written. One far out of any range is no `int`: that would be slow."""
    return int(text) if len(text) <= LONGEST_INTEGER else Decimal(text)


def _refuse_constant(text: str) -> Any:
    raise ValueError(f"{text} is no number")
