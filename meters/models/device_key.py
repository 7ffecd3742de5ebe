from __future__ import annotations

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from clients.kernel.audit import audited
from clients.kernel.constraints import one_of
from clients.kernel.keys import PublicIdModel
from clients.kernel.tenancy import TenantForeignKey, TenantModel
from clients.models.tenant import known_zone
from meters.models.meter import Meter


class EpochUnit(models.TextChoices):
    NONE = "", _("Times are written out")
    SECONDS = "s", _("Seconds since 1970")
    MILLISECONDS = "ms", _("Milliseconds since 1970")


@audited(exclude=("secret_sha256", "last_used_at"))
class DeviceKey(TenantModel, PublicIdModel):
    """What a device or a gateway shows to send readings. Seen once, then only its hash is kept."""

    name = models.CharField(_("name"), max_length=120)
    prefix = models.CharField(_("begins with"), max_length=16, editable=False)
    secret_sha256 = models.BinaryField(max_length=32, unique=True, editable=False)
    rate_per_minute = models.PositiveIntegerField(
        _("requests a minute"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(100_000_000)],
        help_text=_("Empty: the installation's default."),
    )
    time_zone = models.CharField(
        _("zone of times without offset"),
        max_length=40,
        blank=True,
        default="",
        validators=[known_zone],
        help_text=_("Empty: a time without its offset is refused."),
    )
    epoch_unit = models.CharField(
        _("numbers as times"),
        max_length=2,
        choices=EpochUnit,
        blank=True,
        default=EpochUnit.NONE,
        help_text=_("Which unit a number has that is sent as a time; else it is refused."),
    )
    stamps_arrival = models.BooleanField(
        _("has no clock"),
        default=False,
        help_text=_(
            "Readings without a time count as of their arrival; sent again, they count again."
        ),
    )
    expires_at = models.DateTimeField(_("valid until"), null=True, blank=True)
    revoked_at = models.DateTimeField(_("revoked"), null=True, blank=True, editable=False)
    last_used_at = models.DateTimeField(_("last used"), null=True, blank=True, editable=False)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    meters = models.ManyToManyField(
        Meter, through="DeviceKeyMeter", related_name="device_keys", verbose_name=_("meters")
    )

    class Meta(TenantModel.Meta):
        verbose_name = _("device key")
        verbose_name_plural = _("device keys")
        ordering = ["name", "id"]
        constraints = [one_of("epoch_unit", EpochUnit)]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"


class DeviceKeyMeter(TenantModel):
    """A meter that a key may report."""

    device_key = TenantForeignKey(DeviceKey, models.CASCADE, related_name="+")
    meter = TenantForeignKey(Meter, models.CASCADE, related_name="+")

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "device_key", "meter"], name="meters_devicekeymeter_once"
            )
        ]
