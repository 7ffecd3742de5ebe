from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any, ClassVar

from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.utils.translation import gettext_lazy as _

from billing.models.subscription import Subscription
from clients.kernel.audit import audited
from clients.kernel.constraints import one_of
from clients.kernel.keys import PublicIdModel
from clients.kernel.money import Money
from clients.kernel.periods import Period
from clients.kernel.tenancy import TenantForeignKey, TenantManager, TenantModel
from clients.models import Client, StoredFile

if TYPE_CHECKING:
    from meters.models import MeteringPoint


class InvoiceSeries(TenantModel):
    """The last number given out. It moves in the transaction that issues, so no number is lost."""

    code = models.CharField(max_length=8)
    last_number = models.BigIntegerField(default=0)

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["tenant", "code"], name="billing_invoiceseries_once")
        ]


class InvoiceStatus(models.TextChoices):
    ISSUED = "issued", _("To be paid")
    PAID = "paid", _("Paid")
    VOID = "void", _("Cancelled")


class InvoiceQuerySet(models.QuerySet["Invoice"]):
    def live(self) -> InvoiceQuerySet:
        return self.exclude(status=InvoiceStatus.VOID)

    def unpaid(self) -> InvoiceQuerySet:
        return self.filter(status=InvoiceStatus.ISSUED)

    def overdue(self, today: date) -> InvoiceQuerySet:
        """Unpaid although the due date has passed."""
        return self.unpaid().filter(due_on__lt=today)

    def overlapping(self, period: Period) -> InvoiceQuerySet:
        return self.filter(period_start__lt=period.end, period_end__gt=period.start)


@audited(exclude=("pix_code",))
class Invoice(TenantModel, PublicIdModel):
    """What a client owes for one period. Issued once, then only paid or cancelled.

    The database refuses every other change, also by the owner of the table.
    """

    client = TenantForeignKey(
        Client, models.PROTECT, related_name="invoices", verbose_name=_("client")
    )
    subscription = TenantForeignKey(
        Subscription, models.PROTECT, related_name="invoices", verbose_name=_("subscription")
    )
    series = models.CharField(_("series"), max_length=8, default="")
    number = models.BigIntegerField(_("number"))
    period_start = models.DateTimeField(_("period start"))
    period_end = models.DateTimeField(_("period end"))
    issued_at = models.DateTimeField(_("issued at"))
    due_on = models.DateField(_("due on"))
    status = models.CharField(
        _("status"), max_length=8, choices=InvoiceStatus, default=InvoiceStatus.ISSUED
    )
    total_cents = models.BigIntegerField(_("total"))
    paid_cents = models.BigIntegerField(_("paid so far"), default=0)
    currency = models.CharField(_("currency"), max_length=3)
    txid = models.CharField(_("Pix identifier"), max_length=25, blank=True)
    pix_code = models.CharField(_("Pix code"), max_length=512, blank=True)
    paid_at = models.DateTimeField(_("paid at"), null=True, blank=True)
    voided_at = models.DateTimeField(_("cancelled at"), null=True, blank=True)
    void_reason = models.CharField(_("reason"), max_length=200, blank=True)
    announced_at = models.DateTimeField(_("client told at"), null=True, blank=True)
    document = TenantForeignKey(
        StoredFile, models.SET_NULL, null=True, blank=True, related_name="+", editable=False
    )

    objects: ClassVar = TenantManager.from_queryset(InvoiceQuerySet)()

    class Meta(TenantModel.Meta):
        verbose_name = _("invoice")
        verbose_name_plural = _("invoices")
        ordering = ["-number"]
        indexes = [
            models.Index(fields=["tenant", "client", "-due_on"], name="billing_invoice_by_client"),
            models.Index(fields=["tenant", "status", "due_on"], name="billing_invoice_by_due"),
            models.Index(
                fields=["tenant", "id"],
                condition=models.Q(announced_at=None, status=InvoiceStatus.ISSUED),
                name="billing_invoice_untold",
            ),
        ]
        constraints = [
            one_of("status", InvoiceStatus),
            models.UniqueConstraint(
                fields=["tenant", "series", "number"], name="billing_invoice_number_once"
            ),
            models.UniqueConstraint(
                fields=["tenant", "subscription", "period_start"],
                condition=~models.Q(status=InvoiceStatus.VOID),
                name="billing_invoice_period_once",
            ),
            models.UniqueConstraint(
                fields=["tenant", "txid"],
                condition=~models.Q(txid=""),
                name="billing_invoice_txid_once",
            ),
            models.CheckConstraint(
                condition=models.Q(period_end__gt=models.F("period_start")),
                name="billing_invoice_period_order",
            ),
            models.CheckConstraint(
                condition=models.Q(total_cents__gte=0, paid_cents__gte=0)
                & models.Q(paid_cents__lte=models.F("total_cents")),
                name="billing_invoice_amounts",
            ),
            models.CheckConstraint(
                condition=~models.Q(status=InvoiceStatus.PAID)
                | models.Q(paid_cents=models.F("total_cents"), paid_at__isnull=False),
                name="billing_invoice_paid_in_full",
            ),
        ]

    def __str__(self) -> str:
        return self.label

    @property
    def label(self) -> str:
        """The number as people read it: 000123."""
        return f"{self.series}{self.number:06d}"

    @property
    def total(self) -> Money:
        return Money(self.total_cents, self.currency)

    @property
    def open_cents(self) -> int:
        """What is still to be paid."""
        return self.total_cents - self.paid_cents if self.status == InvoiceStatus.ISSUED else 0

    @property
    def period(self) -> Period:
        return Period(self.period_start, self.period_end)

    def is_overdue(self, today: date) -> bool:
        return self.status == InvoiceStatus.ISSUED and self.due_on < today


class LineKind(models.TextChoices):
    FIXED = "fixed", _("Fixed price")
    ENERGY = "energy", _("Energy")
    ADJUSTMENT = "adjustment", _("Adjustment")


class InvoiceLine(TenantModel):
    """One amount of an invoice, and what it is made of. Never changed."""

    invoice = TenantForeignKey(Invoice, models.PROTECT, related_name="lines")
    position = models.PositiveSmallIntegerField()
    kind = models.CharField(_("kind"), max_length=12, choices=LineKind)
    description = models.CharField(_("description"), max_length=200)
    quantity = models.DecimalField(_("quantity"), max_digits=20, decimal_places=6)
    unit = models.CharField(_("unit"), max_length=10)
    unit_price = models.DecimalField(_("unit price"), max_digits=20, decimal_places=8)
    amount_cents = models.BigIntegerField(_("amount"))
    metering_point: models.ForeignKey[MeteringPoint | None, MeteringPoint | None] = (
        TenantForeignKey("meters.MeteringPoint", models.PROTECT, null=True, related_name="+")
    )
    evidence: models.JSONField[dict[str, Any], dict[str, Any]] = models.JSONField(
        _("evidence"), default=dict, encoder=DjangoJSONEncoder
    )

    class Meta(TenantModel.Meta):
        verbose_name = _("line")
        verbose_name_plural = _("lines")
        ordering = ["invoice", "position"]
        constraints = [
            one_of("kind", LineKind),
            models.UniqueConstraint(
                fields=["tenant", "invoice", "position"], name="billing_invoiceline_position_once"
            ),
        ]

    def __str__(self) -> str:
        return self.description
