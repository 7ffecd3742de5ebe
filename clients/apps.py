from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.db.backends.signals import connection_created
from django.db.models.signals import post_migrate

from clients.kernel.boot import refuse_dangerous_role
from clients.kernel.jobs import sync_schedule


class ClientsConfig(AppConfig):
    name = "clients"

    def ready(self) -> None:
        connection_created.connect(refuse_dangerous_role, dispatch_uid="clients.boot")
        post_migrate.connect(_after_migrate, sender=self, dispatch_uid="clients.schedule")


def _after_migrate(using: str, **_: Any) -> None:
    sync_schedule(using)
