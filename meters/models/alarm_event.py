from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from clients.kernel.constraints import one_of
from clients.kernel.keys import PublicIdModel
from clients.kernel.tenancy import TenantForeignKey, TenantManager, TenantModel
from meters.models.alarm_metrics import METRICS, Metric
from meters.models.alarm_rule import AlarmKind, AlarmRule, AlarmSeverity
from meters.models.meter import Meter

LATE_AFTER: Final = timedelta(minutes=5)


class AlarmState(models.TextChoices):
    RAISED = "raised", _("Open")
    ACKNOWLEDGED = "acknowledged", _("Acknowledged")
    CLEARED = "cleared", pgettext_lazy("alarm", "Ended")


OPEN: Final = (AlarmState.RAISED, AlarmState.ACKNOWLEDGED)


class ClearReason(models.TextChoices):
    """Why an alarm ended."""

    VALUE = "value", _("The value is back to normal")
    DATA = "data", _("Data comes again")
    SCHEDULE = "schedule", _("Outside the hours of the rule")
    RULE_CHANGED = "rule_changed", _("The rule was changed")
    RULE_DISABLED = "rule_disabled", _("The rule was switched off")
    OUT_OF_SCOPE = "out_of_scope", _("The rule does not apply to this meter any more")


class AlarmEventQuerySet(models.QuerySet["AlarmEvent"]):
    def open(self) -> AlarmEventQuerySet:
        """What has not ended."""
        return self.filter(state__in=OPEN)


class AlarmEvent(TenantModel, PublicIdModel):
    """A rule rang for a meter. `raised_at` and `cleared_at` are the data's time; `heard_at` is when
    we knew. The condition is kept as it was, since the rule may change."""

    rule = TenantForeignKey(AlarmRule, models.PROTECT, related_name="events")
    meter = TenantForeignKey(Meter, models.PROTECT, related_name="alarm_events")
    state = models.CharField(
        _("situation"), max_length=12, choices=AlarmState, default=AlarmState.RAISED
    )
    severity = models.CharField(_("severity"), max_length=8, choices=AlarmSeverity)
    kind = models.CharField(max_length=10, choices=AlarmKind)
    metric = models.CharField(_("value"), max_length=32, blank=True)
    operator = models.CharField(max_length=2, blank=True)
    threshold = models.FloatField(_("limit"), null=True)
    since_at = models.DateTimeField(_("began at"))
    raised_at = models.DateTimeField(_("raised at"))
    heard_at = models.DateTimeField(_("known at"))
    value = models.FloatField(_("value when raised"), null=True)
    extreme_value = models.FloatField(_("worst value"), null=True)
    cleared_at = models.DateTimeField(_("ended at"), null=True)
    clear_heard_at = models.DateTimeField(_("end known at"), null=True)
    value_at_clear = models.FloatField(_("value at the end"), null=True)
    clear_reason = models.CharField(
        _("why it ended"), max_length=14, choices=ClearReason, blank=True
    )
    acknowledged_by = models.ForeignKey("clients.User", models.PROTECT, null=True, related_name="+")
    acknowledged_at = models.DateTimeField(_("acknowledged at"), null=True)
    note = models.CharField(_("note"), max_length=500, blank=True)

    objects = TenantManager.from_queryset(AlarmEventQuerySet)()  # type: ignore[misc] # adds methods

    class Meta(TenantModel.Meta):
        verbose_name = _("alarm")
        verbose_name_plural = _("alarms")
        ordering = ["-raised_at", "-id"]
        indexes = [
            models.Index(
                fields=["tenant", "state", "-raised_at"], name="meters_alarmevent_by_state"
            ),
            models.Index(
                fields=["tenant", "meter", "-raised_at"], name="meters_alarmevent_by_meter"
            ),
            models.Index(
                fields=["tenant", "rule", "meter", "-raised_at"], name="meters_alarmevent_by_rule"
            ),
            models.Index(fields=["heard_at"], name="meters_alarmevent_heard"),
            models.Index(fields=["clear_heard_at"], name="meters_alarmevent_end_heard"),
        ]
        constraints = [
            one_of("state", AlarmState),
            one_of("severity", AlarmSeverity),
            models.UniqueConstraint(
                fields=["tenant", "rule", "meter"],
                condition=Q(state__in=OPEN),
                name="meters_alarmevent_one_open",
            ),
            models.CheckConstraint(
                condition=Q(
                    state=AlarmState.CLEARED,
                    cleared_at__isnull=False,
                    clear_heard_at__isnull=False,
                    clear_reason__in=ClearReason.values,
                )
                | (~Q(state=AlarmState.CLEARED) & Q(cleared_at__isnull=True)),
                name="meters_alarmevent_cleared_has_an_end",
            ),
            models.CheckConstraint(
                condition=Q(acknowledged_at__isnull=False) | ~Q(state=AlarmState.ACKNOWLEDGED),
                name="meters_alarmevent_acknowledged_has_a_time",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.rule} · {self.meter}"

    @property
    def watched(self) -> Metric | None:
        return METRICS.get(self.metric)

    @property
    def late_by(self) -> timedelta | None:
        """How much later than the data we knew, when that was late."""
        late = self.heard_at - self.raised_at
        return late if late > LATE_AFTER else None

    @property
    def duration(self) -> timedelta | None:
        """From its begin to its end, by the data's time; None while it is open."""
        return self.cleared_at - self.since_at if self.cleared_at else None

    def lasted(self, now: datetime) -> timedelta:
        """How long it has been so, or had been when it ended."""
        return (self.cleared_at or now) - self.since_at


class Phase(models.TextChoices):
    """Where the evaluation of a rule stands for a meter."""

    NORMAL = "normal", _("Normal")
    PENDING = "pending", _("Not for long enough")
    RAISED = "raised", _("Raised")


class AlarmProgress(TenantModel):
    """How far a rule has looked at a meter: with this row alone it goes on after a restart."""

    rule = TenantForeignKey(AlarmRule, models.CASCADE, related_name="+")
    meter = TenantForeignKey(Meter, models.CASCADE, related_name="+")
    phase = models.CharField(max_length=7, choices=Phase, default=Phase.NORMAL)
    pending_since = models.DateTimeField(null=True)
    seen_until = models.DateTimeField(null=True, help_text="The newest instant looked at.")
    last_value = models.FloatField(null=True)
    extreme_value = models.FloatField(null=True)
    heard_at = models.DateTimeField(null=True, help_text="When data last came, by our clock.")
    quarter_at = models.DateTimeField(null=True)
    quarter_count = models.PositiveIntegerField(
        default=0, help_text="Samples seen since `quarter_at`: another number means late data."
    )

    class Meta(TenantModel.Meta):
        constraints = [
            one_of("phase", Phase),
            models.UniqueConstraint(
                fields=["tenant", "rule", "meter"], name="meters_alarmprogress_once"
            ),
        ]
