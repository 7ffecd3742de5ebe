from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser, no_translations
from django.utils import timezone

from clients.kernel.errors import DomainError
from clients.kernel.files import content_of
from clients.kernel.periods import Period
from clients.kernel.tenancy import acting_for
from clients.models import StoredFile
from meters.management.commands.import_readings import one_meter
from meters.models import DecimalSign, ExportFormat, ExportWhat, ReadingExport
from meters.services.exports import Wanted, start_export, work_on_export


class Command(BaseCommand):
    help = "Write a meter's readings, quarter-hours or days into files in a folder."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("folder", type=Path)
        parser.add_argument("--meter", required=True, help="serial number")
        parser.add_argument("--tenant", default="", help="short name, when two have such a meter")
        parser.add_argument("--start", required=True, help="an instant with its offset (in)")
        parser.add_argument("--end", required=True, help="an instant with its offset (out)")
        parser.add_argument("--what", default="readings", choices=ExportWhat.values)
        parser.add_argument("--format", default="csv", choices=ExportFormat.values)
        parser.add_argument("--decimal", default="point", choices=DecimalSign.values)
        parser.add_argument("--gzip", action="store_true")
        parser.add_argument("--zone", default="", help="of the times; the company's when empty")

    @no_translations
    def handle(self, *args: Any, folder: Path, **options: Any) -> None:
        start, end = instant(options["start"]), instant(options["end"])
        if start >= end:
            raise CommandError("--end must come after --start.", returncode=2)
        meter = one_meter(options["meter"], options["tenant"])
        wanted = Wanted(
            period=Period(start, end),
            what=options["what"],
            format=options["format"],
            decimal_sign=options["decimal"],
            is_gzip=options["gzip"],
            time_zone=options["zone"],
            meters=[meter],
        )
        try:
            with acting_for(meter.tenant_id):
                job = start_export(wanted, by="export_readings")
        except DomainError as error:
            raise CommandError(str(error), returncode=2) from error
        work_on_export(meter.tenant_id, job.pk, now=timezone.now())
        folder.mkdir(parents=True, exist_ok=True)
        with acting_for(meter.tenant_id):
            job = ReadingExport.objects.get(pk=job.pk)
            for part in job.parts.all():
                file = StoredFile.objects.get(public_id=part.file_id)
                (folder / part.name).write_bytes(content_of(file))
                self.stdout.write(f"{folder / part.name}: {part.row_count} rows")


def instant(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise CommandError(f"{text} is not an instant.", returncode=2) from error
    if found.tzinfo is None:
        raise CommandError(f"{text} needs an offset, as in …T00:00:00-03:00.", returncode=2)
    return found
