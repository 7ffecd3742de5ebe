from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser, no_translations
from django.utils import timezone

from clients.kernel.errors import DomainError
from clients.kernel.periods import Period
from clients.kernel.tenancy import across_tenants, acting_for
from clients.models import Tenant
from meters.models import Meter, RuleCode
from meters.services.validation.preview import DAYS, MOST_DAYS, preview_rule
from meters.services.validation.running import validate_meter

SHOWN = 50


class Command(BaseCommand):
    help = "Judge the last days again by the validation rules; --dry-run only says what they find."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--tenant", default="", help="short name; without it, every company")
        parser.add_argument("--meter", default="", help="serial number; without it, every meter")
        parser.add_argument("--rule", default="", choices=["", *RuleCode.values])
        parser.add_argument("--days", type=int, default=DAYS)
        parser.add_argument(
            "--set",
            action="append",
            default=[],
            metavar="NAME=NUMBER",
            help="a parameter to try (with --rule and --dry-run); may be repeated",
        )
        parser.add_argument("--dry-run", action="store_true", help="keep nothing")

    @no_translations
    def handle(self, *args: Any, **options: Any) -> None:
        if not 1 <= options["days"] <= MOST_DAYS:
            raise CommandError(f"--days is from 1 to {MOST_DAYS}")
        changed = dict(number(text) for text in options["set"])
        if changed and not (options["rule"] and options["dry_run"]):
            raise CommandError("--set goes with --rule and --dry-run")
        with across_tenants(read_only=True):
            tenants = Tenant.objects.order_by("pk")
            if options["tenant"]:
                tenants = tenants.filter(slug=options["tenant"])
            found = list(tenants)
        if options["tenant"] and not found:
            raise CommandError(f"there is no company {options['tenant']}")
        for tenant in found:
            try:
                self.judge(tenant, changed, **options)
            except DomainError as error:
                raise CommandError(str(error)) from error

    def judge(
        self,
        tenant: Tenant,
        changed: dict[str, float],
        *,
        meter: str,
        rule: str,
        days: int,
        dry_run: bool,
        **options: Any,
    ) -> None:
        now = timezone.now()
        with acting_for(tenant.pk):
            meters = Meter.objects.filter(is_active=True).order_by("serial")
            chosen = list(meters.filter(serial=meter) if meter else meters)
        codes = [rule] if rule else list(RuleCode.values)
        if not dry_run:
            for row in chosen:
                with acting_for(tenant.pk):
                    count = validate_meter(
                        row, Period(now - timedelta(days=days), now), now=now, codes=codes
                    )
                if count:
                    self.stdout.write(f"{tenant} · {row}: {count} open")
            return
        for code in codes:
            with acting_for(tenant.pk):
                found = preview_rule(
                    code, parameters=changed, days=days, now=now, meters=chosen, most_meters=None
                )
            self.stdout.write(
                f"{tenant} · {code}: {found.count} on {found.meters} of "
                f"{found.meters_looked_at} meters"
            )
            for item in found.flagged[:SHOWN]:
                start = f"{item.found.starts_at:%Y-%m-%d %H:%M}"
                end = f"{item.found.ends_at:%Y-%m-%d %H:%M}"
                self.stdout.write(f"  {item.meter} {start} to {end} {item.found.values}")


def number(text: str) -> tuple[str, float]:
    name, _equals, value = text.partition("=")
    try:
        return name, float(value)
    except ValueError:
        raise CommandError(f"{text} is not NAME=NUMBER") from None
