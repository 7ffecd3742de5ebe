from __future__ import annotations

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from clients.kernel.tenancy import TenantForeignKey, TenantModel
from meters.models.meter import Meter


class Stuck(TenantModel):
    """A meter whose readings cannot be computed. It waits apart, so that the others go on."""

    meter = TenantForeignKey(Meter, models.CASCADE, related_name="+")
    since = models.DateTimeField(_("since"), db_default=Now())
    retry_at = models.DateTimeField(_("next try"))
    error = models.CharField(_("what happened"), max_length=300)

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["tenant", "meter"], name="meters_stuck_once")
        ]
