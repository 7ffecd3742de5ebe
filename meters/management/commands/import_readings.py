from __future__ import annotations

from datetime import datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any
from uuid import UUID
from zoneinfo import available_timezones

from django.core.management.base import BaseCommand, CommandError, CommandParser, no_translations
from django.utils import timezone
from django.utils.translation import gettext as _

from clients.kernel.errors import DomainError
from clients.kernel.tenancy import NoTenant, across_tenants, acting_for
from meters.errors import BadFile, StorageUnavailable
from meters.models import ImportState, Meter, ReadingImport
from meters.models.quantities import NAMES, REGISTERS
from meters.services.import_mapping import Mapping, ValueColumn, as_json, mapping_of
from meters.services.import_reasons import note, reason
from meters.services.imports import (
    check_import,
    exceptions_of,
    run_import,
    set_mapping,
    start_import,
    undo_import,
    work_on_import,
)
from meters.services.intervals import recompute_all_touched

SHOWN = 10


class Command(BaseCommand):
    help = (
        "Store a file of readings (CSV or XLSX). Importing it again changes nothing; --undo takes "
        "back exactly what an import added."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, nargs="?")
        parser.add_argument("--meter", default="", help="serial number, when no column says it")
        parser.add_argument("--tenant", default="", help="short name, when two have such a meter")
        parser.add_argument(
            "--column",
            action="append",
            default=[],
            metavar="NAME=QUANTITY[*FACTOR]",
            help="where a column goes, as in ac_power=power_w*1000; may be repeated",
        )
        parser.add_argument("--time-column", default="", help="the column with the instant")
        parser.add_argument("--zone", default="", help="for times without an offset")
        parser.add_argument(
            "--repeated-hour",
            default="refuse",
            choices=["refuse", "first", "second", "in_order"],
            help="which one it is where clocks show an hour twice",
        )
        parser.add_argument(
            "--starts-at", default="", help="move the series to begin here (demonstrations)"
        )
        parser.add_argument("--dry-run", action="store_true", help="say what would change")
        parser.add_argument(
            "--skip-bad-lines",
            action="store_true",
            help="store the others; without it a file with a line that cannot be read is refused",
        )
        parser.add_argument("--undo", type=UUID, metavar="ID", help="take an import back")

    @no_translations
    def handle(self, *args: Any, file: Path | None, **options: Any) -> None:
        try:
            if options["undo"]:
                self.undo(options["undo"])
            elif file is None:
                raise CommandError("Say which file to import, or --undo ID.", returncode=2)
            else:
                self.bring_in(file, options)
        except DomainError as error:
            raise CommandError(str(error), returncode=2) from error
        except StorageUnavailable as error:
            raise CommandError(f"{error}; nothing is half done, run it again.") from error

    def bring_in(self, file: Path, options: dict[str, Any]) -> None:
        columns = [column_of(text) for text in options["column"]]
        starts_at, zone = instant_of(options["starts_at"]), zone_of(options["zone"])
        meter = one_meter(options["meter"], options["tenant"])
        try:
            content = file.read_bytes()
        except OSError as error:
            raise CommandError(f"{file} cannot be read: {error}.", returncode=2) from error
        tenant_id, now = meter.tenant_id, timezone.now()
        with acting_for(tenant_id):
            job = start_import(file.name, content, meter=meter, by="import_readings", now=now)
            mapping = mapping_of_options(mapping_as_found(job), options, columns, zone, starts_at)
            set_mapping(job, as_json(mapping))
            self.describe(mapping, [] if options["zone"] else job.notes)
            check_import(job)
        work_on_import(tenant_id, job.pk, now=now)
        with acting_for(tenant_id):
            job.refresh_from_db()
            self.report_check(job)
            if job.refused_count and not options["skip_bad_lines"]:
                first = next(e for e in exceptions_of(job) if e["code"] != "conflict")
                raise CommandError(f"Line {first['line']}: {reason(first)}", returncode=2)
            if options["dry_run"]:
                self.stdout.write(f"{job.new_count} readings are new; nothing was stored.")
                return
            if not job.new_count + job.conflict_count:
                return
            run_import(job, now=now)
        work_on_import(tenant_id, job.pk, now=now)
        with acting_for(tenant_id):
            job.refresh_from_db()
        self.stdout.write(f"stored as {job.public_id}: {job.new_count} added")
        recompute_all_touched(tenant_id)

    def describe(self, mapping: Mapping, notes: list[str]) -> None:
        named = ", ".join(
            f"{column.name} → {column.quantity}"
            + ("" if Decimal(column.factor) == 1 else f" × {column.factor}")
            + (" (of each interval)" if column.says == "interval" else "")
            for column in mapping.used
        )
        self.stdout.write(f"columns: {named}")
        left_out = [column.name for column in mapping.columns if not column.quantity]
        if left_out:
            self.stdout.write(f"left out: {', '.join(left_out)}")
        for code in notes:
            if code not in {"no_meter", "no_quantity"}:
                self.stdout.write(f"note: {note(code)}")

    def report_check(self, job: ReadingImport) -> None:
        if job.state == ImportState.FAILED:
            raise CommandError(job.error, returncode=2)
        self.stdout.write(
            f"{job.new_count} accepted, {job.duplicate_count} duplicates, "
            f"{job.conflict_count} conflicts, {job.refused_count} rejected"
        )
        for exception in exceptions_of(job)[:SHOWN]:
            self.stdout.write(f"Line {exception['line']}: {reason(exception)}")
        if job.first_at and job.last_at:
            self.stdout.write(f"from {job.first_at.isoformat()} to {job.last_at.isoformat()}")
        for day in job.report["days"][:SHOWN]:
            shown = ["—" if day[side] is None else str(day[side]) for side in ("before", "after")]
            self.stdout.write(f"{day['day']} {day['meter']}: {shown[0]} → {shown[1]}")

    def undo(self, public_id: UUID) -> None:
        try:
            with across_tenants():
                job = ReadingImport.objects.filter(public_id=public_id).first()
        except NoTenant as error:
            raise CommandError(str(error), returncode=2) from error
        if job is None:
            raise CommandError(f"There is no import {public_id}.", returncode=2)
        now = timezone.now()
        with acting_for(job.tenant_id):
            job = ReadingImport.objects.get(pk=job.pk)
            undo_import(job, by="import_readings", now=now)
        work_on_import(job.tenant_id, job.pk, now=now)
        recompute_all_touched(job.tenant_id)
        self.stdout.write(f"{job.new_count} readings are taken back.")


def mapping_as_found(job: ReadingImport) -> Mapping:
    import msgspec

    return msgspec.convert(job.mapping, Mapping)


def mapping_of_options(
    found: Mapping,
    options: dict[str, Any],
    given: list[ValueColumn],
    zone: str,
    starts_at: datetime | None,
) -> Mapping:
    """What was found, changed by what was said. Raises BadFile."""
    names = {column.name: column for column in found.columns}
    if options["time_column"] and options["time_column"] in names:
        found.time.columns = [names[options["time_column"]].column]
    for said in given:
        if said.name not in names:
            raise BadFile(
                _("The file has no column “%(name)s”; its columns are: %(names)s.")
                % {"name": said.name, "names": ", ".join(names)}
            )
        column = names[said.name]
        column.quantity, column.factor, column.unit = said.quantity, said.factor, ""
        column.says = "register" if said.quantity in REGISTERS else "instant"
        column.rounds = False
        for other in found.columns:
            if other is not column and other.quantity == column.quantity:
                other.quantity, other.says = "", "instant"
    if zone:
        found.time.zone = zone
    found.time.repeated_hour = options["repeated_hour"]
    found.starts_at = starts_at.isoformat() if starts_at else ""
    return mapping_of(as_json(found))


def column_of(text: str) -> ValueColumn:
    """A column from `name=quantity` or `name=quantity*factor`. Raises BadFile."""
    name, is_given, target = text.partition("=")
    quantity, has_factor, factor = target.partition("*")
    if not is_given or quantity not in NAMES:
        raise BadFile(
            _("“%(text)s” is not like ac_power=power_w*1000 with a known quantity.")
            % {"text": text}
        )
    try:
        Decimal(factor) if has_factor else Decimal(1)
    except InvalidOperation as error:
        raise BadFile(_("“%(text)s” has no number after the asterisk.") % {"text": text}) from error
    return ValueColumn(0, name, quantity=quantity, factor=factor or "1")


def one_meter(serial: str, tenant: str) -> Meter:
    """The meter with this serial number, in whichever tenant has it."""
    try:
        with across_tenants():
            rows = Meter.objects.filter(serial=serial).select_related("tenant")
            found = list(rows.filter(tenant__slug=tenant) if tenant else rows)
    except NoTenant as error:
        raise CommandError(str(error), returncode=2) from error
    if len(found) > 1:
        names = ", ".join(meter.tenant.slug for meter in found)
        raise CommandError(
            f"More than one tenant has a meter {serial} ({names}); say --tenant.", returncode=2
        )
    if not found:
        raise CommandError(f"There is no meter {serial}.", returncode=2)
    return found[0]


def zone_of(name: str) -> str:
    if name and name not in available_timezones():
        raise CommandError(f"There is no time zone called {name}.", returncode=2)
    return name


def instant_of(text: str) -> datetime | None:
    if not text:
        return None
    try:
        instant = datetime.fromisoformat(text)
    except ValueError as error:
        raise CommandError(f"--starts-at: {text} is not an instant.", returncode=2) from error
    if instant.tzinfo is None:
        raise CommandError("--starts-at needs an offset, as in …T00:00:00-03:00.", returncode=2)
    return instant
