from __future__ import annotations

import hashlib
import secrets
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext_lazy as _

from billing.errors import BadPixKey
from billing.events import account_saved
from billing.gateways.pix import CITY_LIMIT, KEY_LIMIT, NAME_LIMIT, plain, read_key
from clients.kernel.audit import audited
from clients.kernel.constraints import one_of
from clients.kernel.fields import EncryptedTextField
from clients.kernel.keys import PublicIdModel
from clients.kernel.leases import LeasedModel
from clients.kernel.tenancy import TenantForeignKey, TenantModel


class GatewayKind(models.TextChoices):
    PIX_KEY = "pix_key", _("Pix key only: payments are confirmed by hand")
    SIMULATOR = "simulator", _("Simulated bank (for trying)")
    PIX_PSP = "pix_psp", _("Bank with API Pix")


def token_hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def new_token() -> str:
    return secrets.token_urlsafe(24)


@audited(exclude=("client_id", "client_secret", "webhook_token", "webhook_token_sha256"))
class GatewayAccount(TenantModel, PublicIdModel):
    """Where a tenant's money arrives, and how to ask there."""

    name = models.CharField(_("name"), max_length=60)
    kind = models.CharField(
        _("kind"), max_length=12, choices=GatewayKind, default=GatewayKind.PIX_KEY
    )
    pix_key = models.CharField(_("Pix key"), max_length=KEY_LIMIT)
    receiver_name = models.CharField(
        _("receiver's name"), max_length=NAME_LIMIT, help_text=_("As the bank shows it.")
    )
    receiver_city = models.CharField(_("receiver's city"), max_length=CITY_LIMIT)
    base_url = models.CharField(_("address of the API"), max_length=200, blank=True)
    client_id = EncryptedTextField(_("client id"), blank=True)
    client_secret = EncryptedTextField(_("client secret"), blank=True)
    webhook_token = EncryptedTextField(editable=False, blank=True)
    webhook_token_sha256 = models.CharField(max_length=64, unique=True, editable=False)
    is_default = models.BooleanField(_("used for new invoices"), default=True)
    is_active = models.BooleanField(_("active"), default=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta(TenantModel.Meta):
        verbose_name = _("receiving account")
        verbose_name_plural = _("receiving accounts")
        ordering = ["-is_default", "name", "id"]
        constraints = [
            one_of("kind", GatewayKind),
            models.UniqueConstraint(
                fields=["tenant"],
                condition=models.Q(is_default=True, is_active=True),
                name="billing_gatewayaccount_one_default",
                violation_error_message=_("Another account is already used for new invoices."),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def save(self, *args: Any, **options: Any) -> None:
        if not self.webhook_token_sha256:
            token = new_token()
            self.webhook_token = token
            self.webhook_token_sha256 = token_hash(token)
        super().save(*args, **options)
        account_saved.announce(tenant_id=self.tenant_id, account_id=self.pk)

    def clean(self) -> None:
        try:
            self.pix_key = read_key(self.pix_key).value
        except BadPixKey as error:
            raise ValidationError({"pix_key": str(error)}, code=error.code) from error
        if self.base_url and not self.base_url.startswith("https://"):
            sentence = _("The bank's address begins with https://.")
            raise ValidationError({"base_url": sentence}, code="wrong_address")
        self.receiver_name = plain(self.receiver_name)
        self.receiver_city = plain(self.receiver_city)


class GatewayNotice(LeasedModel):
    """What a bank's webhook said, kept before it is believed. Work is due until it is confirmed."""

    account = TenantForeignKey(GatewayAccount, models.PROTECT, related_name="notices")
    body_sha256 = models.CharField(max_length=64)
    end_to_end_id = models.CharField(max_length=64, blank=True)
    body: models.JSONField[Any, Any] = models.JSONField()
    received_at = models.DateTimeField()
    confirmed_at = models.DateTimeField(null=True, blank=True)

    class Meta(LeasedModel.Meta):
        verbose_name = _("notice of a bank")
        verbose_name_plural = _("notices of banks")
        ordering = ["-id"]
        indexes = [
            models.Index(
                fields=["due_at"],
                condition=models.Q(due_at__isnull=False),
                name="billing_gatewaynotice_due",
            )
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "account", "body_sha256"], name="billing_gatewaynotice_once"
            )
        ]

    def __str__(self) -> str:
        return self.end_to_end_id or self.body_sha256[:12]
