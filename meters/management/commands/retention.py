from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from clients.kernel.tenancy import acting_for
from clients.models import Tenant
from meters.services.retention import (
    Outlook,
    keep_retention,
    retention_outlook,
    retention_tenants,
)

SHOWN = 10
WAITING = {
    "touched": "quarter-hours are still to be computed",
    "followed": "alarms, validation or forwarding have not seen all changes",
    "importing": "an import is under way",
}


class Command(BaseCommand):
    help = "Say which raw readings have passed their time and what holds them; --apply drops them."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--apply", action="store_true", help="drop what may go")

    def handle(self, *args: Any, **options: Any) -> None:
        now = timezone.now()
        tenants = retention_tenants()
        if not tenants:
            self.stdout.write("Every company keeps its raw readings for ever.")
        for tenant_id in tenants:
            with acting_for(tenant_id):
                self.tell(Tenant.objects.get(pk=tenant_id), retention_outlook(now))
        if not options["apply"]:
            self.stdout.write("Nothing was changed; --apply drops what may go.")
            return
        swept = keep_retention(now)
        months = ", ".join(f"{month:%Y-%m}" for month in swept.dropped) or "none"
        self.stdout.write(f"dropped months: {months}; single rows: {swept.rows}")
        for month, why in swept.kept.items():
            self.stdout.write(f"{month:%Y-%m} stays: {why}")

    def tell(self, tenant: Tenant, outlook: Outlook) -> None:
        if outlook.keep_months is None or outlook.raw_since is None:
            self.stdout.write(f"{tenant.slug}: keeps raw readings from now on for ever")
            return
        since = outlook.raw_since.date()
        self.stdout.write(f"{tenant.slug}: {outlook.keep_months} months, so since {since}")
        for code in outlook.waits_for:
            self.stdout.write(f"  waits: {WAITING[code]}")
        for month in outlook.months:
            self.stdout.write(f"  {month.month:%Y-%m}: {month.rows} rows, {month.held} held")
        for hold in outlook.holds[:SHOWN]:
            until = f"until {hold.until.date()}" if hold.until else "open"
            self.stdout.write(f"  held by {hold.reason}, {until}")
