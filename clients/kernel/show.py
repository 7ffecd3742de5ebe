"""How amounts look to people, in Portuguese and in English; `show.js` says the same.

Instants and days are in `when`, people's numbers in `people`.
"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from typing import Final

from django.utils.translation import get_language

NBSP: Final = "\u00a0"
MINUS: Final = "\u2212"
THOUSAND: Final[int] = 1000
NEAR: Final = 100  # below it a figure after the comma still says something
SYMBOLS: Final = {"BRL": "R$", "USD": "US$", "EUR": "€", "GBP": "£"}
Number = int | float | Decimal


def language() -> str:
    """`pt` or `en`: the two languages that pages speak."""
    return "en" if (get_language() or "pt").startswith("en") else "pt"


def number(value: Number, places: int = 0) -> str:
    """A number in the reader's separators, rounded half up, with a real minus sign."""
    exact = Decimal(str(value)).quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)
    text = f"{abs(exact):,f}"
    if language() == "pt":
        text = text.translate(str.maketrans(",.", ".,"))
    return (MINUS if exact < 0 else "") + text


def any_number(value: float) -> str:
    """Six digits of a number that may be anything: `230,2`, `1,5e+15`."""
    text = f"{value:.6g}".replace("-", MINUS, int(value < 0))
    return text.replace(".", ",") if language() == "pt" else text


def money(cents: int, currency: str = "BRL") -> str:
    """`R$ 1.234,56` from integer cents; `−R$ 12,00` below zero."""
    sign, amount = MINUS if cents < 0 else "", Decimal(abs(cents)) / 100
    return f"{sign}{SYMBOLS.get(currency, currency)}{NBSP}{number(amount, 2)}"


def price(value: Decimal, currency: str = "BRL") -> str:
    """A unit price with all its digits, and never fewer than two: `R$ 0,91847`."""
    exact = value.normalize()
    places = max(2, -int(exact.as_tuple().exponent))
    return f"{SYMBOLS.get(currency, currency)}{NBSP}{number(exact, places)}"


def percent(share: Number, places: int = 0) -> str:
    """`93%` from 0.93."""
    return number(Decimal(str(share)) * 100, places) + "%"


def measure(value: Number, unit: str, places: int = 0) -> str:
    """`240,1 V`: the unit never parts from its number."""
    return f"{number(value, places)}{NBSP}{unit}"


def _in_thousands(value: Number, small: str, large: str) -> str:
    exact = Decimal(str(value))
    if abs(exact) < THOUSAND:
        return measure(exact, small)
    return measure(exact / THOUSAND, large, 2)


def energy(wh: Number, *, exact: bool = False) -> str:
    """Energy from Wh: `26,1 kWh`, `612 kWh`, `1,4 MWh`; `exact` as on a bill: `26,09 kWh`."""
    kwh = Decimal(str(wh)) / THOUSAND
    if exact:
        return measure(kwh, "kWh", 2)
    if abs(kwh) >= THOUSAND:
        return measure(kwh / THOUSAND, "MWh", 1)
    return measure(kwh, "kWh", 0 if abs(kwh) >= NEAR or kwh == 0 else 1)


def power(watts: Number) -> str:
    """`226 W` below one kilowatt, `5,45 kW` from there on."""
    return _in_thousands(watts, "W", "kW")


def volume(litres: Number) -> str:
    """`850 L` below one cubic metre, `12,35 m³` from there on."""
    return _in_thousands(litres, "L", "m³")
