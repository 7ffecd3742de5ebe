from __future__ import annotations

from typing import Final

from django.db import models
from django.utils.translation import gettext_lazy as _

from clients.kernel.audit import audited
from clients.kernel.constraints import one_of
from clients.kernel.keys import PublicIdModel
from clients.kernel.tenancy import TenantModel
from meters.models.site import MeterKind


class RuleCode(models.TextChoices):
    """The named rules, as the trade calls them. What each checks is in the catalogue."""

    MISSING_INTERVALS = "missing_intervals", _("Missing intervals")
    DUPLICATE = "duplicate", _("Two answers for one instant")
    INACTIVE = "inactive", _("Inactive measurement")
    INTERVAL_SIZE = "interval_size", _("Interval size")
    CLOCK = "clock", _("Clock ahead")
    HIGH_LOW = "high_low", _("High or low day")
    INTERVAL_SPIKE = "interval_spike", _("Interval spike")
    SPIKE = "spike", _("Spike of one reading")
    STUCK_VALUE = "stuck_value", _("Stuck value")
    ZERO_CONSUMPTION = "zero_consumption", _("Zero consumption")
    NEGATIVE_CONSUMPTION = "negative_consumption", _("Negative consumption")
    PROLONGED_ESTIMATION = "prolonged_estimation", _("Prolonged estimation")
    SUM_CHECK = "sum_check", _("Sum check")
    MULTIPLIER = "multiplier", _("Multiplier")
    SCALE_JUMP = "scale_jump", _("Scale jump")
    PLAUSIBILITY = "plausibility", _("Unit of measure")
    DYNAMIC_COMPARISON = "dynamic_comparison", _("Dynamic comparison")
    SILENT_PHASE = "silent_phase", _("Silent phase")
    DEMAND_LIMIT = "demand_limit", _("Demand limit")
    REGISTER_FALL = "register_fall", _("Register fell")


class Severity(models.TextChoices):
    """What an exception means: worth knowing, worth checking, not to be billed unseen."""

    INFO = "info", _("Notice")
    WARN = "warn", _("Worth checking")
    FAIL = "fail", _("Serious")


SEVERITIES: Final = {Severity.INFO: 0, Severity.WARN: 1, Severity.FAIL: 2}


@audited()
class ValidationRule(TenantModel, PublicIdModel):
    """How a tenant wants a rule for a kind of meter; without a row the catalogue's defaults hold.

    An empty kind stands for all of them; a row for the meter's own kind goes before it.
    """

    code = models.CharField(_("rule"), max_length=24, choices=RuleCode)
    kind = models.CharField(
        _("kind of meter"), max_length=10, choices=MeterKind, blank=True, default=""
    )
    severity = models.CharField(_("severity"), max_length=4, choices=Severity)
    is_enabled = models.BooleanField(_("in use"), default=True)
    parameters = models.JSONField(_("parameters"), default=dict, blank=True)
    changed_at = models.DateTimeField(_("changed"), auto_now=True)

    class Meta(TenantModel.Meta):
        verbose_name = _("validation rule")
        verbose_name_plural = _("validation rules")
        ordering = ["code", "kind", "id"]
        constraints = [
            one_of("code", RuleCode),
            models.CheckConstraint(
                condition=models.Q(kind__in=["", *MeterKind.values]),
                name="meters_validationrule_kind_known",
            ),
            one_of("severity", Severity),
            models.UniqueConstraint(
                fields=["tenant", "code", "kind"],
                name="meters_validationrule_once",
                violation_error_message=_("This rule is already set for this kind of meter."),
                violation_error_code="rule_taken",
            ),
        ]

    def __str__(self) -> str:
        kind = self.get_kind_display() if self.kind else _("all meters")
        return f"{self.get_code_display()} · {kind}"
