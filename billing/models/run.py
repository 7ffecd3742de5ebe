from __future__ import annotations

from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from billing.models.invoice import Invoice
from billing.models.subscription import Subscription
from clients.kernel import when
from clients.kernel.audit import audited
from clients.kernel.constraints import one_of
from clients.kernel.keys import PublicIdModel
from clients.kernel.periods import Period
from clients.kernel.tenancy import TenantForeignKey, TenantModel


class RunStatus(models.TextChoices):
    RUNNING = "running", _("Running")
    DONE = "done", _("Done")


class BillingRun(TenantModel, PublicIdModel):
    """One pass over the subscriptions of a period. Each chunk and its counts commit together.

    While a run of a period is open, every worker that bills the period works on it.
    """

    period_start = models.DateTimeField(_("period start"))
    period_end = models.DateTimeField(_("period end"))
    status = models.CharField(
        _("status"), max_length=8, choices=RunStatus, default=RunStatus.RUNNING
    )
    cursor = models.BigIntegerField(default=0, editable=False)
    expected_count = models.PositiveIntegerField(_("subscriptions"), default=0)
    seen_count = models.PositiveIntegerField(_("looked at"), default=0)
    issued_count = models.PositiveIntegerField(_("issued"), default=0)
    held_count = models.PositiveIntegerField(_("held"), default=0)
    issued_cents = models.BigIntegerField(_("amount issued"), default=0)
    currency = models.CharField(_("currency"), max_length=3)
    started_by = models.CharField(_("started by"), max_length=120, blank=True)
    started_at = models.DateTimeField(_("started at"))
    finished_at = models.DateTimeField(_("finished at"), null=True, blank=True)

    class Meta(TenantModel.Meta):
        verbose_name = _("billing run")
        verbose_name_plural = _("billing runs")
        ordering = ["-id"]
        constraints = [
            one_of("status", RunStatus),
            models.UniqueConstraint(
                fields=["tenant", "period_start", "period_end"],
                condition=models.Q(status=RunStatus.RUNNING),
                name="billing_billingrun_one_open",
            ),
        ]

    def __str__(self) -> str:
        return when.month(timezone.localtime(self.period_start).date())

    @property
    def period(self) -> Period:
        return Period(self.period_start, self.period_end)


class HoldReason(models.TextChoices):
    INCOMPLETE = "incomplete", _("Data is missing")
    NO_DATA = "no_data", _("No data at all")
    CURRENCY = "currency", _("The plan is in another currency")


class Decision(models.TextChoices):
    WAITING = "waiting", _("Waiting for a decision")
    ISSUED = "issued", _("Issued")
    DROPPED = "dropped", _("Not billed")


@audited()
class HeldInvoice(TenantModel, PublicIdModel):
    """A period that was not billed silently: it waits for better data or for a person."""

    subscription = TenantForeignKey(
        Subscription, models.PROTECT, related_name="held", verbose_name=_("subscription")
    )
    run = TenantForeignKey(BillingRun, models.PROTECT, related_name="held", null=True)
    period_start = models.DateTimeField(_("period start"))
    period_end = models.DateTimeField(_("period end"))
    reason = models.CharField(_("reason"), max_length=12, choices=HoldReason)
    detail: models.JSONField[dict[str, Any], dict[str, Any]] = models.JSONField(
        _("detail"), default=dict, encoder=DjangoJSONEncoder
    )
    total_cents = models.BigIntegerField(_("amount so far"))
    currency = models.CharField(_("currency"), max_length=3)
    held_at = models.DateTimeField(_("held since"))
    decision = models.CharField(
        _("decision"), max_length=8, choices=Decision, default=Decision.WAITING
    )
    decided_at = models.DateTimeField(_("decided at"), null=True, blank=True)
    decided_by = models.CharField(_("decided by"), max_length=120, blank=True)
    note = models.CharField(_("why"), max_length=200, blank=True)
    invoice = TenantForeignKey(
        Invoice, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("invoice")
    )

    class Meta(TenantModel.Meta):
        verbose_name = _("held invoice")
        verbose_name_plural = _("held invoices")
        ordering = ["-id"]
        constraints = [
            one_of("reason", HoldReason),
            one_of("decision", Decision),
            models.UniqueConstraint(
                fields=["tenant", "subscription", "period_start"],
                name="billing_heldinvoice_period_once",
            ),
        ]

    def __str__(self) -> str:
        return str(self.subscription)

    @property
    def period(self) -> Period:
        return Period(self.period_start, self.period_end)
