from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from clients.kernel.constraints import one_of
from clients.kernel.leases import LeasedModel
from clients.kernel.tenancy import TenantForeignKey, TenantModel
from messaging.models.account import ChannelAccount, ChannelKind
from messaging.models.message import Message


class WebhookNotice(LeasedModel):
    """What a provider posted to us, verified and kept as it came; worked off once."""

    max_attempts: ClassVar[int] = 8

    account = TenantForeignKey(ChannelAccount, models.PROTECT, related_name="+")
    raw_sha256 = models.BinaryField(max_length=32)
    raw = models.BinaryField()
    received_at = models.DateTimeField(auto_now_add=True)

    class Meta(LeasedModel.Meta):
        indexes = [
            models.Index(
                fields=["due_at"],
                condition=models.Q(due_at__isnull=False),
                name="messaging_notice_due",
            )
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "account", "raw_sha256"], name="messaging_notice_once"
            )
        ]


class Receipt(TenantModel):
    """One report of a provider about one message. The same report again is the same row."""

    message = TenantForeignKey(Message, models.CASCADE, related_name="receipts")
    event_id = models.CharField(max_length=300)
    status = models.CharField(_("status"), max_length=10)
    at = models.DateTimeField(_("at"))
    error_code = models.CharField(max_length=40, blank=True)
    received_at = models.DateTimeField(auto_now_add=True)

    class Meta(TenantModel.Meta):
        verbose_name = _("receipt")
        verbose_name_plural = _("receipts")
        ordering = ["at", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "message", "event_id"], name="messaging_receipt_once"
            )
        ]


class SuppressionReason(models.TextChoices):
    ASKED = "asked", _("Asked for no more")
    UNREACHABLE = "unreachable", _("Cannot be reached")


class Suppression(TenantModel):
    """An address that gets nothing more on a channel."""

    channel = models.CharField(_("channel"), max_length=10, choices=ChannelKind)
    address = models.CharField(_("address"), max_length=254)
    reason = models.CharField(_("reason"), max_length=12, choices=SuppressionReason)
    created_at = models.DateTimeField(_("since"), auto_now_add=True)

    class Meta(TenantModel.Meta):
        verbose_name = _("suppressed address")
        verbose_name_plural = _("suppressed addresses")
        ordering = ["-id"]
        constraints = [
            one_of("reason", SuppressionReason),
            models.UniqueConstraint(
                fields=["tenant", "channel", "address"], name="messaging_suppression_once"
            ),
        ]
