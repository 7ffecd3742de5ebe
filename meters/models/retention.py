"""How long raw readings are kept, and which of them something still stands on."""

from __future__ import annotations

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from clients.kernel.audit import audited
from clients.kernel.keys import PublicIdModel
from clients.kernel.tenancy import TenantForeignKey, TenantModel
from meters.models.meter import Meter

FEWEST_MONTHS, MOST_MONTHS = 6, 240


@audited(exclude=("raw_since", "settled_before", "settled_at"))
class Retention(TenantModel, PublicIdModel):
    """A tenant's choice. Without one, raw readings stay for ever.

    What was dropped is never computed again: quarter-hours before `settled_before` are as they
    are for good. It lies behind `raw_since` by more than the longest gap that a register bridges,
    so that every quarter-hour that may still be computed has the readings it needs.
    """

    keep_months = models.PositiveSmallIntegerField(
        _("keep raw readings (months)"),
        null=True,
        blank=True,
        validators=[MinValueValidator(FEWEST_MONTHS), MaxValueValidator(MOST_MONTHS)],
        help_text=_("Empty: for ever. Quarter-hours and day totals stay for ever in any case."),
    )
    raw_since = models.DateTimeField(_("raw readings since"), null=True, editable=False)
    settled_before = models.DateTimeField(_("settled before"), null=True, editable=False)
    settled_at = models.DateTimeField(null=True, editable=False)

    class Meta(TenantModel.Meta):
        verbose_name = _("retention of readings")
        verbose_name_plural = pgettext_lazy("several", "retention of readings")
        constraints = [
            models.UniqueConstraint(fields=["tenant"], name="meters_retention_once"),
            models.CheckConstraint(
                condition=models.Q(keep_months__isnull=True)
                | models.Q(keep_months__range=(FEWEST_MONTHS, MOST_MONTHS)),
                name="meters_retention_months_range",
            ),
        ]

    def __str__(self) -> str:
        return str(self._meta.verbose_name)


class ReadingHold(TenantModel):
    """Readings of a meter that must stay although their time has passed, and for whom."""

    holder = models.CharField(max_length=30)  # the name in the registry of holds
    meter = TenantForeignKey(Meter, models.CASCADE, related_name="+")
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    reason = models.CharField(max_length=200)
    until_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        indexes = [models.Index(fields=["tenant", "meter"], name="meters_hold_by_meter")]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(ends_at__gt=models.F("starts_at")),
                name="meters_hold_ends_after_start",
            )
        ]
