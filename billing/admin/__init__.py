from __future__ import annotations

from billing.admin import gateway, held, home, invoice, panels, payment, plan, run, subscription

__all__ = [
    "gateway",
    "held",
    "home",
    "invoice",
    "panels",
    "payment",
    "plan",
    "run",
    "subscription",
]
