"""How much business there is, over all tenants: counts and sums without names."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Final

from django.db import connection

FRESH_S: Final = 30.0


@dataclass(frozen=True, slots=True)
class BusinessFigure:
    """A number of rows or cents in one state."""

    name: str
    about: str
    state: str
    value: float


ABOUT: Final = {
    "clients": "Clients of all companies, by state.",
    "meters": "Meters of all companies, by state.",
    "invoices": "Invoices of all companies, by state.",
    "held_invoices": "Invoices that waited for a decision, by decision.",
    "payments": "Payments of all companies, by how they came.",
    "messages": "Messages of all companies, by state.",
}
_known: tuple[float, list[BusinessFigure]] = (float("-inf"), [])


def business_figures() -> list[BusinessFigure]:
    """The figures, at most 30 s old, so that scraping often costs nothing."""
    global _known
    asked_at, figures = _known
    if time.monotonic() - asked_at > FRESH_S:
        figures = _ask()
        _known = (time.monotonic(), figures)
    return figures


def _ask() -> list[BusinessFigure]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT name, state, value FROM business_figures()")
        return [
            BusinessFigure(name, ABOUT.get(name, name), state, float(value))
            for name, state, value in cursor.fetchall()
        ]
