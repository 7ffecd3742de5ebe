from __future__ import annotations

import hashlib
import json
import secrets
from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _

from clients.kernel.audit import audited
from clients.kernel.constraints import one_of
from clients.kernel.fields import EncryptedTextField
from clients.kernel.keys import PublicIdModel
from clients.kernel.tenancy import TenantModel


class ChannelKind(models.TextChoices):
    EMAIL = "email", _("E-mail")
    WHATSAPP = "whatsapp", _("WhatsApp")


@audited(exclude=("secrets", "webhook_token"))
class ChannelAccount(TenantModel, PublicIdModel):
    """The tenant's account with a provider. The default one of a kind is used for what is sent."""

    kind = models.CharField(_("channel"), max_length=10, choices=ChannelKind)
    name = models.CharField(_("name"), max_length=80)
    sender = models.CharField(
        _("sender"),
        max_length=200,
        blank=True,
        help_text=_("What people see: “Name <address@example.com>”, or the number."),
    )
    secrets = EncryptedTextField(_("credentials"), blank=True)
    is_default = models.BooleanField(_("default"), default=True)
    is_active = models.BooleanField(_("active"), default=True)
    paused_until = models.DateTimeField(_("paused until"), null=True, blank=True)
    paused_reason = models.CharField(_("why paused"), max_length=60, blank=True)
    webhook_token = EncryptedTextField(blank=True)
    webhook_token_sha256 = models.BinaryField(max_length=32, unique=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta(TenantModel.Meta):
        verbose_name = _("channel account")
        verbose_name_plural = _("channel accounts")
        ordering = ["kind", "-is_default", "name"]
        constraints = [
            one_of("kind", ChannelKind),
            models.UniqueConstraint(
                fields=["tenant", "kind"],
                condition=models.Q(is_default=True),
                name="messaging_account_one_default",
                violation_error_message=_("Another account of this channel is the default."),
                violation_error_code="default_taken",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def credentials(self) -> dict[str, str]:
        """The provider's settings and secrets, decrypted."""
        return dict(json.loads(self.secrets or "{}"))

    @credentials.setter
    def credentials(self, values: dict[str, str]) -> None:
        self.secrets = json.dumps(values)

    def save(self, *args: Any, **options: Any) -> None:
        """Every account has an address for webhooks from its first save on."""
        if not self.webhook_token_sha256:
            self.webhook_token = secrets.token_urlsafe(32)
            self.webhook_token_sha256 = token_sha256(self.webhook_token)
        super().save(*args, **options)


def token_sha256(token: str) -> bytes:
    """How the token of a webhook's address is looked up, so that the database never holds it."""
    return hashlib.sha256(token.encode()).digest()
