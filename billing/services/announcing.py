"""Telling clients about their invoices: a message row in the same transaction, sent later."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from billing.models import Invoice
from clients.models import Tenant


def announce_invoices(invoices: Sequence[Invoice], tenant: Tenant, *, now: datetime) -> None:
    """Queue one message for each invoice that is to be paid."""
