"""What a person decides about readings that were set apart: store, discard, or take note."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, Final

from django.utils.translation import gettext as _

from clients.kernel.tenancy import actor_label
from meters.errors import AlreadyDecided, Doubtful, StillImpossible
from meters.models import (
    Conflict,
    Disregarded,
    Handling,
    Meter,
    MeterClock,
    Quarantine,
    Reading,
)
from meters.models.reading import SetApart, moment
from meters.selectors.register_events import measure
from meters.services.ingest import NEWEST, OLDEST, Answer, store_readings
from meters.services.meter_facts import MAIN_REGISTERS
from meters.services.samples import samples_of

AT_ONCE: Final = 5_000


@dataclass(frozen=True, slots=True)
class Released:
    """How many readings went in, and what became of them."""

    count: int
    answer: Answer


def release(
    row: Quarantine, *, measured_at: datetime, now: datetime, anyway: bool = False
) -> Released:
    """Store the reading as of another instant. Said again it changes nothing but its mark.

    Raises AlreadyDecided, StillImpossible, and Doubtful when a register would fall, unless
    `anyway`.
    """
    return _release([row], measured_at - row.measured_at, now, anyway)


def release_stretch(
    row: Quarantine, *, measured_at: datetime, now: datetime, anyway: bool = False
) -> Released:
    """The same for every waiting reading of the meter with the same reason, moved as far.

    A clock that was never set counts on from a wrong beginning: one shift is right for all.
    """
    waiting = Quarantine.objects.filter(
        meter_id=row.meter_id, reason=row.reason, status=Handling.WAITING
    ).order_by("measured_at", "id")
    rows = list(waiting[:AT_ONCE]) or [row]
    return _release(rows, measured_at - row.measured_at, now, anyway)


def discard(row: Quarantine, *, reason: str, now: datetime) -> None:
    """Leave the reading where it is, for good, and say why."""
    _decide([row], Handling.DISCARDED, now, note=reason)


def acknowledge(row: Conflict, *, note: str = "", now: datetime) -> None:
    """Note that somebody has seen the contradiction. The first reading goes on to count."""
    _decide([row], Handling.ACKNOWLEDGED, now, note=note)


def clock_is_right(meter: Meter) -> None:
    """Take the flag from a meter whose clock was put right."""
    MeterClock.objects.filter(meter=meter).update(
        wrong_count=0, wrong_at=None, wrong_reason="", wrong_skew_s=None
    )


def _release(rows: Sequence[Quarantine], shift: timedelta, now: datetime, anyway: bool) -> Released:
    _refuse_decided(rows)
    moved = [row.measured_at + shift for row in rows]
    if not now - OLDEST <= min(moved) <= max(moved) <= now + NEWEST:
        raise StillImpossible(
            _("With this time too the reading would be from the future or five years old.")
        )
    if not anyway:
        _refuse_falls(rows, moved)
    serial = rows[0].meter.serial
    said = samples_of(
        {**_without_time(row.reading), "meter": serial, "measured_at": at}
        for row, at in zip(rows, moved, strict=True)
    )
    answer = store_readings(rows[0].tenant_id, {serial: rows[0].meter_id}, said, now=now)
    for row, at in zip(rows, moved, strict=True):
        row.stored_as = at
    _decide(rows, Handling.RELEASED, now)
    return Released(len(rows), answer)


def _refuse_falls(rows: Sequence[Quarantine], moved: Sequence[datetime]) -> None:
    """Raises Doubtful where a register would be lower than before, or higher than afterwards."""
    for register in MAIN_REGISTERS.values():
        said = [
            (at, row.reading[register], True)
            for row, at in zip(rows, moved, strict=True)
            if isinstance(row.reading.get(register), int)
        ]
        if not said:
            continue
        first, last = min(said)[0], max(said)[0]
        known = [(at, value, False) for at, value in _around(rows[0], register, first, last)]
        for before, after in pairwise(sorted([*known, *said])):
            if after[1] < before[1] and (before[2] or after[2]) and before[0] < after[0]:
                raise Doubtful(
                    _(
                        "The register would fall: %(before)s at %(then)s, %(after)s at %(time)s. "
                        "Tick to store it anyway."
                    )
                    % {
                        "before": measure(register, before[1]),
                        "then": moment(before[0]),
                        "after": measure(register, after[1]),
                        "time": moment(after[0]),
                    }
                )


def _around(
    row: Quarantine, register: str, first: datetime, last: datetime
) -> list[tuple[datetime, int]]:
    """The register's readings from the one before to the one after, those left out aside."""
    left_out = Disregarded.objects.filter(meter=row.meter_id)
    readings = Reading.objects.filter(meter_id=row.meter_id, **{f"{register}__isnull": False})
    values = readings.exclude(measured_at__in=left_out.values("measured_at")).values_list(
        "measured_at", register
    )
    return [
        *values.filter(measured_at__lt=first).order_by("-measured_at")[:1],
        *values.filter(measured_at__gte=first, measured_at__lte=last)[:AT_ONCE],
        *values.filter(measured_at__gt=last).order_by("measured_at")[:1],
    ]


def _without_time(reading: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in reading.items() if name != "measured_at"}


def _refuse_decided(rows: Sequence[SetApart]) -> None:
    if any(row.status != Handling.WAITING for row in rows):
        raise AlreadyDecided(_("This was decided before."))


def _decide(rows: Sequence[Any], status: Handling, now: datetime, *, note: str = "") -> None:
    _refuse_decided(rows)
    for row in rows:
        row.status, row.handled_at, row.note = status, now, note
        row.handled_by = actor_label()[:120]
    model: Any = type(rows[0])
    fields = ["status", "handled_at", "handled_by", "note"]
    fields += ["stored_as"] if status == Handling.RELEASED else []
    model.objects.bulk_update(rows, fields, batch_size=500)
