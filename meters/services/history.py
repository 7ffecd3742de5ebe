"""Fills a gap from what the device itself remembers.

A device remembers what it counted in each minute; we know its register before the gap and after it.
Register at the end of a minute = register before + what was counted since. What the minutes say
together and what the register says differ a little (the minutes at both ends are cut, values are
rounded): the difference is spread over the last stretch in proportion. If it is more than a
tenth, or the register fell, nothing is stored: the gap is then what it was, an estimate.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.utils import timezone

from clients.kernel.errors import Permanent, Retryable
from clients.kernel.leases import Lease, bury, done, lease, lease_one, postpone
from clients.kernel.tenancy import acting_for
from meters.drivers.base import Target
from meters.drivers.shelly_history import Minute, ShellyHistory
from meters.models import Connection, HistoryGap, Reading
from meters.services.claims import target_of
from meters.services.ingest import store_readings
from meters.services.samples import samples_of

logger = logging.getLogger(__name__)

HELD: Final = timedelta(minutes=8)
STRETCH: Final = timedelta(hours=12)  # asked for and stored together
TOGETHER: Final = 20
TRIES_AGAIN: Final = (timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=30))
NOT_STORED_YET: Final = timedelta(seconds=15)
MAY_DIFFER: Final = 0.1
ROUNDING_WH: Final = 5.0
APART: Final = timedelta(microseconds=7)  # from what is said live at the full minute
REGISTERS: Final = ("energy_import_wh", "energy_export_wh")


class Disagreement(Permanent):
    """What the device remembers does not fit the register."""


@dataclass(frozen=True, slots=True)
class _Known:
    at: datetime
    import_wh: int
    export_wh: int | None


def fill_due(limit: int = TOGETHER) -> int:
    """Work on the gaps that are due, of any tenant; their number."""
    held = lease(HistoryGap, limit, HELD)
    for each in held:
        _fill(each)
    return len(held)


def fill(tenant_id: int, gap_id: int) -> bool:
    """Work on this gap, if it is due. Safe to call twice."""
    held = lease_one(HistoryGap, tenant_id, gap_id, HELD)
    if held is not None:
        _fill(held)
    return held is not None


def _fill(held: Lease) -> None:
    with acting_for(held.tenant_id):
        gap = HistoryGap.objects.select_related("connection__meter").filter(pk=held.id).first()
        if gap is None:
            return
        target = target_of(gap.connection)
        known = _register(gap.connection, gap.ends_at)
    if known is None:  # the reading that ended the gap is being stored
        _postpone(held, NOT_STORED_YET, "not_stored_yet")
        return
    try:
        recovered = _fill_stretches(held, gap, target)
    except Retryable as error:
        waits = TRIES_AGAIN[min(held.attempt, len(TRIES_AGAIN)) - 1]
        _postpone(held, waits, getattr(error, "error_code", "") or getattr(error, "code", "retry"))
    except Permanent as error:
        code = getattr(error, "error_code", "") or getattr(error, "code", "refused")
        with acting_for(held.tenant_id):
            bury(HistoryGap, held, code)
        logger.warning("history not recovered", extra={"gap_id": held.id, "error_code": code})
    else:
        logger.info("history recovered", extra={"gap_id": held.id, "readings": recovered})


def _fill_stretches(held: Lease, gap: HistoryGap, target: Target) -> int:
    """Ask for one stretch after the other; each is stored before the next is asked for."""
    device = ShellyHistory(target)
    recovered = 0
    at = gap.asked_until or gap.starts_at
    while at < gap.ends_at:
        until = min(at + STRETCH, gap.ends_at)
        minutes = device.minutes(at, until)
        with acting_for(held.tenant_id):
            before = _register(gap.connection, at, or_before=True)
            after = _register(gap.connection, gap.ends_at)
        if before is None or after is None:
            raise Disagreement("no register")
        rows = rows_of(minutes, before, after, is_last=until == gap.ends_at)
        recovered += _store(gap, rows)
        at = until
        with acting_for(held.tenant_id):
            HistoryGap.objects.filter(pk=gap.pk).update(
                asked_until=at, recovered=gap.recovered + recovered
            )
    with acting_for(held.tenant_id):
        done(HistoryGap, held)
    return recovered


def rows_of(
    minutes: Sequence[Minute], before: _Known, after: _Known, *, is_last: bool
) -> list[dict[str, Any]]:
    """The register at the end of each whole minute in between. Raises Disagreement."""
    end = after.at if is_last else max((minute.ends_at for minute in minutes), default=after.at)
    taken = _running(minutes, before.at, end, lambda minute: minute.import_wh)
    given = _running(minutes, before.at, end, lambda minute: minute.export_wh)
    exports = None
    imports = _fitted(taken, before.import_wh, after.import_wh, is_last)
    if before.export_wh is not None and after.export_wh is not None:
        exports = _fitted(given, before.export_wh, after.export_wh, is_last)
    rows = []
    for place, minute in enumerate(minutes):
        if not before.at < minute.ends_at < end - APART:
            continue
        hours = minute.period.total_seconds() / 3600
        row = {
            "meter": "it",
            "measured_at": minute.ends_at + APART,
            "energy_import_wh": imports[place],
            "power_w": (minute.import_wh - minute.export_wh) / hours,
            **minute.means,
            "extra": {"history": True},
        }
        if exports is not None:
            row["energy_export_wh"] = exports[place]
        rows.append(row)
    return rows


def _running(
    minutes: Sequence[Minute], since: datetime, until: datetime, energy: Callable[[Minute], float]
) -> list[float]:
    """What was counted from `since` to the end of each minute; of cut minutes their part."""
    total, running = 0.0, []
    for minute in minutes:
        inside = min(minute.ends_at, until) - max(minute.starts_at, since)
        total += energy(minute) * max(inside / minute.period, 0.0)
        running.append(total)
    return running


def _fitted(running: Sequence[float], first: int, last: int, is_last: bool) -> list[int]:
    counted, known = (running[-1] if running else 0.0), last - first
    if known < 0:
        raise Disagreement("the register fell")
    if counted > known * (1 + MAY_DIFFER) + ROUNDING_WH:
        raise Disagreement("more was counted than the register says")
    if not is_last:
        return [min(first + round(each), last) for each in running]
    if running and counted < known * (1 - MAY_DIFFER) - ROUNDING_WH:
        raise Disagreement("less was counted than the register says")
    scale = known / counted if counted else 0.0
    return [first + round(each * scale) for each in running]


def _register(connection: Connection, at: datetime, *, or_before: bool = False) -> _Known | None:
    known = Reading.objects.filter(meter_id=connection.meter_id, energy_import_wh__isnull=False)
    known = known.filter(measured_at__lte=at) if or_before else known.filter(measured_at=at)
    row = known.order_by("-measured_at").values_list("measured_at", *REGISTERS).first()
    return None if row is None else _Known(*row)


def _store(gap: HistoryGap, rows: Sequence[dict[str, Any]]) -> int:
    if not rows:
        return 0
    meters = {"it": gap.connection.meter_id}
    return store_readings(gap.tenant_id, meters, samples_of(rows), now=timezone.now()).accepted


def _postpone(held: Lease, delay: timedelta, error: str) -> None:
    with acting_for(held.tenant_id):
        postpone(HistoryGap, held, delay, error)
