"""The one door for readings: the edge, imports and drivers all come through here.

A submission is what one sender said, checked and encoded. Storing it is a COPY per month and one
`Touched` row per meter and quarter-hour, in one transaction. When a row is already there the
database function `meters_store_or_report` stores what is new and says of every other item whether
it is a duplicate (same values) or a conflict (the first is kept). So the same submission may be
sent any number of times.
"""

from __future__ import annotations

import array
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Final

import msgspec
import psycopg
from django.db import connections, transaction
from django.utils.translation import gettext_noop as _

from meters.errors import StorageUnavailable, Unprocessable
from meters.events import readings_stored
from meters.models.quantities import QUANTITIES
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
_INSTANT_NAMES: Final = frozenset(q.name for q in QUANTITIES if q.kind == "instant")


class ItemOutcome(msgspec.Struct, frozen=True, omit_defaults=True):
    """What became of an item that was not simply accepted."""

    item: int
    outcome: str
    code: str = ""


class Answer(msgspec.Struct, frozen=True):
    """What became of a submission. Items that are not listed were accepted."""

    accepted: int
    duplicates: int = 0
    conflicts: int = 0
    rejected: int = 0
    items: list[ItemOutcome] = []


@dataclass(frozen=True, slots=True)
class Submission:
    """One sender's readings, ready to store. `kept` are the places in what was sent."""

    tenant_id: int
    meter_ids: Sequence[int]
    samples: Samples
    kept: Sequence[int]
    encoded: Encoded
    refused: dict[int, str] = field(default_factory=dict)
    quarantine: list[dict[str, Any]] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.kept)


def prepare(
    tenant_id: int, meters: Mapping[str, int], samples: Samples, *, now: datetime
) -> Submission:
    """Match the readings with the sender's meters and set impossible times apart.

    Raises Unprocessable for a meter that is not the sender's; nothing is stored then.
    """
    meter_ids = _meter_ids(meters, samples.meters)
    oldest, newest = (now - OLDEST - EPOCH) // MICROSECOND, (now + NEWEST - EPOCH) // MICROSECOND
    instants = samples.instants_us
    if min(instants) >= oldest and max(instants) <= newest:
        encoded = encode(tenant_id, meter_ids, samples)
        return Submission(tenant_id, meter_ids, samples, range(len(samples)), encoded)
    kept = [item for item, at in enumerate(instants) if oldest <= at <= newest]
    refused = {
        item: "too_old" if at < oldest else "in_future"
        for item, at in enumerate(instants)
        if not oldest <= at <= newest
    }
    strange = as_rows(tenant_id, [meter_ids[item] for item in refused], samples.only(list(refused)))
    quarantine = [
        row | {"reason": reason} for row, reason in zip(strange, refused.values(), strict=True)
    ]
    possible = samples.only(kept)
    ids = [meter_ids[item] for item in kept]
    encoded = encode(tenant_id, ids, possible) if kept else Encoded()
    return Submission(tenant_id, ids, possible, kept, encoded, refused, quarantine)


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
    Raises Unprocessable (nothing stored) and StorageUnavailable (send again).
    """
    submission = prepare(tenant_id, meters, samples, now=now)
    try:
        outcomes = _store(submission, note)
    except psycopg.OperationalError as error:
        connections[INGEST].close()
        raise StorageUnavailable("the database did not answer") from error
    readings_stored.announce(tenant_id=tenant_id)
    return answer(submission, outcomes)


def answer(submission: Submission, outcomes: Sequence[str] | None) -> Answer:
    """Count the outcomes of a submission; None says that every row was new."""
    listed = [ItemOutcome(item, "rejected", reason) for item, reason in submission.refused.items()]
    if outcomes is None:
        listed.sort(key=lambda outcome: outcome.item)
        return Answer(len(submission), rejected=len(submission.refused), items=listed)
    listed += [
        ItemOutcome(item, outcome)
        for item, outcome in zip(submission.kept, outcomes, strict=True)
        if outcome != "accepted"
    ]
    listed.sort(key=lambda outcome: outcome.item)
    return Answer(
        accepted=outcomes.count("accepted"),
        duplicates=outcomes.count("duplicate"),
        conflicts=outcomes.count("conflict"),
        rejected=len(submission.refused),
        items=listed,
    )


def touched_columns(encoded: Encoded) -> tuple[list[int], list[int], list[int]]:
    """Parameters of INSERT_TOUCHED."""
    rows = sorted(encoded.touched)
    return [row[0] for row in rows], [row[1] for row in rows], [row[2] for row in rows]


def as_rows(tenant_id: int, meter_ids: Sequence[int], samples: Samples) -> list[dict[str, Any]]:
    """Rows by name for the database's functions, with instants as the four bytes they become."""
    columns: dict[str, Sequence[Any]] = {}
    for place, name in enumerate(samples.spoken):
        column = samples.column(place)
        columns[name] = _as_real(column) if name in _INSTANT_NAMES else column
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


def _meter_ids(meters: Mapping[str, int], names: Sequence[str | None]) -> list[int]:
    try:
        return [meters[name] for name in names]  # type: ignore[index]  # None is caught below
    except KeyError:
        pass
    only = next(iter(set(meters.values()))) if len(set(meters.values())) == 1 else None
    ids = []
    for item, name in enumerate(names):
        meter_id = only if name is None else meters.get(name)
        if meter_id is None:
            raise _unknown_meter(item, name)
        ids.append(meter_id)
    return ids


def _unknown_meter(item: int, name: str | None) -> Unprocessable:
    if name is None:
        return Unprocessable(
            _("Item %(item)s: say which “meter”; this key reports more than one, or none."),
            code="meter_missing",
            item=item,
        )
    return Unprocessable(
        _("Item %(item)s: this key does not report a meter called “%(name)s”."),
        code="unknown_meter",
        item=item,
        name=name,
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
