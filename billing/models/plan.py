from __future__ import annotations

from django.core.validators import MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from clients.kernel.audit import audited
from clients.kernel.keys import PublicIdModel
from clients.kernel.tenancy import TenantModel


@audited()
class Plan(TenantModel, PublicIdModel):
    """What a service costs: so much a month, so much a kWh. Issued invoices keep the old price."""

    name = models.CharField(_("name"), max_length=80)
    description = models.CharField(_("description"), max_length=200, blank=True)
    fixed_cents = models.BigIntegerField(
        _("fixed price a month"), default=0, validators=[MinValueValidator(0)]
    )
    price_per_kwh = models.DecimalField(
        _("price per kWh"),
        max_digits=16,
        decimal_places=8,
        default=0,
        validators=[MinValueValidator(0)],
    )
    currency = models.CharField(_("currency"), max_length=3, default="BRL")
    due_days = models.PositiveSmallIntegerField(
        _("days to pay"), default=10, help_text=_("At least so many days from issue to due date.")
    )
    is_active = models.BooleanField(_("offered"), default=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta(TenantModel.Meta):
        verbose_name = _("plan")
        verbose_name_plural = _("plans")
        ordering = ["name", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "name"],
                name="billing_plan_name_once",
                violation_error_message=_("Another plan has this name."),
            ),
            models.CheckConstraint(
                condition=models.Q(fixed_cents__gte=0, price_per_kwh__gte=0),
                name="billing_plan_prices_positive",
            ),
        ]

    def __str__(self) -> str:
        return self.name
