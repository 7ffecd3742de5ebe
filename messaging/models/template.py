from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from clients.kernel.audit import audited
from clients.kernel.constraints import one_of
from clients.kernel.keys import PublicIdModel
from clients.kernel.tenancy import TenantModel
from messaging.models.account import ChannelKind


@audited()
class Template(TenantModel, PublicIdModel):
    """One version of the tenant's words for a kind of message, channel and language.

    A version that was saved stays as it is; saving again makes the next one the current one.
    """

    key = models.CharField(_("kind of message"), max_length=60)
    channel = models.CharField(_("channel"), max_length=10, choices=ChannelKind)
    language = models.CharField(_("language"), max_length=10, default="pt-br")
    subject = models.CharField(_("subject"), max_length=200, blank=True)
    body = models.TextField(_("text"), max_length=16_000)
    provider_name = models.CharField(
        _("approved name"),
        max_length=120,
        blank=True,
        help_text=_("WhatsApp: the name under which Meta approved this text."),
    )
    version = models.PositiveIntegerField(_("version"), default=1)
    is_current = models.BooleanField(_("in use"), default=True)
    created_at = models.DateTimeField(_("saved at"), auto_now_add=True)

    class Meta(TenantModel.Meta):
        verbose_name = _("template")
        verbose_name_plural = _("templates")
        ordering = ["key", "channel", "language", "-version"]
        constraints = [
            one_of("channel", ChannelKind),
            models.UniqueConstraint(
                fields=["tenant", "key", "channel", "language", "version"],
                name="messaging_template_version_once",
            ),
            models.UniqueConstraint(
                fields=["tenant", "key", "channel", "language"],
                condition=models.Q(is_current=True),
                name="messaging_template_one_current",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.key} ({self.get_channel_display()}, {self.language})"
