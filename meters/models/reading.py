"""What devices said, as they said it. Written by the ingest lane's own role; nothing that was said
ever changes."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.contrib.postgres.functions import RandomUUID
from django.db import models
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from clients.kernel import when
from clients.kernel.constraints import one_of
from clients.kernel.keys import PublicIdModel
from clients.kernel.tenancy import TenantForeignKey, TenantManager, TenantModel
from meters.models.meter import Meter
from meters.models.quantities import QUANTITIES


class Reading(models.Model):
    """One meter at one instant: a column for each quantity, NULL where nothing was said.

    The table is partitioned by month and made by SQL in the migration. Tenants read it through the
    parent, which row-level security guards; nobody but `ingest` writes, and only to partitions.
    """

    pk = models.CompositePrimaryKey("meter_id", "measured_at")
    tenant = models.ForeignKey(
        "clients.Tenant", models.DO_NOTHING, related_name="+", db_constraint=False
    )
    meter = models.ForeignKey(Meter, models.DO_NOTHING, related_name="+", db_constraint=False)
    measured_at = models.DateTimeField(_("measured at"))
    received_at = models.DateTimeField(_("received at"))
    extra = models.JSONField(null=True)

    objects = TenantManager()

    class Meta:
        managed = False
        base_manager_name = "objects"
        db_table = "meters_reading"

    def __str__(self) -> str:
        return f"{self.meter_id} {self.measured_at:%Y-%m-%d %H:%M:%S}"


class _Real(models.FloatField):  # type: ignore[type-arg]  # not subscriptable when it runs
    """Four bytes: an instrument's instantaneous value has no more digits than that."""

    def db_type(self, connection: Any) -> str:
        return "real"


for _quantity in QUANTITIES:
    _kind = models.BigIntegerField if _quantity.kind == "register" else _Real
    _kind(null=True).contribute_to_class(Reading, _quantity.name)


class QuarantineReason(models.TextChoices):
    CLOCK_UNSET = "clock_unset", _("Clock was never set")
    TOO_OLD = "too_old", _("More than five years old")
    IN_FUTURE = "in_future", _("From the future")
    AMBIGUOUS_TIME = "ambiguous_time", _("Local time that happened twice")
    MISSING_TIME = "no_such_time", _("Local time that never happened")
    SETTLED = "settled", _("From a time that is settled for good")


class Handling(models.TextChoices):
    WAITING = "waiting", _("Waiting")
    RELEASED = "released", _("Stored with another time")
    DISCARDED = "discarded", _("Discarded")
    ACKNOWLEDGED = "acknowledged", _("Seen")


class SetApart(TenantModel, PublicIdModel):
    """What a device said that could not simply be stored, and what a person decided about it."""

    public_id = models.UUIDField(db_default=RandomUUID(), unique=True, editable=False)
    meter = TenantForeignKey(Meter, models.CASCADE, related_name="+")
    measured_at = models.DateTimeField(_("measured at"))
    received_at = models.DateTimeField(_("received at"), db_default=Now())
    reading = models.JSONField(_("what was said"))
    digest = models.CharField(max_length=32, db_default="", editable=False)
    status = models.CharField(
        _("situation"), max_length=12, choices=Handling, db_default=Handling.WAITING
    )
    handled_at = models.DateTimeField(_("decided"), null=True, blank=True, editable=False)
    handled_by = models.CharField(_("decided by"), max_length=120, db_default="", editable=False)
    note = models.CharField(_("note"), max_length=300, db_default="", blank=True)

    class Meta(TenantModel.Meta):
        abstract = True

    def __str__(self) -> str:
        return f"{self.meter} · {moment(self.measured_at)}"


def moment(at: datetime) -> str:
    """In the reader's zone, with the year always: clocks that are wrong are wrong by years."""
    local = timezone.localtime(at)
    return f"{when.paper_day(local.date())} {local:%H:%M:%S}"


class Quarantine(SetApart):
    """A reading whose clock cannot be right. Kept for a person to look at; never billed."""

    reason = models.CharField(_("reason"), max_length=16, choices=QuarantineReason)
    stored_as = models.DateTimeField(_("stored as of"), null=True, blank=True, editable=False)

    class Meta(SetApart.Meta):
        verbose_name = _("quarantined reading")
        verbose_name_plural = _("quarantined readings")
        ordering = ["-received_at", "-id"]
        constraints = [
            one_of("reason", QuarantineReason),
            one_of("status", Handling),
            models.UniqueConstraint(
                fields=["tenant", "meter", "measured_at", "digest"], name="meters_quarantine_once"
            ),
        ]
        indexes = [
            models.Index(fields=["tenant", "-received_at"], name="meters_quarantine_by_arrival")
        ]


class Conflict(SetApart):
    """A second, different reading of the same meter and instant. The first one was kept."""

    class Meta(SetApart.Meta):
        verbose_name = _("conflicting reading")
        verbose_name_plural = _("conflicting readings")
        ordering = ["-received_at", "-id"]
        constraints = [
            one_of("status", Handling),
            models.UniqueConstraint(
                fields=["tenant", "meter", "measured_at", "digest"], name="meters_conflict_once"
            ),
        ]
        indexes = [
            models.Index(fields=["tenant", "-received_at"], name="meters_conflict_by_arrival")
        ]


class Touched(TenantModel):
    """A quarter-hour of a meter whose intervals must be computed again. Deleted when they are."""

    meter_id = models.BigIntegerField()  # no key to check on the lane's way; `app` cannot insert
    quarter_at = models.DateTimeField()
    touched_at = models.DateTimeField(db_default=Now())
