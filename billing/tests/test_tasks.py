from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from billing import events, tasks
from billing.models import BillingRun, Invoice, RunStatus
from billing.services.runs import start_billing
from billing.testing import JANUARY, NOON, make_invoice, make_subscription
from clients.kernel.jobs import PERIODIC
from clients.kernel.tenancy import acting_for
from clients.models import Tenant
from messaging.models import Message

SWEEPERS = {
    events.billing_started: tasks.sweep_billing_runs,
    events.invoices_issued: tasks.sweep_announcements,
    events.notice_kept: tasks.sweep_notices,
    events.account_saved: tasks.sweep_banks,
}


@pytest.mark.parametrize("event", SWEEPERS, ids=lambda event: event.name)
def test_each_doorbell_has_a_sweeper_on_a_timer(event: events.Event) -> None:
    assert event.subscribers != []
    assert SWEEPERS[event].name in PERIODIC


def test_only_these_events_are_answered_here() -> None:
    answered = {event for event in vars(events).values() if isinstance(event, events.Event)}
    mine = {
        event
        for event in answered
        if any(task.name.startswith("billing.") for task in event.subscribers)
    }

    assert mine == set(SWEEPERS)


@pytest.mark.commits
def test_a_run_whose_ring_was_lost_is_found(acacia: Tenant) -> None:
    with acting_for(acacia.pk):
        make_subscription(tenant=acacia)
        start_billing(JANUARY, now=NOON)

    tasks.sweep_billing_runs()
    tasks.sweep_announcements()

    with acting_for(acacia.pk):
        assert BillingRun.objects.get().status == RunStatus.DONE
        assert (Invoice.objects.count(), Message.objects.count()) == (1, 1)


@pytest.mark.commits
def test_clients_are_told_of_an_invoice_issued_by_hand(acacia: Tenant) -> None:
    with acting_for(acacia.pk):
        invoice = make_invoice(tenant=acacia)

    tasks.announce(acacia.pk)

    with acting_for(acacia.pk):
        invoice.refresh_from_db()
        assert invoice.announced_at is not None
        assert timezone.now() - invoice.announced_at < timedelta(minutes=1)
