from __future__ import annotations

from typing import Final

from django.db import models
from django.utils.translation import gettext_lazy as _

from clients.kernel.audit import audited
from clients.kernel.constraints import one_of
from clients.kernel.keys import PublicIdModel
from clients.kernel.tenancy import TenantForeignKey, TenantModel
from meters.models.meter import Meter
from meters.models.validation_rule import RuleCode, Severity


class ExceptionState(models.TextChoices):
    OPEN = "open", _("To decide")
    ACKNOWLEDGED = "acknowledged", _("Being looked at")
    RESOLVED = "resolved", _("Decided")


class Resolution(models.TextChoices):
    """How an exception ended: by a person's word, or because the data healed."""

    ACCEPTED = "accepted", _("Kept as it is")
    DISREGARDED = "disregarded", _("Left out")
    ESTIMATED = "estimated", _("Estimated")
    EDITED = "edited", _("Corrected by hand")
    HEALED = "healed", _("Healed by itself")
    WITHDRAWN = "withdrawn", _("Rule not in use any more")


UNDECIDED: Final = (ExceptionState.OPEN, ExceptionState.ACKNOWLEDGED)


@audited(exclude=("values", "ends_at"))
class MeterException(TenantModel, PublicIdModel):
    """A stretch of a meter's data that a validation rule does not believe.

    One row for each meter, rule and start: validating the same data again gives the same rows. What
    a person decided stays decided while the rule goes on finding the stretch.
    """

    meter = TenantForeignKey(Meter, models.CASCADE, related_name="exceptions")
    rule = models.CharField(_("rule"), max_length=24, choices=RuleCode)
    severity = models.CharField(_("severity"), max_length=4, choices=Severity)
    starts_at = models.DateTimeField(_("from"))
    ends_at = models.DateTimeField(_("until"))
    values = models.JSONField(_("evidence"), default=dict)
    state = models.CharField(
        _("situation"), max_length=12, choices=ExceptionState, default=ExceptionState.OPEN
    )
    resolution = models.CharField(
        _("decision"), max_length=12, choices=Resolution, blank=True, default=""
    )
    decided_by = models.CharField(_("by"), max_length=120, blank=True, default="")
    decided_at = models.DateTimeField(_("decided"), null=True, blank=True)
    note = models.CharField(_("note"), max_length=400, blank=True, default="")
    found_at = models.DateTimeField(_("found"))

    class Meta(TenantModel.Meta):
        verbose_name = _("suspect reading")
        verbose_name_plural = _("suspect readings")
        ordering = ["-starts_at", "id"]
        indexes = [
            models.Index(
                fields=["tenant", "state", "-starts_at"], name="meters_exception_by_state"
            ),
            models.Index(
                fields=["tenant", "meter", "rule", "ends_at"], name="meters_exception_by_meter"
            ),
        ]
        constraints = [
            one_of("rule", RuleCode),
            one_of("severity", Severity),
            one_of("state", ExceptionState),
            models.CheckConstraint(
                condition=models.Q(state=ExceptionState.RESOLVED, resolution__in=Resolution.values)
                | (~models.Q(state=ExceptionState.RESOLVED) & models.Q(resolution="")),
                name="meters_exception_resolution_told",
            ),
            models.CheckConstraint(
                condition=models.Q(ends_at__gt=models.F("starts_at")),
                name="meters_exception_ends_after_start",
            ),
            models.UniqueConstraint(
                fields=["tenant", "meter", "rule", "starts_at"], name="meters_exception_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_rule_display()} · {self.meter}"
