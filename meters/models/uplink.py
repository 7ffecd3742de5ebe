"""Which LoRaWAN uplinks were kept, so that the same one is not kept twice."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from clients.kernel.tenancy import TenantForeignKey, TenantModel
from meters.models.meter import Meter


class Uplink(TenantModel):
    """An uplink of a meter, kept for two days: by the server's own id, then by frame counter."""

    meter = TenantForeignKey(Meter, models.CASCADE, related_name="+")
    deduplication_id = models.UUIDField()
    frame_counter = models.BigIntegerField(null=True)
    heard_at = models.DateTimeField()

    class Meta(TenantModel.Meta):
        verbose_name = _("uplink")
        verbose_name_plural = _("uplinks")
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "deduplication_id"], name="meters_uplink_once"
            ),
        ]
        indexes = [
            models.Index(fields=["meter", "frame_counter"], name="meters_uplink_by_frame"),
            models.Index(fields=["heard_at"], name="meters_uplink_by_age"),
        ]
