"""The second layer: what was used in each quarter-hour and day, and how we know.

Energy is kept in whole watt-seconds (joules) and volume in millilitres, so that sums of any parts
are exact; people see Wh, kWh and litres, rounded once, where they are shown or billed.
"""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from clients.kernel.constraints import one_of
from clients.kernel.tenancy import TenantForeignKey, TenantModel
from meters.models.meter import Meter

INTERVAL_SECONDS = 900
WS_PER_WH = 3_600
ML_PER_L = 1_000


class Quality(models.TextChoices):
    MEASURED = "measured", _("Measured")
    DERIVED = "derived", _("Derived")
    ESTIMATED = "estimated", _("Estimated")
    EDITED = "edited", _("Edited")
    MISSING = "missing", _("Missing")


class Rule(models.TextChoices):
    """How an interval's value came about."""

    REGISTER = "register", _("Difference of the register")
    REGISTER_GAP = "register_gap", _("Difference of the register, spread evenly over a gap")
    REFERENCE_DAYS = "reference_days", _("Difference of the register, spread like similar days")
    POWER = "power", _("Power times time")
    FLOW = "flow", _("Flow times time")
    BY_HAND = "by_hand", _("Entered by a person")
    ASKED = "asked", _("Estimate asked for by a person")


WEAKEST_FIRST = (
    Rule.BY_HAND,
    Rule.ASKED,
    Rule.REGISTER_GAP,
    Rule.REFERENCE_DAYS,
    Rule.POWER,
    Rule.FLOW,
    Rule.REGISTER,
)


class Interval(TenantModel):
    """Fifteen minutes of a meter. A quarter-hour about which nothing is known has no row."""

    pk = models.CompositePrimaryKey("meter_id", "starts_at")
    meter = TenantForeignKey(Meter, models.CASCADE, related_name="+")
    starts_at = models.DateTimeField()
    energy_import_ws = models.BigIntegerField(null=True)
    energy_export_ws = models.BigIntegerField(null=True)
    volume_ml = models.BigIntegerField(null=True)
    power_mean_w = models.FloatField(null=True)
    power_max_w = models.FloatField(null=True)
    seconds_covered = models.PositiveSmallIntegerField()
    quality = models.CharField(max_length=10, choices=Quality)
    rule = models.CharField(max_length=16, choices=Rule)
    author = models.CharField(max_length=120, blank=True, db_default="")  # a person, or nobody

    class Meta(TenantModel.Meta):
        constraints = [
            one_of("quality", Quality),
            one_of("rule", Rule),
            models.CheckConstraint(
                condition=models.Q(seconds_covered__range=(1, INTERVAL_SECONDS)),
                name="meters_interval_seconds_range",
            ),
        ]


class DayTotal(TenantModel):
    """A local day of a meter, in its site's zone: the sum of the day's intervals."""

    pk = models.CompositePrimaryKey("meter_id", "day")
    meter = TenantForeignKey(Meter, models.CASCADE, related_name="+")
    day = models.DateField()
    energy_import_ws = models.BigIntegerField(null=True)
    energy_export_ws = models.BigIntegerField(null=True)
    volume_ml = models.BigIntegerField(null=True)
    power_max_w = models.FloatField(null=True)
    rule = models.CharField(max_length=16, choices=Rule, help_text="The weakest of the day.")
    interval_count = models.PositiveSmallIntegerField()
    seconds_covered = models.PositiveIntegerField()
    seconds_estimated = models.PositiveIntegerField()
    seconds_expected = models.PositiveIntegerField()

    class Meta(TenantModel.Meta):
        constraints = [one_of("rule", Rule)]

    @property
    def completeness(self) -> float:
        """The part of the day about which something is known, from 0 to 1."""
        return self.seconds_covered / self.seconds_expected
