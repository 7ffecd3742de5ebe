from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from clients.kernel.tenancy import TenantForeignKey, TenantModel
from meters.models.meter import Meter


class MeterClock(TenantModel):
    """How a meter's clock compares with ours: lags of newest readings, and impossible times.

    A lag is arrival minus measurement. Transport and buffering only make it longer, so the least
    one is the best that is known of the clock; below zero it runs ahead. Counted in memory and
    written once a minute: a statistic, which a killed process takes a minute of along.
    """

    meter = TenantForeignKey(Meter, models.CASCADE, related_name="+")
    last_lag_s = models.FloatField(_("last lag (s)"), null=True)
    least_lag_s = models.FloatField(_("least lag (s)"), null=True)
    least_since = models.DateTimeField(_("least since"), null=True)
    seen_at = models.DateTimeField(_("compared"), null=True)
    wrong_count = models.IntegerField(_("impossible times"), default=0)
    wrong_at = models.DateTimeField(_("last impossible time came"), null=True)
    wrong_reason = models.CharField(max_length=16, blank=True, default="")
    wrong_skew_s = models.FloatField(_("how far it was off (s)"), null=True)

    class Meta(TenantModel.Meta):
        verbose_name = _("meter clock")
        verbose_name_plural = _("meter clocks")
        constraints = [
            models.UniqueConstraint(fields=["tenant", "meter"], name="meters_meterclock_once")
        ]
