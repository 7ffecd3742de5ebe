"""Why a line gave no reading, and what detection was unsure of, as sentences."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Mapping as AnyMapping
from typing import Any, Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from meters.services.import_mapping import Mapping

REASONS: Final[AnyMapping[str, str]] = {
    "bad_time": gettext_noop("“%(text)s” is no instant."),
    "skipped_time": gettext_noop("%(text)s never was: clocks jumped over it."),
    "repeated_time": gettext_noop("%(text)s was twice: clocks went back. Say which one it is."),
    "bad_value": gettext_noop("“%(text)s” is no value for “%(column)s”."),
    "not_whole": gettext_noop("“%(text)s” for “%(column)s” is finer than a whole Wh or litre."),
    "negative": gettext_noop("“%(text)s” for “%(column)s” is below zero."),
    "out_of_range": gettext_noop("“%(text)s” for “%(column)s” is out of range."),
    "interval_too_long": gettext_noop(
        "The interval is longer than a sample of this meter stands for. Change it at the meter."
    ),
    "no_meter": gettext_noop("The line does not say which meter."),
    "unknown_meter": gettext_noop("There is no meter “%(text)s”."),
    "too_old": gettext_noop("It is more than five years old."),
    "in_future": gettext_noop("It is from the future."),
    "settled": gettext_noop("It is from a time that is settled for good."),
    "wrong_kind": gettext_noop("“%(column)s” is nothing that the meter “%(text)s” measures."),
    "conflict": gettext_noop("Another value is stored for this instant; it stays."),
}
NOTES: Final[AnyMapping[str, str]] = {
    "day_or_month": gettext_noop("Day and month cannot be told apart; the day was taken first."),
    "decimal_or_thousands": gettext_noop(
        "It cannot be told whether the sign in the numbers is decimal or of thousands."
    ),
    "zone_assumed": gettext_noop(
        "The times have no offset; the zone of each meter's site is taken."
    ),
    "days_only": gettext_noop("There are days without a time; the start of the day is taken."),
    "register_or_interval": gettext_noop(
        "It cannot be told whether a column is a register that counts up or the use of each "
        "interval; say which."
    ),
    "interval_energy": gettext_noop(
        "A column seems to hold what was used in each interval, not a register. It is kept as the "
        "mean power of the interval, and counts as derived, never as measured."
    ),
    "rounded": gettext_noop("A register is finer than a whole Wh or litre; it is rounded half up."),
    "unit_assumed": gettext_noop("The unit of a column is not written; the usual one was taken."),
    "unknown_serials": gettext_noop("A column seems to say the meter, with numbers unknown here."),
    "repeated_quantity": gettext_noop("Two columns seem to be the same; one was left out."),
    "no_meter": gettext_noop("No column says the meter; choose it."),
    "no_quantity": gettext_noop("No column is a known quantity; say which is."),
}


def still_open(notes: Iterable[str], mapping: Mapping) -> list[str]:
    """The notes that a person's own mapping did not answer."""
    says = {column.says for column in mapping.used}
    is_true = {
        "zone_assumed": not mapping.time.zone,
        "days_only": True,
        "unknown_serials": mapping.meter_column is not None,
        "interval_energy": "interval" in says,
        "rounded": any(column.rounds for column in mapping.used),
        "no_meter": mapping.lacks_meter,
    }
    kept = [code for code in notes if is_true.get(code, False)]
    added = [code for code in ("interval_energy", "no_meter") if is_true[code]]
    return list(dict.fromkeys([*kept, *added]))


def reason(exception: AnyMapping[str, Any]) -> str:
    """The sentence for a listed line."""
    said = {"text": exception.get("text", ""), "column": exception.get("column", "")}
    sentence = REASONS[exception["code"]]
    return _(sentence) % said


def note(code: str) -> str:
    """The sentence for something that detection was unsure of."""
    sentence = NOTES[code]
    return _(sentence)
