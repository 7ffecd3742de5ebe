"""Importing a file of readings: looked at, checked, stored in chunks, and undone if need be.

Nothing is stored before a person has seen what it would change. Each chunk is stored through the
one door for readings, and what it added is written down in the same transaction: so an import goes
on where it was killed, and undoing takes back exactly its own rows.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec
from django.db import IntegrityError, connection
from django.db.models import OuterRef, Subquery
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from clients.kernel.files import LARGEST_BYTES, FileTooLarge, content_of, keep_file
from clients.kernel.live import publish
from clients.kernel.periods import Period
from clients.kernel.tenancy import acting_for, current_tenant_id
from clients.models import StoredFile, Tenant
from meters.errors import BadFile, ImportBusy, ReadingsHeld
from meters.events import import_wanted, readings_stored
from meters.models import ImportChunk, ImportState, Installation, Meter, ReadingImport
from meters.models.reading_import import EDITABLE
from meters.services.copying import from_us
from meters.services.holds import holds_on
from meters.services.import_check import Report
from meters.services.import_detection import detect
from meters.services.import_diff import CONFLICT, DUPLICATE, compare, without_duplicates
from meters.services.import_mapping import Mapping, as_json, mapping_of
from meters.services.import_reasons import reason, still_open
from meters.services.import_rows import LISTED, Chunk, KnownMeter, chunks_of
from meters.services.import_units import fits
from meters.services.ingest import store_readings
from meters.services.patience import let_long_queries_run
from meters.services.settled import settled_before

SOURCE_KEPT: Final = timedelta(days=90)
MOST_NAMED: Final = 3
MOST_FAILURES: Final = 5  # in a row
logger = logging.getLogger(__name__)
KEEP_CHUNK: Final = (
    "SELECT meters_keep_chunk(%s, %s, %s, %s::jsonb, %s::bigint[], %s::timestamptz[], "
    "%s::bigint[], %s::timestamptz[], %s::jsonb)"
)


def start_import(
    name: str, content: bytes, *, meter: Meter | None = None, by: str = "", now: datetime
) -> ReadingImport:
    """Keep the file and look at it: the mapping is a proposal. Raises BadFile, FileTooLarge."""
    if len(content) > LARGEST_BYTES:
        raise FileTooLarge(_("A file may have at most 20 MB."))
    serials = set(Meter.objects.values_list("serial", flat=True))
    found = detect(content, serials=serials, meter=meter.serial if meter else "")
    kept = keep_file(
        kind="reading_import",
        name=name[:120],
        content=content,
        content_type="application/octet-stream",
        expires_at=now + SOURCE_KEPT,
    )
    return ReadingImport.objects.create(
        name=name[:120],
        source_id=kept.public_id,
        size_bytes=len(content),
        mapping=as_json(found.mapping),
        notes=found.notes,
        report={"preview": found.preview},
        created_by=by,
    )


def set_mapping(job: ReadingImport, said: Any) -> ReadingImport:
    """Read the file like this instead; it must be checked again. Raises BadFile, ImportBusy."""
    mapping = mapping_of(said)
    _check_meters(mapping)
    report = {"preview": job.report.get("preview", [])}
    notes = still_open(job.notes, mapping)
    fields = {"mapping": as_json(mapping), "notes": notes, "report": report, "row_count": 0}
    _move(job, EDITABLE, ImportState.DETECTED, error="", **fields)
    return job


def _check_meters(mapping: Mapping) -> None:
    """Raises BadFile for a chosen meter that is unknown, or does not measure what is said."""
    names = {*mapping.meters, *filter(None, [mapping.meter])}
    kinds = dict(Meter.objects.filter(serial__in=names).values_list("serial", "kind"))
    for serial in sorted(names - set(kinds)):
        raise BadFile(_("There is no meter “%(name)s”.") % {"name": serial}, "unknown_meter")
    for column in mapping.used:
        kind = kinds.get(mapping.meter_of(column))
        if kind is not None and column.says != "extra" and not fits(column.quantity, kind):
            said = {"text": mapping.meter_of(column), "column": column.name or column.quantity}
            raise BadFile(reason({"code": "wrong_kind", **said}), "wrong_kind")


def check_import(job: ReadingImport) -> None:
    """Let a worker find out what the import would change; nothing is stored."""
    mapping = mapping_of(job.mapping)
    if mapping.lacks_meter:
        raise BadFile(_("No column says the meter; choose it."), "no_meter")
    _check_meters(mapping)
    _move(job, EDITABLE, ImportState.CHECKING, error="", seen_count=0, worked_at=None)
    import_wanted.announce(tenant_id=job.tenant_id, import_id=job.pk)


def run_import(job: ReadingImport, *, now: datetime) -> None:
    """Let a worker store what was checked. Raises ImportBusy when it was not checked."""
    if job.state == ImportState.CHECKED and not job.new_count + job.conflict_count:
        raise ImportBusy(_("There is nothing new in this file."), "nothing_new")
    _move(
        job,
        (ImportState.CHECKED,),
        ImportState.RUNNING,
        started_at=now,
        seen_count=0,
        worked_at=None,
    )
    import_wanted.announce(tenant_id=job.tenant_id, import_id=job.pk)


def undo_import(job: ReadingImport, *, by: str = "", now: datetime) -> None:
    """Let a worker take back the rows that this import added, and no others.

    Raises ReadingsHeld when an invoice rests on them, or their time is settled for good.
    """
    if job.state == ImportState.STORED:
        _refuse_held(job, now)
    _move(job, (ImportState.STORED,), ImportState.UNDOING, undone_by=by, worked_at=None)
    import_wanted.announce(tenant_id=job.tenant_id, import_id=job.pk)


def _refuse_held(job: ReadingImport, now: datetime) -> None:
    if job.first_at is None or job.last_at is None or not job.new_count:
        return
    floor = settled_before()
    if floor is not None and job.first_at < floor:
        raise ReadingsHeld(_("These readings are of a time that is settled for good."), "settled")
    period = Period(job.first_at, job.last_at + timedelta(microseconds=1))
    started = job.started_at or job.created_at
    reasons = sorted(
        {h.reason for _name, h in holds_on(period, job.meter_ids, now=now) if h.since >= started}
    )
    if reasons:
        named = ", ".join(reasons[:MOST_NAMED]) + (" …" if len(reasons) > MOST_NAMED else "")
        raise ReadingsHeld(
            _("It cannot be undone: %(what)s rests on these readings.") % {"what": named}
        )


def _move(
    job: ReadingImport, allowed: Sequence[ImportState], to: ImportState, **fields: Any
) -> None:
    rows = ReadingImport.objects.filter(pk=job.pk, state__in=allowed)
    if not rows.update(state=to, **fields):
        raise ImportBusy(_("This cannot be done with the import now. Load the page again."))
    job.refresh_from_db()


# The worker's part ------------------------------------------------------------------------------


def work_on_import(tenant_id: int, import_id: int, *, now: datetime) -> None:
    """Do what the import waits for. Killed anywhere, the next call goes on from there."""
    with acting_for(tenant_id):
        job = ReadingImport.objects.filter(pk=import_id).first()
    if job is None or not job.is_at_work:
        return
    if job.state == ImportState.UNDOING:
        _undo(job)
        return
    try:
        if job.state == ImportState.CHECKING:
            _check(job, now)
        else:
            _run(job, now)
    except BadFile as error:
        logger.info("import not readable", extra={"import_id": import_id})
        _end(job, ImportState.FAILED, error=str(error)[:500])
    except Exception as error:
        if job.state != ImportState.CHECKING:  # rows are stored already: it must go on
            raise
        logger.exception("import not read", extra={"import_id": import_id})
        _count_failure(job, error)


def _count_failure(job: ReadingImport, error: Exception) -> None:
    """The sweep tries again, until too many failures in a row end the import."""
    with acting_for(job.tenant_id):
        report = ReadingImport.objects.values_list("report", flat=True).get(pk=job.pk)
        failures = report.get("failures", 0) + 1
        _heard(job, report={**report, "failures": failures})
    if failures >= MOST_FAILURES:
        sentence = _("The file could not be taken in (%(why)s), which was recorded.")
        _end(job, ImportState.FAILED, error=sentence % {"why": type(error).__name__})


def open_imports(limit: int = 100) -> list[tuple[int, int]]:
    """Imports of any tenant that wait and of which nobody has been heard for a minute."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM meters_open_imports(%s)", [limit])
        return [(tenant_id, import_id) for tenant_id, import_id in cursor.fetchall()]


def _source(job: ReadingImport) -> bytes:
    file = StoredFile.objects.filter(public_id=job.source_id).first()
    if file is None:
        raise BadFile(_("The file is not kept any more; send it again."), "file_gone")
    return content_of(file)


def known_meters(mapping: Mapping) -> dict[str, KnownMeter]:
    """The tenant's meters by serial number; the one that was chosen, where no column says it."""
    rows = Meter.objects.all()
    if mapping.meter_column is None:
        rows = rows.filter(serial__in=mapping.meters)
    tenant = Tenant.objects.get(pk=current_tenant_id())
    newest = Installation.objects.filter(meter=OuterRef("pk")).order_by("-starts_at")
    zone = Subquery(newest.values("metering_point__site__time_zone")[:1])
    return {
        serial: KnownMeter(pk, serial, ZoneInfo(name or tenant.time_zone), kind, seconds)
        for pk, serial, kind, seconds, name in rows.annotate(zone=zone).values_list(
            "pk", "serial", "kind", "sample_seconds", "zone"
        )
    }


def _opened(job: ReadingImport) -> tuple[bytes, Mapping, dict[str, KnownMeter], Any]:
    with acting_for(job.tenant_id):
        mapping = mapping_of(job.mapping)
        return _source(job), mapping, known_meters(mapping), settled_before()


def _check(job: ReadingImport, now: datetime) -> None:
    content, mapping, meters, floor = _opened(job)
    report = Report(mapping)
    for chunk in chunks_of(content, mapping, meters, now=now, settled_before=floor):
        with acting_for(job.tenant_id):
            let_long_queries_run()
            report.add(chunk, compare(chunk))
            if not _heard(job, seen_count=report.rows):
                return
    if not report.rows:
        raise BadFile(_("The file holds no reading."), "empty_file")
    with acting_for(job.tenant_id):
        let_long_queries_run()
        told = report.told()
    _end(
        job,
        ImportState.CHECKED,
        row_count=report.rows,
        new_count=report.counts["new"],
        duplicate_count=report.counts[DUPLICATE],
        conflict_count=report.counts[CONFLICT],
        refused_count=report.refused,
        first_at=report.first_at,
        last_at=report.last_at,
        meter_ids=sorted(report.meter_ids),
        report={"preview": job.report.get("preview", []), **told},
    )


def _run(job: ReadingImport, now: datetime) -> None:
    content, mapping, meters, floor = _opened(job)
    with acting_for(job.tenant_id):
        done = set(job.chunks.values_list("number", flat=True))
    seen = 0
    # The clock of the run's start, so that the same rows are too old or too new when it goes on.
    at = job.started_at or now
    for chunk in chunks_of(content, mapping, meters, now=at, settled_before=floor):
        if chunk.number not in done:
            _store(job, chunk, now)
        seen += len(chunk) + chunk.refused_count
        with acting_for(job.tenant_id):
            if not _heard(job, seen_count=seen):
                return
    with acting_for(job.tenant_id):
        counts = _summed(job)
    _end(job, ImportState.STORED, finished_at=now, **counts)
    readings_stored.announce(tenant_id=job.tenant_id)


def _store(job: ReadingImport, chunk: Chunk, now: datetime) -> None:
    with acting_for(job.tenant_id):
        let_long_queries_run()
        outcomes = compare(chunk) if len(chunk) else []
    worth = without_duplicates(chunk, outcomes)
    keeping = _Keeping(job, chunk, worth)
    if not worth:
        with acting_for(job.tenant_id):
            ImportChunk.objects.get_or_create(
                reading_import=job,
                number=chunk.number,
                defaults={"counts": keeping.counts([]), "exceptions": keeping.exceptions([])},
            )
        return
    names = {meter.serial: meter.id for meter in set(chunk.meters)}
    samples = chunk.samples().only(worth)
    try:
        store_readings(job.tenant_id, names, samples, now=now, note=keeping.note)
    except IntegrityError:  # another worker stored this very chunk at the same time
        logger.info("chunk stored by another worker", extra={"import_id": job.pk})


class _Keeping:
    """Writes down what a chunk added, in the transaction that adds it."""

    def __init__(self, job: ReadingImport, chunk: Chunk, worth: Sequence[int]) -> None:
        self.job, self.chunk, self.worth = job, chunk, worth

    def note(self, cursor: Any, outcomes: Sequence[str] | None) -> None:
        said = outcomes if outcomes is not None else ["accepted"] * len(self.worth)
        sent = list(zip(self.worth, said, strict=True))
        added = [item for item, outcome in sent if outcome == "accepted"]
        conflicts = [item for item, outcome in sent if outcome == CONFLICT]
        cursor.execute(
            KEEP_CHUNK,
            [
                self.job.tenant_id,
                self.job.pk,
                self.chunk.number,
                _json(self.counts([outcome for _item, outcome in sent])),
                *self._places(added),
                *self._places(conflicts),
                _json(self.exceptions(conflicts)),
            ],
        )

    def _places(self, items: Sequence[int]) -> tuple[list[int], list[datetime]]:
        ids = [self.chunk.meters[item].id for item in items]
        return ids, [from_us(self.chunk.instants_us[item]) for item in items]

    def counts(self, said: Sequence[str]) -> dict[str, int]:
        left_out = len(self.chunk) - len(self.worth)
        return {
            "rows": len(self.chunk) + self.chunk.refused_count,
            "new": said.count("accepted"),
            DUPLICATE: said.count(DUPLICATE) + left_out,
            CONFLICT: said.count(CONFLICT),
            "refused": self.chunk.refused_count,
        }

    def exceptions(self, conflicts: Sequence[int]) -> list[dict[str, Any]]:
        lines = [{"line": self.chunk.lines[item], "code": CONFLICT} for item in conflicts[:LISTED]]
        listed = [*lines, *(asdict(refused) for refused in self.chunk.refused)]
        return sorted(listed, key=lambda exception: exception["line"])


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _summed(job: ReadingImport) -> dict[str, int]:
    totals = {"rows": 0, "new": 0, DUPLICATE: 0, CONFLICT: 0, "refused": 0}
    for counts in job.chunks.values_list("counts", flat=True):
        for name in totals:
            totals[name] += counts.get(name, 0)
    names = {"rows": "row_count", "new": "new_count", "refused": "refused_count"}
    return {names.get(name, f"{name}_count"): total for name, total in totals.items()}


def _undo(job: ReadingImport) -> None:
    with acting_for(job.tenant_id):
        left = list(
            job.chunks.filter(undone_at=None).order_by("number").values_list("pk", flat=True)
        )
    for chunk_id in left:
        with acting_for(job.tenant_id), connection.cursor() as cursor:
            let_long_queries_run()
            cursor.execute("SELECT meters_take_back(%s)", [chunk_id])
            if not _heard(job):
                return
    _end(job, ImportState.UNDONE, undone_at=Now())
    readings_stored.announce(tenant_id=job.tenant_id)  # what they touched is computed again


def _heard(job: ReadingImport, **fields: Any) -> bool:
    """Tell that a worker is alive. False when the import is not its own any more."""
    rows = ReadingImport.objects.filter(pk=job.pk, state=job.state)
    return bool(rows.update(worked_at=Now(), **fields))


def _end(job: ReadingImport, state: ImportState, **fields: Any) -> None:
    with acting_for(job.tenant_id):
        ReadingImport.objects.filter(pk=job.pk, state=job.state).update(state=state, **fields)
        publish(job.tenant_id, f"meters.import_{state}", {"id": str(job.public_id)})


def exceptions_of(job: ReadingImport, limit: int = 10_000) -> list[dict[str, Any]]:
    """The lines that gave no reading or another value, in order: of the import, or of its check."""
    if job.state in (ImportState.STORED, ImportState.UNDONE, ImportState.UNDOING):
        found: list[dict[str, Any]] = []
        for listed in job.chunks.order_by("number").values_list("exceptions", flat=True):
            found += listed
            if len(found) >= limit:
                break
        return found[:limit]
    listed = job.report.get("exceptions", [])
    return list(listed)
