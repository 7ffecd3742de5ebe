from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from clients.kernel.errors import DomainError
from clients.kernel.tenancy import NoTenant, across_tenants
from meters.errors import StorageUnavailable
from meters.models import Meter
from meters.services.imports import ReadFile, column_of, read_csv
from meters.services.ingest import Answer, store_readings
from meters.services.intervals import recompute_all_touched
from meters.services.samples import samples_of


class Command(BaseCommand):
    help = "Store a CSV file's readings. Importing it again changes nothing."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--meter", required=True, help="serial number")
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
            "--starts-at", default="", help="move the series to begin here (demonstrations)"
        )
        parser.add_argument("--dry-run", action="store_true", help="check only, store nothing")

    def handle(self, *args: Any, file: Path, meter: str, tenant: str, **options: Any) -> None:
        try:
            found = one_meter(meter, tenant)
            said = read_csv(
                file,
                columns=[column_of(text) for text in options["column"]],
                time_column=options["time_column"],
                zone=zone_of(options["zone"]),
                starts_at=instant_of(options["starts_at"]),
            )
            self.describe(said)
            samples = samples_of({**row, "meter": found.serial} for row in said.rows)
            if options["dry_run"]:
                self.stdout.write(f"{len(samples)} readings are fine; nothing was stored.")
                return
            answer = store_readings(
                found.tenant_id, {found.serial: found.pk}, samples, now=timezone.now()
            )
        except DomainError as error:
            raise CommandError(str(error), returncode=2) from error
        except StorageUnavailable as error:
            raise CommandError(f"{error}; nothing is half done, run it again.") from error
        self.report(answer)
        recompute_all_touched(found.tenant_id)

    def describe(self, said: ReadFile) -> None:
        columns = ", ".join(
            f"{column.name} → {column.quantity}"
            + ("" if column.factor == 1 else f" × {column.factor}")
            for column in said.columns
        )
        self.stdout.write(f"columns: {columns}")
        if said.ignored:
            self.stdout.write(f"left out: {', '.join(said.ignored)}")

    def report(self, answer: Answer) -> None:
        self.stdout.write(
            f"{answer.accepted} accepted, {answer.duplicates} duplicates, "
            f"{answer.conflicts} conflicts, {answer.rejected} rejected"
        )


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


def zone_of(name: str) -> ZoneInfo | None:
    if name and name not in available_timezones():
        raise CommandError(f"There is no time zone called {name}.", returncode=2)
    return ZoneInfo(name) if name else None


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
