"""What was not measured: how gaps were filled, and what people typed."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from clients.kernel.audit import audited
from clients.kernel.constraints import one_of
from clients.kernel.keys import PublicIdModel
from clients.kernel.tenancy import TenantForeignKey, TenantModel
from meters.models.meter import Meter


class Method(models.TextChoices):
    """How a gap is filled."""

    LINEAR = "linear", _("Spread evenly")
    REFERENCE_DAYS = "reference_days", _("Like similar days")


class Estimate(TenantModel, PublicIdModel):
    """A gap of more than two hours between two readings of a register, and what filled it.

    Computed with the intervals and replaced with them; the days are those it was shaped by.
    """

    meter = TenantForeignKey(Meter, models.CASCADE, related_name="+")
    register = models.CharField(max_length=30)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    method = models.CharField(max_length=16, choices=Method)
    days = ArrayField(models.DateField(), default=list)
    amount = models.BigIntegerField(help_text="What was spread, in watt-seconds or millilitres.")

    class Meta(TenantModel.Meta):
        verbose_name = _("estimate")
        verbose_name_plural = _("estimates")
        ordering = ["-starts_at", "id"]
        constraints = [
            one_of("method", Method),
            models.UniqueConstraint(
                fields=["tenant", "meter", "register", "starts_at"], name="meters_estimate_once"
            ),
        ]


class EditKind(models.TextChoices):
    EDIT = "edit", _("Typed values")
    ESTIMATE = "estimate", _("Estimate asked for")


@audited(exclude=("values",))
class Edit(TenantModel, PublicIdModel):
    """Quarter-hours that a person filled. Typed values stand above readings; an estimate fills
    only what nothing is known about, and gives way to readings that come late."""

    meter = TenantForeignKey(Meter, models.CASCADE, related_name="+")
    kind = models.CharField(_("kind"), max_length=10, choices=EditKind)
    method = models.CharField(_("method"), max_length=16, choices=Method, blank=True)
    days = ArrayField(models.DateField(), default=list, blank=True)
    starts_at = models.DateTimeField(_("from"))
    ends_at = models.DateTimeField(_("until"))
    column = models.CharField(max_length=20)  # of Interval
    values = ArrayField(models.BigIntegerField())  # one for each quarter-hour
    reason = models.CharField(_("reason"), max_length=200)
    author = models.CharField(_("by"), max_length=120)
    created_at = models.DateTimeField(_("when"), auto_now_add=True)
    undone_at = models.DateTimeField(_("undone"), null=True, blank=True)
    undone_by = models.CharField(_("undone by"), max_length=120, blank=True)

    class Meta(TenantModel.Meta):
        verbose_name = _("edit")
        verbose_name_plural = _("edits")
        ordering = ["-created_at", "-id"]
        indexes = [
            models.Index(fields=["tenant", "meter", "starts_at"], name="meters_edit_by_meter")
        ]
        constraints = [
            one_of("kind", EditKind),
            models.CheckConstraint(
                condition=models.Q(ends_at__gt=models.F("starts_at")),
                name="meters_edit_ends_after_start",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} · {self.meter}"
