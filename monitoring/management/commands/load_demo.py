from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from clients.kernel.attribution import attributed
from clients.kernel.tenancy import NoTenant
from monitoring.services.demo_tenants import load_demo


class Command(BaseCommand):
    help = "Load two demonstration companies and print who can sign in. Safe to run twice."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        if settings.IS_PRODUCTION:
            raise CommandError("Demonstration sign-ins do not belong in production.", returncode=2)
        try:
            with attributed(command="load_demo"):
                people = load_demo(now=timezone.now())
        except NoTenant as error:
            raise CommandError(f"{error}.", returncode=2) from error
        self.stdout.write(f"Sign in with the password {people[0].password} as")
        for person in people:
            self.stdout.write(f"  {person.email:<32} {person.role:<9} {person.company}")
