"""Invoices that wait for a person, because the data behind them is not complete."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.utils import translation
from django.utils.translation import gettext as _

from billing.errors import AlreadyDecided
from billing.events import invoice_held
from billing.models import BillingRun, Decision, HeldInvoice, Invoice, LineKind, Subscription
from billing.services.drafts import Draft, draft_invoices, spans_of
from billing.services.issuing import issue_drafts
from clients.kernel.tenancy import current_tenant_id
from clients.models import Tenant


def hold_drafts(drafts: Sequence[Draft], run: BillingRun | None, *, now: datetime) -> int:
    """Keep each draft for a decision. A draft that waits already gets today's figures."""
    for draft in drafts:
        figures = {
            "run": run,
            "period_end": draft.span.period.end,
            "reason": draft.reason,
            "detail": {"points": _points(draft)},
            "total_cents": draft.total_cents,
            "currency": draft.subscription.plan.currency,
        }
        held, created = HeldInvoice.objects.update_or_create(
            subscription=draft.subscription,
            period_start=draft.span.period.start,
            defaults=figures,
            create_defaults={**figures, "held_at": now},
        )
        if created:
            invoice_held.announce(tenant_id=current_tenant_id(), held_id=held.pk)
    return len(drafts)


def _points(draft: Draft) -> list[dict[str, Any]]:
    return [
        {
            "description": line.description,
            "energy_wh": line.evidence["energy_wh"],
            "completeness_percent": line.evidence["completeness_percent"],
        }
        for line in draft.lines
        if line.kind == LineKind.ENERGY
    ]


def issue_held(held: HeldInvoice, *, now: datetime, note: str, decided_by: str = "") -> Invoice:
    """Bill what was measured, since a person says so. Raises AlreadyDecided the second time."""
    held = _waiting(held)
    tenant = Tenant.objects.get(pk=current_tenant_id())
    with translation.override(tenant.locale):
        drafts = draft_invoices(spans_of([held.subscription], held.period, tenant.zone))
    invoice = issue_drafts(drafts, tenant, now=now)[0]
    _decide(held, Decision.ISSUED, invoice, now=now, note=note, decided_by=decided_by)
    return invoice


def drop_held(held: HeldInvoice, *, now: datetime, note: str, decided_by: str = "") -> None:
    """Do not bill the period, now or later. Raises AlreadyDecided the second time."""
    _decide(_waiting(held), Decision.DROPPED, None, now=now, note=note, decided_by=decided_by)


def _waiting(held: HeldInvoice) -> HeldInvoice:
    """The row, locked with its subscription, so that a run cannot bill it meanwhile."""
    subscriptions = Subscription.objects.select_related("plan", "client").order_by()
    subscriptions.select_for_update(of=("self",), no_key=True).get(pk=held.subscription_id)
    rows = HeldInvoice.objects.select_related("subscription__plan", "subscription__client")
    fresh = rows.select_for_update(of=("self",)).get(pk=held.pk)
    if fresh.decision != Decision.WAITING:
        raise AlreadyDecided(_("Somebody has already decided about this invoice."))
    return fresh


def _decide(
    held: HeldInvoice,
    decision: Decision,
    invoice: Invoice | None,
    *,
    now: datetime,
    note: str,
    decided_by: str,
) -> None:
    HeldInvoice.objects.filter(pk=held.pk).update(
        decision=decision, invoice=invoice, decided_at=now, note=note, decided_by=decided_by
    )
