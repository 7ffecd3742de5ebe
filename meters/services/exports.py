"""Readings, quarter-hours or days written into files by a worker, part after part.

Each part is committed with the place where the next one begins, so an export goes on where it was
killed. Parts stand alone: each has its header, and each can be imported again.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo, available_timezones

from django.db import IntegrityError, connection
from django.db.models import F, QuerySet
from django.db.models.functions import Now
from django.utils.text import slugify
from django.utils.translation import gettext as _

from clients.kernel.errors import DomainError
from clients.kernel.files import keep_file
from clients.kernel.live import publish
from clients.kernel.periods import Period
from clients.kernel.tenancy import acting_for, current_tenant_id
from clients.models import Client, Tenant
from meters.events import export_wanted
from meters.models import (
    DayTotal,
    DecimalSign,
    ExportFormat,
    ExportPart,
    ExportState,
    ExportWhat,
    Installation,
    Interval,
    Meter,
    Reading,
    ReadingExport,
    Site,
)
from meters.models.interval import INTERVAL_SECONDS, ML_PER_L, WS_PER_WH
from meters.models.quantities import NAMES, shortest
from meters.services.export_files import CsvPart, Writer, XlsxPart
from meters.services.patience import let_long_queries_run

KEPT: Final = timedelta(days=7)
MOST_FAILURES: Final = 5
FETCHED: Final = 2_000
MOST_METERS: Final = 5_000
LONGEST: Final = timedelta(days=20 * 366)
WS_PER_KWH: Final = WS_PER_WH * 1_000
# A watt-second is 0.00000028 kWh: seven places say it exactly, and give it back when rounded.
KWH: Final = Decimal("0.0000001")
INTERVAL_COLUMNS: Final = (
    "energy_import_kwh",
    "energy_export_kwh",
    "volume_l",
    "power_mean_w",
    "power_max_w",
    "completeness",
    "quality",
    "rule",
)
DAY_COLUMNS: Final = (
    "energy_import_kwh",
    "energy_export_kwh",
    "volume_l",
    "power_max_w",
    "completeness",
    "rule",
)
logger = logging.getLogger(__name__)


class ExportRefused(DomainError):
    """There is nothing to export, or too much."""

    code = "export_refused"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What somebody asks to export: meters by themselves, by site or by client; all, when none."""

    period: Period
    what: str = ExportWhat.READINGS
    format: str = ExportFormat.CSV
    decimal_sign: str = DecimalSign.COMMA
    is_gzip: bool = False
    time_zone: str = ""
    meters: Collection[Meter] = ()
    site: Site | None = None
    client: Client | None = None


def start_export(wanted: Wanted, *, by: str = "") -> ReadingExport:
    """An export that a worker will write. Raises ExportRefused when it holds no meter."""
    tenant = Tenant.objects.get(pk=current_tenant_id())
    zone = wanted.time_zone or (wanted.site.time_zone if wanted.site else tenant.time_zone)
    if zone not in available_timezones():
        raise ExportRefused(_("There is no time zone called “%(name)s”.") % {"name": zone})
    if wanted.period.duration > LONGEST:
        raise ExportRefused(_("At most twenty years can be exported at once."))
    meters = _meters(wanted)
    if not meters:
        raise ExportRefused(_("No meter is meant by this."))
    if len(meters) > MOST_METERS:
        raise ExportRefused(_("At most 5,000 meters can be exported at once."))
    job = ReadingExport.objects.create(
        name=_name(wanted, meters),
        what=wanted.what,
        format=wanted.format,
        decimal_sign=wanted.decimal_sign,
        is_gzip=wanted.is_gzip and wanted.format == ExportFormat.CSV,
        time_zone=zone,
        starts_at=wanted.period.start,
        ends_at=wanted.period.end,
        meter_ids=[pk for pk, _serial in meters],
        created_by=by,
    )
    export_wanted.announce(tenant_id=job.tenant_id, export_id=job.pk)
    return job


def _meters(wanted: Wanted) -> list[tuple[int, str]]:
    rows: QuerySet[Meter] = Meter.objects.all()
    if wanted.meters:
        rows = rows.filter(pk__in=[meter.pk for meter in wanted.meters])
    served = Installation.objects.filter(starts_at__lt=wanted.period.end).exclude(
        ends_at__lte=wanted.period.start
    )
    if wanted.site is not None:
        served = served.filter(metering_point__site=wanted.site)
        rows = rows.filter(pk__in=served.values("meter"))
    if wanted.client is not None:
        served = served.filter(metering_point__site__client=wanted.client)
        rows = rows.filter(pk__in=served.values("meter"))
    return list(rows.order_by("serial").values_list("pk", "serial")[: MOST_METERS + 1])


def _name(wanted: Wanted, meters: Sequence[tuple[int, str]]) -> str:
    whose = wanted.site or wanted.client
    subject = str(whose) if whose else meters[0][1] if len(meters) == 1 else _("meters")
    first = f"{wanted.period.start:%Y-%m-%d}"
    return f"{slugify(subject) or 'pulso'}-{wanted.what}-{first}"[:100]


# The worker's part ------------------------------------------------------------------------------


def open_exports(limit: int = 100) -> list[tuple[int, int]]:
    """Exports of any tenant that wait and of which nobody has been heard for a minute."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM meters_open_exports(%s)", [limit])
        return [(tenant_id, export_id) for tenant_id, export_id in cursor.fetchall()]


def work_on_export(tenant_id: int, export_id: int, *, now: datetime) -> None:
    """Write the parts that are not there yet. Safe to call twice and at once.

    What fails is tried again by the sweep, and given up, with the reason, after MOST_FAILURES.
    """
    try:
        _write_parts(tenant_id, export_id, now)
    except Exception as error:
        logger.exception("export not written", extra={"export_id": export_id})
        with acting_for(tenant_id):
            _count_failure(export_id, error)


def _count_failure(export_id: int, error: Exception) -> None:
    """A failure since the last part that was written; too many of them end the export."""
    job = ReadingExport.objects.filter(pk=export_id, state=ExportState.RUNNING).first()
    if job is None:
        return
    failures = job.cursor.get("failures", 0) + 1
    is_over = failures >= MOST_FAILURES
    sentence = _("It could not be written (%(why)s), which was recorded. Ask for it again.")
    ReadingExport.objects.filter(pk=job.pk).update(
        cursor={**job.cursor, "failures": failures},
        state=ExportState.FAILED if is_over else ExportState.RUNNING,
        error=sentence % {"why": type(error).__name__} if is_over else "",
        worked_at=Now(),  # the sweep leaves it alone for a minute
    )


def _write_parts(tenant_id: int, export_id: int, now: datetime) -> None:
    with acting_for(tenant_id):
        job = ReadingExport.objects.filter(pk=export_id, state=ExportState.RUNNING).first()
        if job is not None and not job.columns:
            job.columns = _columns(job) or ["-"]
            job.save(update_fields=["columns"])
    while job is not None and _next_part(job, now):
        pass


def _next_part(job: ReadingExport, now: datetime) -> bool:
    """Write one part in one transaction; False when none is left."""
    with acting_for(job.tenant_id):
        let_long_queries_run()
        fresh = ReadingExport.objects.get(pk=job.pk)
        if fresh.state != ExportState.RUNNING:
            return False
        number = fresh.parts.count()
        writer, rows, cursor = _written(fresh)
        if rows or not number:
            try:
                _keep(fresh, number, writer, rows, now)
            except IntegrityError:  # another worker wrote this very part
                return False
        is_last = cursor is None
        ReadingExport.objects.filter(pk=job.pk).update(
            cursor=cursor or {},
            row_count=F("row_count") + rows,
            meters_done=len(fresh.meter_ids) if is_last else cursor["meter"],  # type: ignore[index]
            state=ExportState.DONE if is_last else ExportState.RUNNING,
            finished_at=now if is_last else None,
            expires_at=now + KEPT,
            worked_at=Now(),
        )
        if is_last:
            publish(job.tenant_id, "meters.export_ready", {"id": str(job.public_id)})
        return not is_last


def _keep(job: ReadingExport, number: int, writer: Writer, rows: int, now: datetime) -> None:
    content = writer.content()
    name = f"{job.name}-{number + 1:03d}.{writer.ending}"
    file = keep_file(
        kind="reading_export",
        name=name,
        content=content,
        content_type=writer.content_type,
        expires_at=now + KEPT,
    )
    ExportPart.objects.create(
        export=job,
        number=number,
        name=name,
        file_id=file.public_id,
        row_count=rows,
        size_bytes=len(content),
    )


def _written(job: ReadingExport) -> tuple[Writer, int, dict[str, Any] | None]:
    """A full part, or the last one; how many rows; where the next one begins."""
    zone = ZoneInfo(job.time_zone)
    writer = _writer(job)
    rows = 0
    for place, row, key in _rows(job, zone):
        writer.write(row)
        rows += 1
        if writer.is_full:
            return writer, rows, {"meter": place, "after": key}
    return writer, rows, None


def _writer(job: ReadingExport) -> Writer:
    columns = [] if job.columns == ["-"] else job.columns
    moment = {"readings": "measured_at", "intervals": "starts_at", "days": "day"}[job.what]
    if job.format == ExportFormat.XLSX:
        named = moment if moment == "day" else f"{moment} ({job.time_zone})"
        return XlsxPart(["meter", named, *columns])
    comma = job.decimal_sign == DecimalSign.COMMA
    return CsvPart(["meter", moment, *columns], decimal_comma=comma, is_gzip=job.is_gzip)


def _columns(job: ReadingExport) -> list[str]:
    """What the header says. Of readings, the quantities that any of these meters ever said."""
    if job.what == ExportWhat.INTERVALS:
        return list(INTERVAL_COLUMNS)
    if job.what == ExportWhat.DAYS:
        return list(DAY_COLUMNS)
    let_long_queries_run()
    names = (*NAMES, "extra")
    counted = ", ".join(f"count({name}) > 0" for name in names)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {counted} FROM meters_reading WHERE meter_id = ANY (%s) "
            "AND measured_at >= %s AND measured_at < %s AND tenant_id = %s",
            [job.meter_ids, job.starts_at, job.ends_at, job.tenant_id],
        )
        said = cursor.fetchone()
    return [name for name, is_said in zip(names, said, strict=True) if is_said]


Row = tuple[int, list[Any], str]  # the meter's place in the export, the cells, the place in time


def _rows(job: ReadingExport, zone: ZoneInfo) -> Iterator[Row]:
    serials = dict(Meter.objects.filter(pk__in=job.meter_ids).values_list("pk", "serial"))
    start = job.cursor.get("meter", 0)
    for place in range(start, len(job.meter_ids)):
        meter_id = job.meter_ids[place]
        after = job.cursor.get("after") if place == start else None
        for key, cells in _of_meter(job, meter_id, zone, after):
            yield place, [serials.get(meter_id, ""), *cells], key


def _of_meter(
    job: ReadingExport, meter_id: int, zone: ZoneInfo, after: str | None
) -> Iterator[tuple[str, list[Any]]]:
    if job.what == ExportWhat.DAYS:
        return _days(job, meter_id, zone, after)
    if job.what == ExportWhat.INTERVALS:
        return _intervals(job, meter_id, zone, after)
    return _readings(job, meter_id, zone, after)


def _readings(
    job: ReadingExport, meter_id: int, zone: ZoneInfo, after: str | None
) -> Iterator[tuple[str, list[Any]]]:
    columns = [] if job.columns == ["-"] else job.columns
    rows = Reading.objects.filter(
        meter_id=meter_id, measured_at__gte=job.starts_at, measured_at__lt=job.ends_at
    )
    if after:
        rows = rows.filter(measured_at__gt=datetime.fromisoformat(after))
    values = rows.order_by("measured_at").values_list("measured_at", *columns)
    for at, *said in values.iterator(chunk_size=FETCHED):
        if columns[-1:] == ["extra"] and said[-1] is not None:
            said[-1] = json.dumps(said[-1], ensure_ascii=False)
        yield at.isoformat(), [at.astimezone(zone), *said]


def _intervals(
    job: ReadingExport, meter_id: int, zone: ZoneInfo, after: str | None
) -> Iterator[tuple[str, list[Any]]]:
    rows = Interval.objects.filter(
        meter_id=meter_id, starts_at__gte=job.starts_at, starts_at__lt=job.ends_at
    )
    if after:
        rows = rows.filter(starts_at__gt=datetime.fromisoformat(after))
    for row in rows.order_by("starts_at").iterator(chunk_size=FETCHED):
        yield (
            row.starts_at.isoformat(),
            [
                row.starts_at.astimezone(zone),
                _kwh(row.energy_import_ws),
                _kwh(row.energy_export_ws),
                _litres(row.volume_ml),
                _watts(row.power_mean_w),
                _watts(row.power_max_w),
                _share(row.seconds_covered, INTERVAL_SECONDS),
                row.quality,
                row.rule,
            ],
        )


def _days(
    job: ReadingExport, meter_id: int, zone: ZoneInfo, after: str | None
) -> Iterator[tuple[str, list[Any]]]:
    last = (job.ends_at - timedelta(microseconds=1)).astimezone(zone).date()
    first = job.starts_at.astimezone(zone).date()
    rows = DayTotal.objects.filter(meter_id=meter_id, day__gte=first, day__lte=last)
    if after:
        rows = rows.filter(day__gt=date.fromisoformat(after))
    for row in rows.order_by("day").iterator(chunk_size=FETCHED):
        shown: Any = row.day if job.format == ExportFormat.XLSX else row.day.isoformat()
        yield (
            row.day.isoformat(),
            [
                shown,
                _kwh(row.energy_import_ws),
                _kwh(row.energy_export_ws),
                _litres(row.volume_ml),
                _watts(row.power_max_w),
                _share(row.seconds_covered, row.seconds_expected),
                row.rule,
            ],
        )


def _kwh(ws: int | None) -> Decimal | None:
    return None if ws is None else (Decimal(ws) / WS_PER_KWH).quantize(KWH)


def _watts(power: float | None) -> float | None:
    return None if power is None else shortest(power)


def _litres(ml: int | None) -> Decimal | None:
    return None if ml is None else Decimal(ml) / ML_PER_L


def _share(seconds: int, expected: int) -> Decimal:
    return (Decimal(seconds) / expected).quantize(Decimal("0.0001"))
