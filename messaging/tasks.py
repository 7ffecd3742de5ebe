"""When messages leave and receipts are read. The sweeps do the same work when a ring is lost."""

from __future__ import annotations

from datetime import timedelta

from celery import shared_task

from clients.kernel.jobs import periodic
from messaging.events import message_queued, notice_kept
from messaging.services.delivery import deliver_due, deliver_one
from messaging.services.receipts import take_in_due, take_in_one

SWEEP_SECONDS = 10.0


@message_queued.subscribe
@shared_task
def deliver(tenant_id: int, message_id: int) -> None:
    deliver_one(tenant_id, message_id)


@periodic(every=timedelta(seconds=SWEEP_SECONDS))
@shared_task
def sweep_messages() -> None:
    deliver_due(SWEEP_SECONDS)


@notice_kept.subscribe
@shared_task
def take_in(tenant_id: int, notice_id: int) -> None:
    take_in_one(tenant_id, notice_id)


@periodic(every=timedelta(seconds=SWEEP_SECONDS))
@shared_task
def sweep_notices() -> None:
    while take_in_due(100):
        pass
