from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from billing.models.gateway import GatewayAccount
from billing.models.invoice import Invoice
from clients.kernel.constraints import one_of
from clients.kernel.keys import PublicIdModel
from clients.kernel.tenancy import TenantForeignKey, TenantModel
from clients.models import Client


class PaymentMethod(models.TextChoices):
    PIX = "pix", "Pix"
    CASH = "cash", _("Cash")
    TRANSFER = "transfer", _("Bank transfer")
    CARD = "card", _("Card")
    OTHER = "other", _("Other")


class Payment(TenantModel, PublicIdModel):
    """Money that arrived, whole, also when it was too much or for nobody. Never changed."""

    client = TenantForeignKey(
        Client, models.PROTECT, null=True, related_name="payments", verbose_name=_("client")
    )
    invoice = TenantForeignKey(
        Invoice, models.PROTECT, null=True, related_name="payments", verbose_name=_("invoice")
    )
    gateway_account = TenantForeignKey(
        GatewayAccount,
        models.PROTECT,
        null=True,
        related_name="+",
        verbose_name=_("where it arrived"),
    )
    method = models.CharField(_("method"), max_length=10, choices=PaymentMethod)
    amount_cents = models.BigIntegerField(_("amount"))
    currency = models.CharField(_("currency"), max_length=3)
    received_at = models.DateTimeField(_("received at"))
    reference = models.CharField(
        _("reference"),
        max_length=64,
        help_text=_("The bank's own identifier: for Pix, the endToEndId."),
    )
    note = models.CharField(_("note"), max_length=200, blank=True)
    recorded_by = models.CharField(_("recorded by"), max_length=120, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta(TenantModel.Meta):
        verbose_name = _("payment")
        verbose_name_plural = _("payments")
        ordering = ["-received_at", "-id"]
        indexes = [
            models.Index(fields=["tenant", "-received_at"], name="billing_payment_by_time"),
            models.Index(fields=["tenant", "client"], name="billing_payment_by_client"),
        ]
        constraints = [
            one_of("method", PaymentMethod),
            models.UniqueConstraint(
                fields=["tenant", "reference"], name="billing_payment_reference_once"
            ),
            models.CheckConstraint(
                condition=models.Q(amount_cents__gt=0), name="billing_payment_positive"
            ),
        ]

    def __str__(self) -> str:
        return self.reference
