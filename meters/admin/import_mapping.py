"""How a file of readings is read, as a form: one line for each column of the file."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from functools import cached_property
from typing import Any, Final
from zoneinfo import available_timezones

from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from meters.models import Meter, ReadingImport
from meters.models.quantities import NAMES, REGISTERS
from meters.models.quantity_words import heading
from meters.selectors.places import name_of, with_serving
from meters.services.import_units import SPELLED, factor_of, units_of

FORMATS: Final = (
    ("iso", gettext_lazy("2026-01-31 23:59")),
    ("dmy", gettext_lazy("31/01/2026 23:59 (day first)")),
    ("mdy", gettext_lazy("01/31/2026 23:59 (month first)")),
    ("epoch_s", gettext_lazy("Seconds since 1970")),
    ("epoch_ms", gettext_lazy("Milliseconds since 1970")),
    ("serial", gettext_lazy("Excel's number of days")),
)
REPEATED: Final = (
    ("refuse", gettext_lazy("Leave these lines out")),
    ("in_order", gettext_lazy("By the order of the file")),
    ("first", gettext_lazy("The first one (summer time)")),
    ("second", gettext_lazy("The second one")),
)
SAYS: Final = (
    ("register", gettext_lazy("A register that counts up")),
    ("interval", gettext_lazy("The use of each interval")),
    ("instant", gettext_lazy("A value of the moment")),
)
MOST_METERS: Final = 1_000
MINUTE: Final = 60


class MappingView:
    """The mapping as a form of selects, one line for each column of the file."""

    def __init__(self, job: ReadingImport) -> None:
        self.job, self.said = job, job.mapping

    @property
    def formats(self) -> list[tuple[str, Any, bool]]:
        return _choices(FORMATS, self.said["time"]["format"])

    @property
    def repeated(self) -> list[tuple[str, Any, bool]]:
        return _choices(REPEATED, self.said["time"]["repeated_hour"])

    @property
    def zone(self) -> str:
        return str(self.said["time"]["zone"])

    @property
    def is_text(self) -> bool:
        return bool(self.said["kind"] == "csv")

    @property
    def decimals(self) -> list[tuple[str, Any, bool]]:
        return _choices(((",", "1.234,5"), (".", "1,234.5")), self.said["decimal"])

    @property
    def meters(self) -> list[tuple[str, Any, bool]]:
        """The meter to choose, where no column says it."""
        if self.said["meter_column"] is not None:
            return []
        return _choices((("", _("Choose the meter")), *self._known), self.said["meter"])

    @cached_property
    def _known(self) -> list[tuple[str, str]]:
        rows = Meter.objects.filter(is_active=True).prefetch_related(with_serving("installations"))
        listed = rows[:MOST_METERS]
        return [(meter.serial, f"{name_of(meter)} · {meter.serial}") for meter in listed]

    @property
    def zones(self) -> list[str]:
        return sorted(available_timezones())

    @property
    def interval_minutes(self) -> str:
        """`15`, `0.5`: as a field of numbers wants it."""
        seconds = self.said["interval_seconds"]
        return "" if seconds is None else f"{seconds / MINUTE:g}"

    @property
    def stamps(self) -> list[tuple[str, Any, bool]]:
        ends = (("start", _("the start of its interval")), ("end", _("the end of its interval")))
        return _choices(ends, self.said["stamp"])

    @property
    def columns(self) -> list[dict[str, Any]]:
        return [self._column(place, column) for place, column in enumerate(self.said["columns"])]

    def _column(self, place: int, column: dict[str, Any]) -> dict[str, Any]:
        quantity = column["quantity"]
        known = tuple((name, heading(name)) for name in NAMES)
        meter = column.get("meter", "")
        says = (
            (("", _("Say which")), *SAYS) if quantity in REGISTERS and not column["says"] else SAYS
        )
        units = units_of(quantity) if quantity else list(SPELLED)
        return {
            "place": place,
            "name": column["name"] or _("column %(n)d") % {"n": column["column"] + 1},
            "quantities": _choices((("", _("leave out")), *known), quantity),
            "units": _choices(
                (("", _("as it is")), *((unit, SPELLED[unit]) for unit in units)), column["unit"]
            ),
            "says": _choices(says, column["says"]),
            "meters": _choices((("", _("that of the file")), *self._known), meter),
            "rounds": column["rounds"],
            "is_extra": column["says"] == "extra",
            "is_sure": column["is_sure"] or not quantity,
            "may_round": quantity in REGISTERS or not quantity,
        }


def _choices(choices: Any, chosen: str) -> list[tuple[str, Any, bool]]:
    return [(code, text, code == chosen) for code, text in choices]


def mapping_in(said: QueryDict, stored: dict[str, Any]) -> dict[str, Any]:
    """The stored mapping with what the form says; the service checks it."""
    time = {
        **stored["time"],
        "format": said.get("format", stored["time"]["format"]),
        "zone": said.get("zone", "").strip(),
        "repeated_hour": said.get("repeated_hour", stored["time"]["repeated_hour"]),
    }
    return {
        **stored,
        "time": time,
        "decimal": said.get("decimal", stored["decimal"]),
        "meter": said.get("meter", stored["meter"]),
        "stamp": said.get("stamp", stored["stamp"]),
        "interval_seconds": _seconds_in(said.get("interval_minutes", "")),
        "columns": [
            _column_in(said, place, column) for place, column in enumerate(stored["columns"])
        ],
    }


def _seconds_in(text: str) -> int | None:
    """Minutes as people write them, in whole seconds; None for what is no length."""
    try:
        seconds = Decimal(text.strip().replace(",", ".")) * MINUTE
    except InvalidOperation:
        return None
    return int(seconds) if 1 <= seconds < 10**6 else None


def _column_in(said: QueryDict, place: int, column: dict[str, Any]) -> dict[str, Any]:
    if column["says"] == "extra":
        return column
    quantity = said.get(f"quantity-{place}", column["quantity"])
    unit = said.get(f"unit-{place}", column["unit"])
    is_new_unit = unit != column["unit"] and unit in SPELLED
    factor = str(factor_of(unit)) if is_new_unit else column["factor"]
    if unit == "" != column["unit"]:
        factor = "1"
    says = "instant"
    if quantity in REGISTERS:
        says = said.get(f"says-{place}", "")
        says = "" if says == "instant" else says
    return {
        **column,
        "meter": said.get(f"meter-{place}", column.get("meter", "")),
        "quantity": quantity,
        "unit": unit if unit in SPELLED or not unit else column["unit"],
        "factor": factor,
        "says": says,
        "rounds": f"rounds-{place}" in said,
        "is_sure": True,
    }
