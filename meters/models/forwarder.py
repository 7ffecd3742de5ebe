"""Readings that go on to another Pulso: where to, which, and what waits to be sent."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from clients.kernel.audit import audited
from clients.kernel.fields import EncryptedTextField
from clients.kernel.keys import PublicIdModel
from clients.kernel.leases import LeasedModel
from clients.kernel.tenancy import TenantForeignKey, TenantModel
from meters.models.meter import Meter

FIGURES = ("sent_at", "sent_count", "rejected_count", "failed_at", "last_error")


@audited(exclude=("device_key", *FIGURES))
class Forwarder(TenantModel, PublicIdModel):
    """Another Pulso that gets our readings as well, with a device key of its own making."""

    name = models.CharField(_("name"), max_length=80)
    url = models.CharField(
        _("address"), max_length=200, help_text=_("As in https://pulso.example.com, without path.")
    )
    device_key = EncryptedTextField(
        _("device key"), help_text=_("Made over there; it begins with plsk_.")
    )
    is_active = models.BooleanField(_("active"), default=True)
    created_at = models.DateTimeField(auto_now_add=True)
    sent_at = models.DateTimeField(_("last sent"), null=True, blank=True, editable=False)
    sent_count = models.BigIntegerField(_("readings sent"), default=0, editable=False)
    rejected_count = models.BigIntegerField(_("readings refused"), default=0, editable=False)
    failed_at = models.DateTimeField(_("failing since"), null=True, blank=True, editable=False)
    last_error = models.CharField(max_length=300, blank=True, default="", editable=False)
    meters = models.ManyToManyField(
        Meter, through="ForwardedMeter", related_name="+", verbose_name=_("meters")
    )

    class Meta(TenantModel.Meta):
        verbose_name = _("forwarding")
        verbose_name_plural = _("forwardings")
        ordering = ["name", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "name"],
                name="meters_forwarder_name_once",
                violation_error_message=_("Another forwarding has this name."),
                violation_error_code="name_taken",
            )
        ]

    def __str__(self) -> str:
        return self.name


class ForwardedMeter(TenantModel):
    """A meter that is forwarded, and its name over there. Without such rows all meters are."""

    forwarder = TenantForeignKey(Forwarder, models.CASCADE, related_name="chosen")
    meter = TenantForeignKey(Meter, models.CASCADE, related_name="+")
    name_there = models.CharField(
        _("name over there"), max_length=64, blank=True, default="", help_text=_("Empty: the same.")
    )

    class Meta(TenantModel.Meta):
        verbose_name = _("forwarded meter")
        verbose_name_plural = _("forwarded meters")
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "forwarder", "meter"], name="meters_forwardedmeter_once"
            )
        ]


class ForwardBatch(LeasedModel):
    """Stretches of meters whose readings must be sent. Sent again it changes nothing over there."""

    max_attempts: ClassVar[int] = 30_000  # of at most ten minutes: an outage of months is survived

    forwarder = TenantForeignKey(Forwarder, models.CASCADE, related_name="batches")
    stretches: models.JSONField = models.JSONField()  # [[meter id, from, until], …]
    created_at = models.DateTimeField(auto_now_add=True)
    sent_at = models.DateTimeField(null=True, blank=True)
    accepted = models.IntegerField(default=0)
    duplicates = models.IntegerField(default=0)
    conflicts = models.IntegerField(default=0)
    rejected = models.IntegerField(default=0)
    rejects: models.JSONField = models.JSONField(default=list)  # the first of them, with reasons

    class Meta(LeasedModel.Meta):
        verbose_name = _("batch to forward")
        verbose_name_plural = _("batches to forward")
        ordering = ["-id"]
        indexes = [
            models.Index(
                fields=["due_at"],
                condition=models.Q(due_at__isnull=False),
                name="meters_forwardbatch_due",
            ),
            models.Index(fields=["tenant", "forwarder", "-id"], name="meters_forwardbatch_of"),
        ]
