from __future__ import annotations

from django.db import models
from django.db.models.functions import Now

from clients.kernel.tenancy import TenantModel


class Change(TenantModel):
    """A stretch of a meter's readings that a follower has yet to look at. Deleted when it has."""

    follower = models.CharField(max_length=16)
    meter_id = models.BigIntegerField()  # rows live for seconds: nothing to check on the way
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    changed_at = models.DateTimeField(db_default=Now())

    class Meta(TenantModel.Meta):
        indexes = [
            models.Index(fields=["tenant", "follower", "id"], name="meters_change_by_follower")
        ]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(ends_at__gt=models.F("starts_at")),
                name="meters_change_ends_after_start",
            )
        ]
