"""How the clocks of meters compare with ours, and what waits because of them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.db.models import Count, Min

from meters.models import Conflict, Handling, MeterClock, Quarantine, Reading
from meters.models.quantities import INSTANTS, NAMES, shortest

FLAGGED_FOR: Final = timedelta(days=1)  # after the last impossible time
STATES: Final = ("right", "ahead", "behind", "wrong")
AHEAD_S: Final = -120.0
BEHIND_S: Final = 900.0  # longer than any sender ought to keep a reading back


@dataclass(frozen=True, slots=True)
class Clock:
    """A meter's clock: `state` is right, ahead, behind or wrong; `skew_s` is ours minus its own."""

    meter_id: int
    state: str
    skew_s: float | None
    wrong_count: int
    wrong_at: datetime | None
    wrong_reason: str


def clocks_of(meter_ids: Collection[int], now: datetime) -> dict[int, Clock]:
    """The clocks about which something is known."""
    rows = MeterClock.objects.filter(meter_id__in=meter_ids)
    return {row.meter_id: clock_of(row, now) for row in rows}


def wrong_clocks(now: datetime) -> dict[int, Clock]:
    """Clocks of the tenant's meters that are not right."""
    clocks = (clock_of(row, now) for row in MeterClock.objects.all())
    return {clock.meter_id: clock for clock in clocks if clock.state != "right"}


def clock_of(row: MeterClock, now: datetime) -> Clock:
    """What the row says now: a flag fades a day after the last impossible time."""
    skew = row.least_lag_s
    is_wrong = row.wrong_at is not None and now - row.wrong_at < FLAGGED_FOR
    state = "right"
    if is_wrong:
        state, skew = "wrong", -(row.wrong_skew_s or 0.0)
    elif skew is not None and row.seen_at and now - row.seen_at < FLAGGED_FOR:
        state = "ahead" if skew < AHEAD_S else "behind" if skew > BEHIND_S else "right"
    return Clock(row.meter_id, state, skew, row.wrong_count, row.wrong_at, row.wrong_reason)


@dataclass(frozen=True, slots=True)
class Waiting:
    """How many readings wait for a decision, of how many meters, since when."""

    readings: int
    meters: int
    since: datetime | None


def waiting_in_quarantine() -> Waiting:
    found = Quarantine.objects.filter(status=Handling.WAITING).aggregate(
        readings=Count("id"), meters=Count("meter_id", distinct=True), since=Min("received_at")
    )
    return Waiting(**found)


@dataclass(frozen=True, slots=True)
class Difference:
    """A quantity of which two values were said for one instant."""

    quantity: str
    kept: Any
    said: Any


def differences(rows: Collection[Conflict]) -> dict[int, list[Difference]]:
    """By conflict: what was kept and what the second reading said, where they differ."""
    kept: dict[tuple[int, datetime], Reading] = {}
    if rows:
        found = Reading.objects.filter(
            meter_id__in={row.meter_id for row in rows},
            measured_at__in={row.measured_at for row in rows},
            measured_at__gte=min(row.measured_at for row in rows),
            measured_at__lte=max(row.measured_at for row in rows),
        )
        kept = {(reading.meter_id, reading.measured_at): reading for reading in found}
    return {
        row.pk: _differing(row.reading, kept.get((row.meter_id, row.measured_at))) for row in rows
    }


def _differing(said: dict[str, Any], kept: Reading | None) -> list[Difference]:
    return [
        Difference(name, known, value)
        for name in (*NAMES, "extra")
        if (value := spoken(name, said.get(name))) is not None
        and value != (known := spoken(name, getattr(kept, name, None)))
    ]


def values_in(reading: dict[str, Any]) -> dict[str, Any]:
    """What a reading that was set apart says, without whose it is."""
    said = ((name, spoken(name, reading.get(name))) for name in (*NAMES, "extra"))
    return {name: value for name, value in said if value is not None}


def spoken(name: str, value: Any) -> Any:
    """The value as it was said: one of four bytes with no more digits than those hold."""
    return shortest(value) if name in INSTANTS and value is not None else value
