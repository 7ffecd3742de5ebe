"""Billing a period in chunks, each one transaction: killed anywhere, it goes on from there."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import F, QuerySet
from django.utils import translation
from django.utils.translation import gettext as _

from billing.errors import PeriodNotOver
from billing.events import billing_started
from billing.models import (
    BillingRun,
    Decision,
    HeldInvoice,
    Invoice,
    RunStatus,
    Subscription,
)
from billing.services.announcing import announce_invoices
from billing.services.cycles import Span, check_period
from billing.services.drafts import draft_invoices, spans_of
from billing.services.held import hold_drafts
from billing.services.issuing import issue_drafts
from clients.kernel.periods import Period
from clients.kernel.tenancy import acting_for, current_tenant_id
from clients.models import Tenant

CHUNK = 500  # below 5 s also where ten programs share two cores
LONGEST_CYCLE = timedelta(days=31)


@dataclass(frozen=True, slots=True)
class Preview:
    """What a run would do now. `billed_count` were billed before and stay as they are."""

    issue_count: int
    issue_cents: int
    held_count: int
    billed_count: int
    currency: str


def run_billing(
    tenant_id: int, period: Period, *, now: datetime, started_by: str = ""
) -> BillingRun:
    """Bill every subscription of the period once, and tell the clients.

    Safe to call twice, at once, and again after a crash.
    """
    with acting_for(tenant_id):
        run = start_billing(period, now=now, started_by=started_by)
    while work_on(tenant_id, run.pk, now=now):
        pass
    announce_invoices(tenant_id, now=now)
    with acting_for(tenant_id):
        run.refresh_from_db()
    return run


def start_billing(period: Period, *, now: datetime, started_by: str = "") -> BillingRun:
    """An open run of the period, new or found; workers do the rest. Raises PeriodNotOver."""
    tenant = Tenant.objects.get(pk=current_tenant_id())
    check_period(period, tenant.zone)
    if period.end > now:
        raise PeriodNotOver(_("The period is not over yet. Its energy is still being measured."))
    run, created = BillingRun.objects.get_or_create(
        period_start=period.start,
        period_end=period.end,
        status=RunStatus.RUNNING,
        defaults={
            "started_at": now,
            "started_by": started_by,
            "currency": tenant.currency,
            "expected_count": _served(period, tenant).count(),
        },
    )
    if created:
        billing_started.announce(tenant_id=tenant.pk, run_id=run.pk)
    return run


def work_on(tenant_id: int, run_id: int, *, now: datetime) -> bool:
    """Bill the next chunk of an open run, in one transaction. False when nothing was left."""
    with acting_for(tenant_id):
        run = BillingRun.objects.select_for_update().get(pk=run_id)
        if run.status != RunStatus.RUNNING:
            return False
        tenant = Tenant.objects.get(pk=tenant_id)
        left = _served(run.period, tenant).filter(pk__gt=run.cursor).order_by("pk")
        chunk = list(left.select_for_update(of=("self",), no_key=True)[:CHUNK])
        if not chunk:
            _finish(run, now)
            return False
        _bill(run, chunk, tenant, now=now)
        return True


def open_runs(limit: int = 100) -> list[tuple[int, int]]:
    """Runs of any tenant that are not done: (tenant_id, run_id), the oldest first."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM open_billing_runs(%s)", [limit])
        return [(tenant_id, run_id) for tenant_id, run_id in cursor.fetchall()]


def _bill(run: BillingRun, chunk: Sequence[Subscription], tenant: Tenant, *, now: datetime) -> None:
    spans = unbilled(spans_of(chunk, run.period, tenant.zone), now=now)
    with translation.override(tenant.locale):
        drafts = draft_invoices(spans)
    invoices = issue_drafts([draft for draft in drafts if not draft.reason], tenant, now=now)
    held_count = hold_drafts([draft for draft in drafts if draft.reason], run, now=now)
    BillingRun.objects.filter(pk=run.pk).update(
        cursor=chunk[-1].pk,
        seen_count=F("seen_count") + len(chunk),
        issued_count=F("issued_count") + len(invoices),
        held_count=F("held_count") + held_count,
        issued_cents=F("issued_cents") + sum(invoice.total_cents for invoice in invoices),
    )


def _finish(run: BillingRun, now: datetime) -> None:
    run.status, run.finished_at = RunStatus.DONE, now
    run.save(update_fields=["status", "finished_at"])


def unbilled(spans: Mapping[Subscription, Span], *, now: datetime) -> dict[Subscription, Span]:
    """Spans that are over, of which no day was billed, and that no person set aside."""
    billed = _billed(spans)
    return {
        subscription: span
        for subscription, span in spans.items()
        if span.period.end <= now
        and not any(_overlap(span.period, other) for other in billed[subscription.pk])
    }


def _billed(spans: Mapping[Subscription, Span]) -> dict[int, list[Period]]:
    """Stretches that are settled. Cancelled invoices count: cancelling was a decision."""
    if not spans:
        return {}
    billed: dict[int, list[Period]] = defaultdict(list)
    since = min(span.period.start for span in spans.values())
    settled = {"subscription__in": list(spans), "period_end__gt": since}
    columns = ("subscription_id", "period_start", "period_end")
    dropped = HeldInvoice.objects.filter(decision=Decision.DROPPED, **settled)
    for rows in (Invoice.objects.filter(**settled), dropped):
        for key, start, end in rows.values_list(*columns):
            billed[key].append(Period(start, end))
    return billed


def _overlap(one: Period, other: Period) -> bool:
    return one.start < other.end and other.start < one.end


def _served(period: Period, tenant: Tenant) -> QuerySet[Subscription, Any]:
    """Subscriptions that may have something to bill, also in a cycle that outlasts the month."""
    first = period.start.astimezone(tenant.zone).date()
    last = period.end.astimezone(tenant.zone).date() + LONGEST_CYCLE
    return Subscription.objects.served_between(first, last).select_related("plan", "client")


def preview_billing(period: Period, *, now: datetime) -> Preview:
    """What `run_billing` would do, were the period over. Nothing is written."""
    tenant = Tenant.objects.get(pk=current_tenant_id())
    check_period(period, tenant.zone)
    issue_count = issue_cents = held_count = billed_count = 0
    for chunk in _chunks(_served(period, tenant).order_by("pk")):
        spans = spans_of(chunk, period, tenant.zone)
        drafts = draft_invoices(unbilled(spans, now=max(now, period.end)))
        good = [draft for draft in drafts if not draft.reason]
        issue_count += len(good)
        issue_cents += sum(draft.total_cents for draft in good)
        held_count += len(drafts) - len(good)
        billed_count += len(spans) - len(drafts)
    return Preview(issue_count, issue_cents, held_count, billed_count, tenant.currency)


def _chunks(rows: QuerySet[Subscription, Any]) -> Iterator[list[Subscription]]:
    last = 0
    while chunk := list(rows.filter(pk__gt=last)[:CHUNK]):
        yield chunk
        last = chunk[-1].pk
