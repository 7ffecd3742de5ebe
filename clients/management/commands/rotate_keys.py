from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from clients.kernel.tenancy import NoTenant
from clients.services.keys import reseal_everything


class Command(BaseCommand):
    help = (
        "Seals every secret with the first of FIELD_KEYS. Afterwards the older keys may be "
        "taken away. Safe to run twice."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            found = reseal_everything()
        except NoTenant as error:
            raise CommandError(
                "This needs DATABASE_OPS_URL, to know the tenants.", returncode=2
            ) from error
        for one in found:
            self.stdout.write(f"{one.model}: {one.rows} rows, {one.changed} sealed anew")
        if closed := sum(one.closed for one in found):
            raise CommandError(f"{closed} rows are opened by no key of FIELD_KEYS. Keep the keys.")
