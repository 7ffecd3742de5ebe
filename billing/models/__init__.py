from __future__ import annotations

from billing.models.gateway import GatewayAccount, GatewayKind, GatewayNotice
from billing.models.invoice import Invoice, InvoiceLine, InvoiceSeries, InvoiceStatus, LineKind
from billing.models.ledger import AccountCode, LedgerAccount, LedgerEntry
from billing.models.payment import Payment, PaymentMethod
from billing.models.plan import Plan
from billing.models.run import BillingRun, Decision, HeldInvoice, HoldReason, RunStatus
from billing.models.subscription import Subscription, SubscriptionPoint

__all__ = [
    "AccountCode",
    "BillingRun",
    "Decision",
    "GatewayAccount",
    "GatewayKind",
    "GatewayNotice",
    "HeldInvoice",
    "HoldReason",
    "Invoice",
    "InvoiceLine",
    "InvoiceSeries",
    "InvoiceStatus",
    "LedgerAccount",
    "LedgerEntry",
    "LineKind",
    "Payment",
    "PaymentMethod",
    "Plan",
    "RunStatus",
    "Subscription",
    "SubscriptionPoint",
]
