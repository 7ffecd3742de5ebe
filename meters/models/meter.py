from __future__ import annotations

from decimal import Decimal

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import ArrayField, DateTimeRangeField, RangeOperators
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from clients.kernel.audit import audited
from clients.kernel.constraints import one_of
from clients.kernel.keys import PublicIdModel
from clients.kernel.tenancy import TenantForeignKey, TenantModel
from meters.models.site import MeteringPoint, MeterKind


class TsTzRange(models.Func):
    """The half-open stretch from one column to another; NULL is open."""

    function = "TSTZRANGE"
    output_field = DateTimeRangeField()


@audited(exclude=("registers_seen",))
class Meter(TenantModel, PublicIdModel):
    """A device that measures. Which point it serves, and when, is in its installations."""

    serial = models.CharField(_("serial number"), max_length=64)
    model = models.CharField(_("model"), max_length=80, blank=True)
    kind = models.CharField(_("kind"), max_length=10, choices=MeterKind, default=MeterKind.ENERGY)
    digits = models.PositiveSmallIntegerField(
        _("register digits"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(12)],
        help_text=_("How many digits the register shows before it starts again at zero."),
    )
    register_step = models.PositiveBigIntegerField(
        _("one of the last digit (Wh or L)"),
        default=1,
        db_default=1,
        validators=[MinValueValidator(1), MaxValueValidator(1_000_000)],
        help_text=_("1,000 for a register that counts whole kWh or m³."),
    )
    max_power_w = models.PositiveBigIntegerField(
        _("can deliver at most (W)"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text=_("What the connection can carry at all. Empty: 10 MW, more than any of ours."),
    )
    max_flow_l_per_h = models.PositiveBigIntegerField(
        _("can let through at most (L/h)"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text=_("Empty: 3,600 m³/h, more than any of ours."),
    )
    reports_every_seconds = models.PositiveIntegerField(
        _("reports every (s)"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(31 * 86_400)],
        help_text=_("How often a reading is expected. Empty: unknown."),
    )
    sample_seconds = models.PositiveIntegerField(
        _("a sample stands for (s)"),
        default=900,
        validators=[MinValueValidator(1), MaxValueValidator(86_400)],
        help_text=_("A power or flow sample holds until the next one, and at most this long."),
    )
    is_active = models.BooleanField(_("active"), default=True)
    registers_seen = ArrayField(
        models.CharField(max_length=30),
        default=list,
        blank=True,
        editable=False,
        help_text="Registers this meter has ever sent; only those are searched for neighbours.",
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta(TenantModel.Meta):
        verbose_name = _("meter")
        verbose_name_plural = _("meters")
        ordering = ["serial", "id"]
        constraints = [
            one_of("kind", MeterKind),
            models.UniqueConstraint(
                fields=["tenant", "serial"],
                name="meters_meter_serial_once",
                violation_error_message=_("Another meter has this serial number."),
                violation_error_code="serial_taken",
            ),
            models.CheckConstraint(
                condition=models.Q(sample_seconds__range=(1, 86_400)),
                name="meters_meter_sample_seconds_range",
            ),
            models.CheckConstraint(
                condition=models.Q(register_step__range=(1, 1_000_000)),
                name="meters_meter_register_step_range",
            ),
        ]

    def __str__(self) -> str:
        return self.serial

    def clean(self) -> None:
        """A meter measures what the point that it serves is for."""
        if self.pk is None:
            return
        serving = self.installations.filter(ends_at__isnull=True)
        if serving.exclude(metering_point__kind=self.kind).exists():
            raise ValidationError(
                {"kind": _("It serves a point of another kind; take it down first.")},
                code="wrong_kind",
            )

    @property
    def modulus(self) -> int | None:
        """Where the register starts again at zero, in its base unit."""
        return 10**self.digits * self.register_step if self.digits else None


@audited()
class Installation(TenantModel, PublicIdModel):
    """One meter serves one metering point from one instant to another, with its registers."""

    metering_point = TenantForeignKey(MeteringPoint, models.PROTECT, related_name="installations")
    meter = TenantForeignKey(Meter, models.PROTECT, related_name="installations")
    starts_at = models.DateTimeField(_("from"))
    ends_at = models.DateTimeField(_("until"), null=True, blank=True)
    start_register = models.BigIntegerField(_("register at start (Wh or L)"), null=True, blank=True)
    end_register = models.BigIntegerField(_("register at end (Wh or L)"), null=True, blank=True)
    multiplier = models.DecimalField(
        _("multiplier (CT × PT)"),
        max_digits=12,
        decimal_places=4,
        default=Decimal(1),
        db_default=Decimal(1),
        help_text=_("What one unit of the register stands for here: 1 without transformers."),
    )

    class Meta(TenantModel.Meta):
        verbose_name = _("installation")
        verbose_name_plural = _("installations")
        ordering = ["-starts_at", "id"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(ends_at__isnull=True)
                | models.Q(ends_at__gt=models.F("starts_at")),
                name="meters_installation_ends_after_start",
            ),
            models.CheckConstraint(
                condition=models.Q(multiplier__gt=0), name="meters_installation_multiplier_positive"
            ),
            ExclusionConstraint(
                name="meters_installation_one_meter_at_a_time",
                expressions=[
                    ("metering_point", RangeOperators.EQUAL),
                    (TsTzRange("starts_at", "ends_at"), RangeOperators.OVERLAPS),
                ],
                violation_error_message=_("Another meter serves this point at that time."),
                violation_error_code="metering_point_in_use",
            ),
            ExclusionConstraint(
                name="meters_installation_one_point_at_a_time",
                expressions=[
                    ("meter", RangeOperators.EQUAL),
                    (TsTzRange("starts_at", "ends_at"), RangeOperators.OVERLAPS),
                ],
                violation_error_message=_("This meter serves another point at that time."),
                violation_error_code="meter_in_use",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.meter} @ {self.metering_point}"
