"""Stretches of which we heard nothing and which the device itself may remember."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from clients.kernel.leases import LeasedModel
from clients.kernel.tenancy import TenantForeignKey
from meters.models.connection import Connection


class HistoryGap(LeasedModel):
    """A stretch between two readings of a register. Due until the device was asked about it."""

    max_attempts: ClassVar[int] = 12

    connection = TenantForeignKey(
        Connection, models.CASCADE, related_name="gaps", verbose_name=_("connection")
    )
    starts_at = models.DateTimeField(_("from"))
    ends_at = models.DateTimeField(_("until"))
    asked_until = models.DateTimeField(_("asked until"), null=True, blank=True)
    recovered = models.PositiveIntegerField(_("readings recovered"), default=0)

    class Meta(LeasedModel.Meta):
        verbose_name = _("gap in the history")
        verbose_name_plural = _("gaps in the history")
        ordering = ["-starts_at", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "connection", "starts_at"], name="meters_historygap_once"
            ),
            models.CheckConstraint(
                condition=models.Q(ends_at__gt=models.F("starts_at")),
                name="meters_historygap_ends_after_start",
            ),
        ]
        indexes = [models.Index(fields=["due_at"], name="meters_historygap_by_due")]

    def __str__(self) -> str:
        return f"{self.connection_id}: {self.starts_at:%Y-%m-%d %H:%M} – {self.ends_at:%H:%M}"
