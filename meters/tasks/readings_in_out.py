"""Files of readings in and out, and readings whose time has passed."""

from __future__ import annotations

from datetime import timedelta

from celery import shared_task
from django.utils import timezone

from clients.kernel.jobs import once_per_slot, periodic
from clients.kernel.sweeps import each
from meters.events import export_wanted, import_wanted
from meters.services.exports import open_exports, work_on_export
from meters.services.imports import open_imports, work_on_import
from meters.services.retention import keep_retention


@import_wanted.subscribe
@shared_task(queue="bulk")
def import_file(tenant_id: int, import_id: int) -> None:
    work_on_import(tenant_id, import_id, now=timezone.now())


@periodic(every=timedelta(minutes=1))
@shared_task(queue="bulk")
@once_per_slot(timedelta(minutes=1))
def sweep_imports() -> None:
    each(open_imports(), import_file)


@export_wanted.subscribe
@shared_task(queue="bulk")
def export_files(tenant_id: int, export_id: int) -> None:
    work_on_export(tenant_id, export_id, now=timezone.now())


@periodic(every=timedelta(minutes=1))
@shared_task(queue="bulk")
@once_per_slot(timedelta(minutes=1))
def sweep_exports() -> None:
    each(open_exports(), export_files)


@periodic(every=timedelta(days=1))
@shared_task(queue="bulk")
@once_per_slot(timedelta(days=1))
def drop_old_readings() -> None:
    """Raw readings that no tenant keeps and nothing stands on."""
    keep_retention(timezone.now())
