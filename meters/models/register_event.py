from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from clients.kernel.audit import audited
from clients.kernel.constraints import one_of
from clients.kernel.keys import PublicIdModel
from clients.kernel.tenancy import TenantForeignKey, TenantModel
from meters.models.meter import Meter


class EventKind(models.TextChoices):
    """Why a register did not simply count up."""

    ROLLOVER = "rollover", _("Register full, started again")
    RESET = "reset", _("Register set to zero")
    DIP = "dip", _("Fell and came back")
    SPIKE = "spike", _("Rose and came back")
    SCALE = "scale", _("Unit changed")
    DROP = "drop", _("Fell, unexplained")
    JUMP = "jump", _("Rose more than possible")
    REAL = "real", _("Value is right")
    EXCHANGE = "exchange", _("Meter exchanged")
    RATIO = "ratio", _("Transformer ratio changed")
    CLOCK = "clock", _("Clock wrong")


class EventState(models.TextChoices):
    DETECTED = "detected", _("To check")
    CONFIRMED = "confirmed", _("Confirmed")
    CORRECTED = "corrected", _("Corrected")


@audited()
class RegisterEvent(TenantModel, PublicIdModel):
    """Why use is not the plain difference of two readings.

    `starts_at` is the last reading that holds before it, `ends_at` the first one after it; readings
    strictly between them are left out. What was used between the two is
    `value_after * factor + offset - value_before`, or nothing is known about it (`offset` NULL).
    Late readings may change a detected event; what a person decided stays.
    """

    meter = TenantForeignKey(Meter, models.CASCADE, related_name="register_events")
    register = models.CharField(_("register"), max_length=30, blank=True)
    kind = models.CharField(_("kind"), max_length=10, choices=EventKind)
    detected_kind = models.CharField(max_length=10, choices=EventKind, blank=True, editable=False)
    state = models.CharField(
        _("state"), max_length=10, choices=EventState, default=EventState.DETECTED
    )
    starts_at = models.DateTimeField(_("from"))
    ends_at = models.DateTimeField(_("until"))
    value_before = models.BigIntegerField(_("value before"), null=True, blank=True)
    value_between = models.BigIntegerField(_("value between"), null=True, blank=True)
    value_after = models.BigIntegerField(_("value after"), null=True, blank=True)
    left_out = models.PositiveIntegerField(_("readings left out"), default=0)
    offset = models.BigIntegerField(_("offset"), null=True, blank=True)
    factor = models.DecimalField(
        _("factor"), max_digits=12, decimal_places=6, null=True, blank=True
    )
    decided_by = models.CharField(_("decided by"), max_length=120, blank=True)
    decided_at = models.DateTimeField(_("decided"), null=True, blank=True)
    note = models.CharField(_("note"), max_length=200, blank=True)
    created_at = models.DateTimeField(_("noticed"), auto_now_add=True)

    class Meta(TenantModel.Meta):
        verbose_name = _("register event")
        verbose_name_plural = _("register events")
        ordering = ["-starts_at", "id"]
        indexes = [
            models.Index(fields=["tenant", "state", "starts_at"], name="meters_event_by_state")
        ]
        constraints = [
            one_of("kind", EventKind),
            one_of("state", EventState),
            models.UniqueConstraint(
                fields=["tenant", "meter", "register", "starts_at", "kind"],
                condition=models.Q(state=EventState.DETECTED),
                name="meters_registerevent_once",
            ),
            models.CheckConstraint(
                condition=models.Q(ends_at__gte=models.F("starts_at")),
                name="meters_registerevent_ends_after_start",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} · {self.meter}"
