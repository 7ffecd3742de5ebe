"""Makers for tests of billing and of the apps above. The tenant must be open."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from billing.models import (
    GatewayAccount,
    GatewayKind,
    Invoice,
    Plan,
    Subscription,
    SubscriptionPoint,
)
from billing.services.invoices import issue_invoice
from clients.kernel.periods import Period, month_of
from clients.models import Client, Tenant
from clients.testing import make_client
from meters.models import MeteringPoint

SAO_PAULO = ZoneInfo("America/Sao_Paulo")
JANUARY = month_of(date(2026, 1, 1), SAO_PAULO)
FEBRUARY = month_of(date(2026, 2, 1), SAO_PAULO)
NOON = datetime(2026, 2, 1, 15, tzinfo=UTC)  # the first of February at noon in São Paulo
RANDOM_KEY = "123e4567-e12b-12d1-a456-426655440000"
_serial = itertools.count(1)


def make_plan(*, tenant: Tenant, **fields: Any) -> Plan:
    """R$ 49,90 a month and nothing for energy, unless told otherwise."""
    defaults = {"name": f"Plan {next(_serial)}", "fixed_cents": 4990, "price_per_kwh": Decimal(0)}
    return Plan.objects.create(**{"tenant": tenant, **defaults, **fields})


def make_subscription(
    *,
    tenant: Tenant,
    client: Client | None = None,
    plan: Plan | None = None,
    points: Sequence[MeteringPoint] = (),
    **fields: Any,
) -> Subscription:
    """A client of the plan since 1 January 2026, billed by calendar month."""
    made = Subscription.objects.create(
        tenant=tenant,
        client=client or make_client(tenant=tenant, phone="", name=f"Client {next(_serial)}"),
        plan=plan or make_plan(tenant=tenant),
        **{"starts_on": date(2026, 1, 1), **fields},
    )
    for point in points:
        SubscriptionPoint.objects.create(tenant=tenant, subscription=made, metering_point=point)
    return made


def make_account(*, tenant: Tenant, **fields: Any) -> GatewayAccount:
    """The account that new invoices are paid into: a Pix key, confirmed by hand."""
    defaults = {
        "name": "Main account",
        "kind": GatewayKind.PIX_KEY,
        "pix_key": RANDOM_KEY,
        "receiver_name": "Acacia Energia",
        "receiver_city": "Jundiai",
    }
    return GatewayAccount.objects.create(**{"tenant": tenant, **defaults, **fields})


def make_invoice(
    *, tenant: Tenant, period: Period = JANUARY, now: datetime = NOON, **fields: Any
) -> Invoice:
    """An issued invoice of one fixed line, for a subscription of its own unless one is given."""
    subscription = fields.pop("subscription", None) or make_subscription(tenant=tenant, **fields)
    return issue_invoice(subscription, period, now=now)
