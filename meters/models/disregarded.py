from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from clients.kernel.audit import audited
from clients.kernel.tenancy import TenantForeignKey, TenantModel
from meters.models.meter import Meter


@audited()
class Disregarded(TenantModel):
    """A reading that intervals leave out, because a person or a rule says so. It stays stored."""

    meter = TenantForeignKey(Meter, models.CASCADE, related_name="+")
    measured_at = models.DateTimeField(_("measured at"))
    rule = models.CharField(_("rule"), max_length=40, blank=True)
    reason = models.CharField(_("reason"), max_length=200)
    author = models.CharField(_("by"), max_length=120, blank=True)
    created_at = models.DateTimeField(_("since"), auto_now_add=True)

    class Meta(TenantModel.Meta):
        verbose_name = _("disregarded reading")
        verbose_name_plural = _("disregarded readings")
        ordering = ["-measured_at", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "meter", "measured_at"], name="meters_disregarded_once"
            )
        ]
