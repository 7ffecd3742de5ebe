"""The one door for readings: the edge, imports and drivers all come through here.

A submission is what one sender said, checked and encoded. Storing it is a COPY per month and one
`Touched` row per meter and quarter-hour, in one transaction. When a row is already there the
database function `meters_store_or_report` stores what is new, be it a reading or a quantity that
its instant had not said yet, and says of every other item whether it is a duplicate (same values)
or a conflict (the first is kept). So the same submission may be sent any number of times.
"""

from __future__ import annotations

import array
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

import msgspec
import psycopg
from django.db import connections, transaction
from django.utils.translation import gettext_noop as _

from meters.errors import BadReadings, StorageUnavailable, Unprocessable
from meters.events import readings_stored
from meters.models.quantities import INSTANTS
from meters.services.bodies import Said
from meters.services.copying import (
    Encoded,
    copy_readings,
    encode,
    from_us,
    stream,
)
from meters.services.samples import EPOCH, MICROSECOND, Samples

OLDEST: Final = timedelta(days=5 * 365 + 1)
NEWEST: Final = timedelta(hours=1)
# Clocks that were never set begin in 1970 (Unix), 1980 (GPS, FAT) or 2000 (most clock chips).
CLOCKS_BEGIN: Final = datetime(2001, 1, 1, tzinfo=UTC)
INGEST: Final = "ingest"
REPORT_ROWS: Final = 5_000
MAKE_PARTITION: Final = "SELECT meters_make_partition(%s)"
STORE_OR_REPORT: Final = "SELECT item, outcome FROM meters_store_or_report(%s)"
QUARANTINE: Final = "SELECT meters_quarantine(%s)"
INSERT_TOUCHED: Final = (
    "INSERT INTO meters_touched (tenant_id, meter_id, quarter_at) "
    "SELECT tenant_id, meter_id, '2000-01-01 00:00+00'::timestamptz + quarter * interval '15 min' "
    "FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[]) AS t (tenant_id, meter_id, quarter)"
)
_UNSET_US: Final = (CLOCKS_BEGIN - EPOCH) // MICROSECOND


# Why a reading waits, and what to do; said to whoever sent it.
WAITS: Final = {
    "clock_unset": _(
        "Item %(item)s waits in quarantine: the device's clock was never set. Set it, for example "
        "by /api/v1/time, and give the reading its right time in the quarantine."
    ),
    "too_old": _(
        "Item %(item)s waits in quarantine: it is more than five years old. Check the device's "
        "clock; if the time is right, release the reading there."
    ),
    "in_future": _(
        "Item %(item)s waits in quarantine: its time is more than an hour ahead of ours. Check the "
        "device's clock and time zone, and give the reading its right time in the quarantine."
    ),
    "ambiguous_time": _(
        "Item %(item)s waits in quarantine: this local time happened twice. Send times with their "
        "offset, and say in the quarantine which was meant."
    ),
    "no_such_time": _(
        "Item %(item)s waits in quarantine: this local time never happened. Send times with their "
        "offset, and give the reading its right time in the quarantine."
    ),
}


class ItemOutcome(msgspec.Struct, frozen=True, omit_defaults=True):
    """What became of an item that was not simply accepted. A `rejected` one that could be read is
    in quarantine; one that could not be has a `field`. `detail` is a sentence about either."""

    item: int
    outcome: str
    code: str = ""
    field: str = ""
    detail: str = ""


class Answer(msgspec.Struct, frozen=True):
    """What became of a submission. Items that are not listed were accepted."""

    accepted: int
    duplicates: int = 0
    conflicts: int = 0
    rejected: int = 0
    items: list[ItemOutcome] = []


@dataclass(frozen=True, slots=True)
class Submission:
    """One sender's readings, ready to store. `kept` are the places in what was sent.

    `refused` items wait in quarantine, `faults` were not understood, `alike` are part of the
    reading of an earlier item.
    """

    tenant_id: int
    meter_ids: Sequence[int]
    samples: Samples
    kept: Sequence[int]
    encoded: Encoded
    refused: dict[int, str] = field(default_factory=dict)
    quarantine: list[dict[str, Any]] = field(default_factory=list)
    faults: dict[int, BadReadings] = field(default_factory=dict)
    alike: dict[int, int] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.kept)

    def refuse_faults(self, *, strictly: bool) -> None:
        """Raise the first fault when nothing was understood, or `strictly` when there is one."""
        if self.faults and (strictly or not (self.kept or self.refused)):
            raise self.faults[min(self.faults)]


def prepare(tenant_id: int, meters: Mapping[str, int], said: Said, *, now: datetime) -> Submission:
    """Match the readings with the sender's meters and set impossible times apart."""
    samples, faults = said.samples, dict(said.faults)
    meter_ids = _meter_ids(meters, samples.meters)
    if None in meter_ids:
        known = [row for row, meter_id in enumerate(meter_ids) if meter_id is not None]
        for row, meter_id in enumerate(meter_ids):
            if meter_id is None:
                _refuse_meter(said, row, samples.meters[row], faults)
        said = _only(said, known, faults)
        samples, meter_ids = said.samples, [meter_ids[row] for row in known]
    ids: Any = meter_ids  # none of them is None any more
    oldest, newest = (now - OLDEST - EPOCH) // MICROSECOND, (now + NEWEST - EPOCH) // MICROSECOND
    instants = samples.instants_us
    if not instants:
        return Submission(tenant_id, ids, samples, [], Encoded(), faults=faults)
    if min(instants) >= oldest and max(instants) <= newest and not said.doubts:
        encoded = encode(tenant_id, ids, samples)
        return Submission(
            tenant_id, ids, samples, said.items, encoded, faults=faults, alike=said.alike
        )
    reasons = {
        row: reason
        for row, at in enumerate(instants)
        if (reason := _doubt(said, row, at, oldest, newest))
    }
    strange = as_rows(tenant_id, [ids[row] for row in reasons], samples.only(list(reasons)))
    quarantine = [
        row | {"reason": reason} for row, reason in zip(strange, reasons.values(), strict=True)
    ]
    refused = {said.items[row]: reason for row, reason in reasons.items()}
    refused |= {item: refused[of] for item, of in said.alike.items() if of in refused}
    kept = [row for row in range(len(instants)) if row not in reasons]
    possible, kept_ids = samples.only(kept), [ids[row] for row in kept]
    return Submission(
        tenant_id,
        kept_ids,
        possible,
        [said.items[row] for row in kept],
        encode(tenant_id, kept_ids, possible) if kept else Encoded(),
        refused,
        quarantine,
        faults,
        {item: of for item, of in said.alike.items() if of not in refused},
    )


def _doubt(said: Said, row: int, at: int, oldest: int, newest: int) -> str:
    if at < _UNSET_US:
        return "clock_unset"
    if at < oldest:
        return "too_old"
    return "in_future" if at > newest else said.doubts.get(row, "")


def _refuse_meter(said: Said, row: int, name: str | None, faults: dict[int, BadReadings]) -> None:
    item = said.items[row]
    for number in (item, *(other for other, of in said.alike.items() if of == item)):
        faults[number] = _unknown_meter(number, name)


def _only(said: Said, rows: Sequence[int], faults: Mapping[int, BadReadings]) -> Said:
    """What was said in these rows alone."""
    return Said(
        said.samples.only(rows),
        [said.items[row] for row in rows],
        alike={item: of for item, of in said.alike.items() if item not in faults},
        doubts={place: said.doubts[row] for place, row in enumerate(rows) if row in said.doubts},
    )


# Writes down what became of a submission in the transaction that stores it; None: all was new.
Note = Callable[[Any, Sequence[str] | None], None]


def store_readings(
    tenant_id: int,
    meters: Mapping[str, int],
    samples: Samples,
    *,
    now: datetime,
    note: Note | None = None,
) -> Answer:
    """Keep what meters said. Storing the same readings twice keeps them once.

    `meters` maps the names used in the samples (serial, public id) to meters of this tenant. It
    commits on its own, through the ingest role: a caller's rollback does not take readings back.
    Raises Unprocessable (a meter is not among them; nothing stored) and StorageUnavailable (send
    again).
    """
    submission = prepare(tenant_id, meters, Said.of(samples), now=now)
    submission.refuse_faults(strictly=True)
    try:
        outcomes = _store(submission, note)
    except psycopg.OperationalError as error:
        connections[INGEST].close()
        raise StorageUnavailable("the database did not answer") from error
    readings_stored.announce(tenant_id=tenant_id)
    return answer(submission, outcomes)


def answer(
    submission: Submission,
    outcomes: Sequence[str] | None,
    write: Callable[[BadReadings], str] = str,
) -> Answer:
    """Count the outcomes of a submission; None says that every row was new. `write` gives a
    fault's sentence in the sender's language."""
    said = submission
    listed = [
        ItemOutcome(item, "rejected", reason, detail=write(_waiting(item, reason)))
        for item, reason in said.refused.items()
    ]
    listed += [
        ItemOutcome(
            item,
            "rejected",
            fault.error_code,
            str(fault.facts.get("field", "")),
            write(fault),
        )
        for item, fault in said.faults.items()
    ]
    rejected = len(said.refused) + len(said.faults)
    if outcomes is None:
        listed.sort(key=lambda outcome: outcome.item)
        return Answer(len(said) + len(said.alike), rejected=rejected, items=listed)
    became = list(zip(said.kept, outcomes, strict=True))
    if said.alike:
        of_item = dict(became)
        became += [(item, of_item[of]) for item, of in said.alike.items()]
    counted = Counter(outcome for _item, outcome in became)
    listed += [ItemOutcome(item, outcome) for item, outcome in became if outcome != "accepted"]
    listed.sort(key=lambda outcome: outcome.item)
    return Answer(
        accepted=counted["accepted"],
        duplicates=counted["duplicate"],
        conflicts=counted["conflict"],
        rejected=rejected,
        items=listed,
    )


def _waiting(item: int, reason: str) -> BadReadings:
    return Unprocessable(WAITS[reason], code=reason, item=item)


def touched_columns(encoded: Encoded) -> tuple[list[int], list[int], list[int]]:
    """Parameters of INSERT_TOUCHED."""
    rows = sorted(encoded.touched)
    return [row[0] for row in rows], [row[1] for row in rows], [row[2] for row in rows]


def as_rows(tenant_id: int, meter_ids: Sequence[int], samples: Samples) -> list[dict[str, Any]]:
    """Rows by name for the database's functions, with instants as the four bytes they become."""
    columns: dict[str, Sequence[Any]] = {}
    for place, name in enumerate(samples.spoken):
        column = samples.column(place)
        columns[name] = _as_real(column) if name in INSTANTS else column
    rows = zip(*columns.values(), strict=True)
    return [
        {"tenant_id": tenant_id, "meter_id": meter_id, "measured_at": from_us(at)}
        | {name: value for name, value in zip(columns, row, strict=True) if value is not None}
        for meter_id, at, row in zip(meter_ids, samples.instants_us, rows, strict=True)
    ]


def in_reports(rows: list[dict[str, Any]]) -> list[str]:
    """Rows as parameters of STORE_OR_REPORT, a bounded number in each."""
    return [
        msgspec.json.encode(rows[start : start + REPORT_ROWS]).decode()
        for start in range(0, len(rows), REPORT_ROWS)
    ]


def _as_real(column: Sequence[float | None]) -> list[float | None]:
    """The values that a `real` column will hold, so that "same value" means the same to both."""
    real = array.array("f", [value or 0.0 for value in column]).tolist()
    return [None if said is None else kept for said, kept in zip(column, real, strict=True)]


def _meter_ids(meters: Mapping[str, int], names: Sequence[str | None]) -> Sequence[int | None]:
    """The meter of each name; None where it is not the sender's."""
    try:
        return [meters[name] for name in names]  # type: ignore[index]  # None is caught below
    except KeyError:
        only = next(iter(meters.values())) if len(set(meters.values())) == 1 else None
        return [only if name is None else meters.get(name) for name in names]


def _unknown_meter(item: int, name: str | None) -> Unprocessable:
    if name is None:
        return Unprocessable(
            _("Item %(item)s: say which “meter”; this key reports more than one, or none."),
            code="meter_missing",
            item=item,
            field="meter",
        )
    return Unprocessable(
        _("Item %(item)s: this key does not report a meter called “%(name)s”."),
        code="unknown_meter",
        item=item,
        field="meter",
        name=name[:64],
    )


def _store(submission: Submission, note: Note | None = None) -> list[str] | None:
    with connections[INGEST].cursor() as cursor:
        if submission.quarantine:
            cursor.execute(QUARANTINE, [msgspec.json.encode(submission.quarantine).decode()])
        if not len(submission):
            return None
        _make_partitions(cursor, submission.encoded.rows)
        try:
            with transaction.atomic(using=INGEST):
                for month, parts in submission.encoded.rows.items():
                    with cursor.copy(copy_readings(month)) as copy:
                        copy.write(stream(parts))
                cursor.execute(INSERT_TOUCHED, touched_columns(submission.encoded))
                if note is not None:
                    note(cursor, None)
        except psycopg.errors.UniqueViolation:
            pass
        else:
            return None
        rows = as_rows(submission.tenant_id, submission.meter_ids, submission.samples)
        outcomes: list[str] = []
        with transaction.atomic(using=INGEST):
            for report in in_reports(rows):
                cursor.execute(STORE_OR_REPORT, [report])
                outcomes += [outcome for _item, outcome in sorted(cursor.fetchall())]
            if note is not None:
                note(cursor, outcomes)
        return outcomes


def _make_partitions(cursor: Any, months: Mapping[date, Any]) -> None:
    for month in months:
        cursor.execute(MAKE_PARTITION, [month])
