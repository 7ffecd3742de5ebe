"""When energy is dear: hours that a distributor set, and days on which they do not apply."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from clients.kernel.audit import audited
from clients.kernel.constraints import one_of
from clients.kernel.keys import PublicIdModel
from clients.kernel.tenancy import TenantModel


class Posto(models.TextChoices):
    """What is none of these is off peak."""

    PEAK = "peak", _("Peak hours")
    INTERMEDIATE = "intermediate", _("Intermediate")
    RESERVED = "reserved", _("Reserved (irrigation)")


@audited()
class PeakHours(TenantModel, PublicIdModel):
    """Hours of working days, local time, from a day on. A posto may have several stretches."""

    distributor = models.CharField(_("distributor"), max_length=80)
    posto = models.CharField(_("posto"), max_length=12, choices=Posto)
    from_time = models.TimeField(_("from"))
    until_time = models.TimeField(_("until"), help_text=_("This minute is not part of it."))
    starts_on = models.DateField(_("valid from"))
    ends_on = models.DateField(_("valid until"), null=True, blank=True)
    source = models.CharField(
        _("source"), max_length=300, help_text=_("The act or the bill that says so, and its date.")
    )
    is_confirmed = models.BooleanField(
        _("confirmed"), default=False, help_text=_("Somebody read the act itself.")
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta(TenantModel.Meta):
        verbose_name = _("peak hours")
        verbose_name_plural = pgettext_lazy("several", "peak hours")
        ordering = ["distributor", "-starts_on", "from_time", "id"]
        constraints = [
            one_of("posto", Posto),
            models.UniqueConstraint(
                fields=["tenant", "distributor", "posto", "from_time", "starts_on"],
                name="meters_peakhours_once",
                violation_error_message=_("These hours are there already."),
                violation_error_code="peak_hours_taken",
            ),
            models.CheckConstraint(
                condition=models.Q(until_time__gt=models.F("from_time")),
                name="meters_peakhours_until_after_from",
                violation_error_message=_("The end must come after the start."),
                violation_error_code="ends_before_start",
            ),
            models.CheckConstraint(
                condition=models.Q(ends_on__isnull=True)
                | models.Q(ends_on__gt=models.F("starts_on")),
                name="meters_peakhours_ends_after_start",
                violation_error_message=_("The end must come after the start."),
                violation_error_code="ends_before_start",
            ),
        ]

    def __str__(self) -> str:
        return (
            f"{self.distributor} · {self.get_posto_display()} "
            f"{self.from_time:%H:%M}–{self.until_time:%H:%M}"
        )


@audited()
class Holiday(TenantModel, PublicIdModel):
    """A day that the tenant adds to the days without peak hours, or takes from them."""

    day = models.DateField(_("day"))
    name = models.CharField(_("name"), max_length=80)
    is_off_peak = models.BooleanField(
        _("without peak hours"),
        default=True,
        help_text=_(
            "Off: a working day for the distributor, although the calendar says otherwise."
        ),
    )
    source = models.CharField(_("source"), max_length=300)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta(TenantModel.Meta):
        verbose_name = _("holiday")
        verbose_name_plural = _("holidays")
        ordering = ["-day", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "day"],
                name="meters_holiday_once",
                violation_error_message=_("This day is there already."),
                violation_error_code="holiday_taken",
            )
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.name}"
