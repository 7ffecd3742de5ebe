"""When things happen in billing. Each subscription has a sweeper that finds lost work by query."""

from __future__ import annotations

import logging
from datetime import timedelta

from celery import shared_task
from django.utils import timezone

from billing.events import account_saved, billing_started, invoices_issued, notice_kept
from billing.services import notices, runs
from billing.services.accounts import connect_account
from billing.services.announcing import announce_invoices, tenants_to_tell
from clients.kernel.errors import Permanent, Retryable
from clients.kernel.jobs import once_per_slot, periodic
from clients.kernel.sweeps import each

logger = logging.getLogger(__name__)


@billing_started.subscribe
@shared_task(queue="bulk")
def bill(tenant_id: int, run_id: int) -> None:
    while runs.work_on(tenant_id, run_id, now=timezone.now()):
        pass


@periodic(every=timedelta(minutes=1))
@shared_task(queue="bulk")
@once_per_slot(timedelta(minutes=1))
def sweep_billing_runs() -> None:
    each(runs.open_runs(), bill)


@invoices_issued.subscribe
@shared_task(queue="default")
def announce(tenant_id: int) -> None:
    announce_invoices(tenant_id, now=timezone.now())


@periodic(every=timedelta(minutes=1))
@shared_task(queue="default")
@once_per_slot(timedelta(minutes=1))
def sweep_announcements() -> None:
    each(tenants_to_tell(), announce)


@notice_kept.subscribe
@shared_task(queue="critical")
def confirm(tenant_id: int, notice_id: int) -> None:
    notices.confirm_notice(tenant_id, notice_id)


@periodic(every=timedelta(seconds=30))
@shared_task(queue="critical")
@once_per_slot(timedelta(seconds=30))
def sweep_notices() -> None:
    while notices.confirm_due():
        pass


@account_saved.subscribe
@shared_task(queue="default")
def reach_bank(tenant_id: int, account_id: int) -> None:
    try:
        connect_account(tenant_id, account_id)
        notices.reconcile(tenant_id, account_id, now=timezone.now())
    except (Retryable, Permanent):
        logger.warning("bank not reached", extra={"account_id": account_id})


@periodic(every=timedelta(minutes=10))
@shared_task(queue="default")
@once_per_slot(timedelta(minutes=10))
def sweep_banks() -> None:
    for door in notices.accounts_to_ask():
        reach_bank(door.tenant_id, door.account_id)
