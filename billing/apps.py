from __future__ import annotations

from django.apps import AppConfig


class BillingConfig(AppConfig):
    name = "billing"

    def ready(self) -> None:
        import billing.selectors.invariants
        import billing.services.evidence  # the readings that it holds
        import billing.tasks  # noqa: F401 - subscriptions exist in every process
