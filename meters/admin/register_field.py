"""A register's value as a person types it: in the unit that the register shows, kWh or m³."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any, Final

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminTextInputWidget

from clients.kernel import show
from meters.models import MeterKind

SMALLER: Final = 3  # digits of the base unit after the comma: 1 kWh is 1,000 Wh, 1 m³ is 1,000 L
LARGEST: Final = 10**15
UNITS: Final = {MeterKind.WATER: "m³"}


def unit_shown(kind: str) -> str:
    """The unit in which the register of such a meter counts for people."""
    return UNITS.get(MeterKind(kind), "kWh")


def unit_of_register(register: str) -> str:
    """The same for a register by its name."""
    return "m³" if register == "volume_l" else "kvarh" if register.endswith("_varh") else "kWh"


def parse_register(text: str) -> int:
    """Wh or L from kWh or m³: `1.234,5`, `1234,567`, `1234.5`; raises ValueError.

    Where one mark and three digits could be thousands or decimals, the reader's language says
    which: `1.234` is 1234 kWh in Portuguese and 1.234 kWh in English.
    """
    plain = re.sub(r"\s|kvarh|kwh|m³|m3", "", text.lower())
    marks = ((",", "."), (".", ","))
    for mark, group in marks if show.language() == "pt" else reversed(marks):
        whole = rf"(\d+|[1-9]\d{{0,2}}(?:{re.escape(group)}\d{{3}})+)"
        found = re.fullmatch(rf"{whole}(?:{re.escape(mark)}(\d{{1,{SMALLER}}}))?", plain, re.ASCII)
        if found:
            units = int(found[1].replace(group, ""))
            return units * 10**SMALLER + int((found[2] or "").ljust(SMALLER, "0"))
    raise ValueError(text)


class RegisterField(forms.CharField):
    """Cleaned to whole Wh or L; None when nothing was typed. `name_unit` puts the unit beside."""

    def __init__(self, **kwargs: Any) -> None:  # Any: CharField's own
        attrs = {"inputmode": "decimal", "autocomplete": "off"}
        kwargs.setdefault("widget", UnfoldAdminTextInputWidget(attrs=attrs))
        kwargs.setdefault("help_text", gettext_lazy("As the register shows it. Empty if unknown."))
        kwargs.setdefault("required", False)
        super().__init__(**kwargs)

    def name_unit(self, unit: str) -> None:
        """Say in the label in which unit is asked."""
        self.label = f"{self.label} ({unit})"

    def to_python(self, value: object) -> Any:  # Any: a whole number, where CharField says text
        if value in self.empty_values:
            return None
        try:
            amount = parse_register(str(value))
        except ValueError:
            message = _("Write the reading like %(example)s.") % {"example": show.number(1234.5, 1)}
            raise ValidationError(message, code="not_a_reading") from None
        if amount > LARGEST:
            raise ValidationError(_("No register shows so much."), code="too_large")
        return amount


def written(amount: int | None, unit: str) -> str:
    """`1.234,5 kWh`: how a reading was understood; a dash without one."""
    if amount is None:
        return "—"
    text = show.number(Decimal(amount) / 10**SMALLER, SMALLER)
    mark = "," if show.language() == "pt" else "."
    return f"{text.rstrip('0').rstrip(mark)}{show.NBSP}{unit}"
