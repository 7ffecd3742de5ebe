from __future__ import annotations

from zoneinfo import ZoneInfo

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from clients.kernel.audit import audited
from clients.kernel.constraints import one_of
from clients.kernel.keys import PublicIdModel
from clients.kernel.tenancy import TenantForeignKey, TenantModel
from clients.models.tenant import known_zone


class MeterKind(models.TextChoices):
    """What a meter or a metering point is there to measure; its main quantity follows."""

    ENERGY = "energy", _("Energy")
    WATER = "water", _("Water")
    SOLAR = "solar", _("Solar generation")


@audited()
class Site(TenantModel, PublicIdModel):
    """A place of a client's. Its time zone says what a day is."""

    client = TenantForeignKey("clients.Client", models.PROTECT, related_name="sites")
    name = models.CharField(_("name"), max_length=120)
    time_zone = models.CharField(
        _("time zone"), max_length=40, default="America/Sao_Paulo", validators=[known_zone]
    )
    address = models.CharField(_("address"), max_length=200, blank=True)
    city = models.CharField(_("city"), max_length=80, blank=True)
    distributor = models.CharField(
        _("distributor"),
        max_length=80,
        blank=True,
        db_default="",
        help_text=_("Who supplies the energy; the peak hours of that name apply."),
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta(TenantModel.Meta):
        verbose_name = _("site")
        verbose_name_plural = _("sites")
        ordering = ["name", "id"]
        indexes = [models.Index(fields=["tenant", "client"], name="meters_site_by_client")]

    def __str__(self) -> str:
        return self.name

    @property
    def zone(self) -> ZoneInfo:
        """The zone in which this site's days begin."""
        return ZoneInfo(self.time_zone)


@audited()
class MeteringPoint(TenantModel, PublicIdModel):
    """What is measured and billed, whichever meter serves it at the time."""

    site = TenantForeignKey(Site, models.PROTECT, related_name="metering_points")
    name = models.CharField(_("name"), max_length=120)
    kind = models.CharField(_("kind"), max_length=10, choices=MeterKind, default=MeterKind.ENERGY)
    nominal_voltage_v = models.PositiveSmallIntegerField(
        _("nominal voltage (V)"),
        null=True,
        blank=True,
        validators=[MinValueValidator(50), MaxValueValidator(1_000)],
        help_text=_("Between phase and neutral, as the meter measures it: 127 or 220."),
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta(TenantModel.Meta):
        verbose_name = _("metering point")
        verbose_name_plural = _("metering points")
        ordering = ["name", "id"]
        indexes = [models.Index(fields=["tenant", "site"], name="meters_meteringpoint_by_site")]
        constraints = [one_of("kind", MeterKind)]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """A point is for what the meter measures that serves it."""
        if self.pk is None:
            return
        serving = self.installations.filter(ends_at__isnull=True)
        if serving.exclude(meter__kind=self.kind).exists():
            raise ValidationError(
                {"kind": _("A meter of another kind serves it; take it down first.")},
                code="wrong_kind",
            )
