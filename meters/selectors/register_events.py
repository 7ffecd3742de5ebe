"""What a person reads about an event: its values with units, and what was used across it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from django.db.models import QuerySet

from clients.kernel import show
from meters.models import EventState, Meter, RegisterEvent
from meters.selectors.places import with_serving

SMALLER: Final = 1_000  # Wh in a kWh, varh in a kvarh, litres in a m³


def to_check() -> QuerySet[RegisterEvent]:
    """Events that nobody has confirmed or corrected."""
    return RegisterEvent.objects.filter(state=EventState.DETECTED)


def to_check_of(meter: Meter) -> int | None:
    """How many of the meter's wait; None rather than nought."""
    return to_check().filter(meter=meter).count() or None


def with_place(rows: QuerySet[RegisterEvent]) -> QuerySet[Any]:
    """The same rows, each meter with `serving`: the point, site and client it serves now."""
    return rows.select_related("meter").prefetch_related(with_serving())


def measure(register: str, amount: Decimal | int | None) -> str:
    """A register's value as people read it: `1.234,567 kWh`."""
    if amount is None:
        return "—"
    return show.measure(Decimal(amount) / SMALLER, unit_of_register(register), 3)


def unit_of_register(register: str) -> str:
    """The unit in which a register counts for people: a thousand of its own."""
    return "m³" if register == "volume_l" else "kvarh" if register.endswith("_varh") else "kWh"


def used_in(event: RegisterEvent) -> Decimal | None:
    """What counts as used between the readings before and after, in the register's unit."""
    if event.offset is None or event.value_before is None or event.value_after is None:
        return None
    used = event.value_after * (event.factor or 1) + event.offset - event.value_before
    return max(Decimal(used), Decimal(0))
