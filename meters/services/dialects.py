"""What a device says in its own words, put into ours: names, units, codes and times.

Nothing is guessed. A name, unit or time that could mean two things is refused with a sentence,
unless the device key declares which is meant.
"""

from __future__ import annotations

import decimal
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

from django.utils.translation import gettext_noop as _

from meters.errors import BadReadings, Unprocessable
from meters.models.aliases import ALIASES, AMBIGUOUS, EXTRA, OBIS, OBIS_EXTRA, UNITS, Alias
from meters.models.quantities import NAMES, QUANTITIES
from meters.models.reading import QuarantineReason
from meters.services.samples import A_NUMBER

METER_NAMES: Final = ("meter", "device_id", "meter_id", "serial")
TIME_NAMES: Final = ("measured_at", "timestamp", "time", "ts")
EPOCH_NAMES: Final = {"unix": "s", "unix_ms": "ms"}
OLD_NAMES: Final = frozenset({"metric", "value", "extra"})
REGISTERS: Final = frozenset(q.name for q in QUANTITIES if q.kind == "register")
LARGEST: Final = Decimal(10) ** 15
_UNIT_OF: Final = {quantity.name: quantity.unit for quantity in QUANTITIES}
_OBIS: Final = re.compile(r"(?:[01]-\d{1,2}:)?(\d{1,2}\.\d{1,2}\.\d{1,2})(?:[*.]\d{1,3})?")
_WITH_UNIT: Final = re.compile(r"([+-]?\d{1,18}(?:\.\d{1,9})?)\s*\*\s*([A-Za-z]{1,6})")
_LOCAL: Final = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,6})\d{0,3})?)?", re.ASCII
)
_UNIX: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECONDS: Final = {"s": Decimal(10**6), "ms": Decimal(10**3)}


@dataclass(frozen=True, slots=True)
class Dialect:
    """What a device key declares about its device's clock. Without declarations nothing is."""

    zone: ZoneInfo | None = None
    epoch_unit: str = ""
    stamps_arrival: bool = False


PLAIN: Final = Dialect()


@dataclass(slots=True)
class Translation:
    """An item in our words. `doubt` says why its time cannot be trusted; `is_single` that it is
    one quantity of several which the device sends one by one."""

    said: dict[str, Any]
    doubt: str = ""
    is_single: bool = False


def translate(item: int, said: Any, dialect: Dialect, now: datetime) -> Translation:
    """The same reading in the schema's names, still to be checked by it. Raises BadReadings."""
    if not isinstance(said, dict):
        raise Unprocessable(
            _("Item %(item)s must be an object."), code="invalid_type", item=item, field=""
        )
    words = _Words(item, {name.strip(): value for name, value in said.items()})
    found: dict[str, Any] = {}
    if (meter := words.take(METER_NAMES)) is not None:
        found["meter"] = str(meter) if type(meter) is int else meter
    found["measured_at"], doubt = _time(words, dialect, now)
    is_single = words.left.keys() >= {"metric", "value"}
    if is_single:
        _one_quantity(words, found)
    else:
        _quantities(words, found)
    return Translation(found, doubt, is_single)


class _Words:
    """The names of an item that have not been understood yet."""

    def __init__(self, item: int, left: dict[str, Any]) -> None:
        self.item, self.left = item, left

    def take(self, names: tuple[str, ...]) -> Any:
        """The value that is said under one of the names; None when it is not said."""
        said = [name for name in names if self.left.get(name) is not None]
        if len(said) > 1:
            raise self.twice(said[0], said[1])
        for name in names:
            value = self.left.pop(name, None)
            if value is not None:
                found = value
        return found if said else None

    def refuse(self, sentence: str, code: str, field: str, **facts: Any) -> BadReadings:
        return Unprocessable(sentence, code=code, item=self.item, field=field[:64], **facts)

    def out_of_range(self, name: str) -> BadReadings:
        return self.refuse(_("Item %(item)s: “%(field)s” is out of range."), "out_of_range", name)

    def twice(self, one: str, other: str) -> BadReadings:
        return self.refuse(
            _("Item %(item)s: “%(field)s” and “%(other)s” say different values of one thing."),
            "repeated_field",
            one,
            other=other[:64],
        )


# Times ------------------------------------------------------------------------------------------


def _time(words: _Words, dialect: Dialect, now: datetime) -> tuple[Any, str]:
    """The instant, and why it cannot be trusted."""
    said = [name for name in (*TIME_NAMES, *EPOCH_NAMES) if words.left.get(name) is not None]
    if len(said) > 1:
        raise words.twice(said[0], said[1])
    for name in (*TIME_NAMES, *EPOCH_NAMES):
        value = words.left.pop(name, None)
        if value is not None:
            given = name, value
    if not said:
        if dialect.stamps_arrival:
            return now, ""
        raise words.refuse(
            _(
                "Item %(item)s: “%(field)s” is missing. A device without a clock asks "
                "/api/v1/time, or its key declares that readings count as of their arrival."
            ),
            "missing_field",
            "measured_at",
        )
    name, value = given
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        return _from_epoch(words, name, value, EPOCH_NAMES.get(name, dialect.epoch_unit)), ""
    local = _LOCAL.fullmatch(value) if isinstance(value, str) else None
    if local is None or name in EPOCH_NAMES:
        return value, ""  # the schema's own reader decides
    if dialect.zone is None:
        raise words.refuse(
            _(
                "Item %(item)s: “%(field)s” has no offset. Send it like "
                "2026-01-31T23:59:00-03:00, or declare the zone on the device key."
            ),
            "invalid_time",
            name,
        )
    return _in_zone(words, name, local, dialect.zone)


def _from_epoch(words: _Words, name: str, value: int | Decimal, unit: str) -> datetime:
    if not unit:
        raise words.refuse(
            _(
                "Item %(item)s: “%(field)s” is a number. Call it “unix” (seconds) or “unix_ms”, "
                "or declare its unit on the device key."
            ),
            "invalid_time",
            name,
        )
    try:
        return _UNIX + timedelta(microseconds=int(_bounded(Decimal(value)) * _MICROSECONDS[unit]))
    except (OverflowError, decimal.DecimalException) as error:
        raise words.out_of_range(name) from error


def _in_zone(
    words: _Words, name: str, local: re.Match[str], zone: ZoneInfo
) -> tuple[datetime, str]:
    """The instant of a local time. One that happened twice or never is the earlier, in doubt."""
    year, month, day, hour, minute, second, part = local.groups("0")
    try:
        at = datetime(
            *(int(year), int(month), int(day), int(hour), int(minute), int(second)),
            int(part.ljust(6, "0")),
            tzinfo=zone,
        )
        first = at.astimezone(UTC)
        second_time = at.replace(fold=1).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise words.refuse(
            _("Item %(item)s: “%(field)s” is no time that exists."), "invalid_time", name
        ) from error
    if first == second_time:
        return first, ""
    happened = first.astimezone(zone).replace(tzinfo=None) == at.replace(tzinfo=None)
    doubt = QuarantineReason.AMBIGUOUS_TIME if happened else QuarantineReason.MISSING_TIME
    return min(first, second_time), doubt.value


# Quantities -------------------------------------------------------------------------------------


def _one_quantity(words: _Words, found: dict[str, Any]) -> None:
    """`metric` and `value`, as the platform before this one sends them."""
    unknown = next((name for name in words.left if name not in OLD_NAMES), None)
    if unknown is not None:
        raise words.refuse(
            _("Item %(item)s: there is no “%(field)s” beside “metric” and “value”."),
            "unknown_field",
            unknown,
        )
    metric, value = words.left["metric"], words.left["value"]
    if not isinstance(metric, str) or not metric.strip():
        raise words.refuse(
            _("Item %(item)s: “%(field)s” must be a name."), "invalid_type", "metric"
        )
    if words.left.get("extra") is not None:
        found["extra"] = plain(words.left["extra"])
    origin: dict[str, str] = {}
    if not _keep(words, found, origin, metric.strip(), value):
        _keep_extra(words, found, metric.strip(), value)


def _quantities(words: _Words, found: dict[str, Any]) -> None:
    if words.left.get("extra") is not None:
        found["extra"] = plain(words.left["extra"])
    origin: dict[str, str] = {}
    for name, value in words.left.items():
        if name == "extra" or value is None:
            continue
        if not _keep(words, found, origin, name, value):
            found[name[:80]] = plain(value)  # the schema says what is wrong with it


def _keep(
    words: _Words, found: dict[str, Any], origin: dict[str, str], name: str, value: Any
) -> bool:
    """Take a value under its quantity. False when nobody knows the name."""
    if name in NAMES:
        if isinstance(value, Decimal) and not abs(value) <= LARGEST:
            raise words.out_of_range(name)
        return _place(words, found, origin, name, name, plain(value))
    if (alias := ALIASES.get(name.lower())) is not None:
        if alias.quantity == EXTRA:
            _keep_extra(words, found, name, value)
            return True
        base = _base(words, name, alias, value)
        return _place(words, found, origin, alias.quantity, name, base)
    if (choices := AMBIGUOUS.get(name.lower())) is not None:
        raise words.refuse(
            _("Item %(item)s: “%(field)s” does not say its unit. Send one of: %(choices)s."),
            "ambiguous_unit",
            name,
            choices=", ".join(choices),
        )
    if (code := _OBIS.fullmatch(name)) is not None:
        return _keep_code(words, found, origin, name, code[1], value)
    return False


def _place(
    words: _Words,
    found: dict[str, Any],
    origin: dict[str, str],
    quantity: str,
    name: str,
    value: Any,
) -> bool:
    if quantity in origin and found[quantity] != value:
        raise words.twice(origin[quantity], name)
    found[quantity], origin[quantity] = value, name
    return True


def _keep_extra(words: _Words, found: dict[str, Any], name: str, value: Any) -> None:
    extra = found.setdefault("extra", {})
    if isinstance(extra, dict):  # else the schema refuses it
        if name in extra and extra[name] != plain(value):
            raise words.twice(name, f"extra.{name}")
        extra[name] = plain(value)


def _keep_code(
    words: _Words, found: dict[str, Any], origin: dict[str, str], name: str, code: str, value: Any
) -> bool:
    if code in OBIS_EXTRA:
        _keep_extra(words, found, code, value)
        return True
    if code not in OBIS:
        return False
    meant = OBIS[code]
    unit = meant.unit
    if isinstance(value, str) and (parts := _WITH_UNIT.fullmatch(value.strip())):
        value, unit = Decimal(parts[1]), parts[2]
    if not unit:
        raise words.refuse(
            _("Item %(item)s: “%(field)s” is sent in more than one unit: write it as “1.234*kW”."),
            "ambiguous_unit",
            name,
        )
    base, factor = UNITS.get(unit, ("", Decimal(1)))
    if base != _UNIT_OF[meant.quantity]:
        raise words.refuse(
            _("Item %(item)s: “%(field)s” cannot be in “%(unit)s”."), "wrong_unit", name, unit=unit
        )
    said = _base(words, name, Alias(meant.quantity, factor), value)
    return _place(words, found, origin, meant.quantity, name, said)


def _base(words: _Words, name: str, alias: Alias, value: Any) -> int | float:
    """The value in base units: exact, and of a register the nearest whole unit."""
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise words.refuse(A_NUMBER, "invalid_type", name)
    try:
        base = _bounded(Decimal(value)) * alias.scale + alias.offset
        if alias.quantity in REGISTERS:
            return int(_counted(base).to_integral_value(ROUND_HALF_UP))
        return float(base)
    except (OverflowError, decimal.DecimalException) as error:
        raise words.out_of_range(name) from error


def _bounded(value: Decimal) -> Decimal:
    if not abs(value) <= LARGEST:
        raise OverflowError
    return value


def _counted(base: Decimal) -> Decimal:
    """What a register can say. Less than nothing is refused before it rounds to nothing."""
    if base < 0:
        raise OverflowError
    return _bounded(base)


def plain(value: Any) -> Any:
    """Decimals as the floats that the schema takes; it takes none that lie deeper than `extra`."""
    if isinstance(value, dict):
        return {name: _float(inner) for name, inner in value.items()}
    return _float(value)


def _float(value: Any) -> Any:
    return float(value) if isinstance(value, Decimal) else value
