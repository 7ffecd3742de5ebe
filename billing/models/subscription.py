from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, ClassVar

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from billing.models.plan import Plan
from clients.kernel.audit import audited
from clients.kernel.keys import PublicIdModel
from clients.kernel.tenancy import TenantForeignKey, TenantManager, TenantModel
from clients.models import Client

if TYPE_CHECKING:
    from meters.models import MeteringPoint

DAY_OF_MONTH = [MinValueValidator(1), MaxValueValidator(31)]


class SubscriptionQuerySet(models.QuerySet["Subscription"]):
    def served_between(self, first_day: date, last_day: date) -> SubscriptionQuerySet:
        """Subscriptions with a day of service from `first_day` up to `last_day` (out)."""
        begun = self.filter(starts_on__lt=last_day)
        return begun.filter(models.Q(ends_on=None) | models.Q(ends_on__gt=first_day))


@audited()
class Subscription(TenantModel, PublicIdModel):
    """A client has a plan, from a day on. Each of its periods is billed at most once."""

    client = TenantForeignKey(
        Client, models.PROTECT, related_name="subscriptions", verbose_name=_("client")
    )
    plan = TenantForeignKey(
        Plan, models.PROTECT, related_name="subscriptions", verbose_name=_("plan")
    )
    starts_on = models.DateField(_("first day"))
    ends_on = models.DateField(
        _("ends on"), null=True, blank=True, help_text=_("The first day that is not billed.")
    )
    anchor_day = models.PositiveSmallIntegerField(
        _("period begins on day"),
        default=1,
        validators=DAY_OF_MONTH,
        help_text=_("1 bills calendar months. In a shorter month, its last day."),
    )
    due_day = models.PositiveSmallIntegerField(
        _("due on day"),
        null=True,
        blank=True,
        validators=DAY_OF_MONTH,
        help_text=_("Empty: as soon as the plan's days to pay are over."),
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects: ClassVar = TenantManager.from_queryset(SubscriptionQuerySet)()

    class Meta(TenantModel.Meta):
        verbose_name = _("subscription")
        verbose_name_plural = _("subscriptions")
        ordering = ["-starts_on", "-id"]
        indexes = [models.Index(fields=["tenant", "client"], name="billing_subscription_by_client")]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(anchor_day__range=(1, 31)), name="billing_subscription_anchor"
            ),
            models.CheckConstraint(
                condition=models.Q(due_day=None) | models.Q(due_day__range=(1, 31)),
                name="billing_subscription_due",
            ),
            models.CheckConstraint(
                condition=models.Q(ends_on=None) | models.Q(ends_on__gte=models.F("starts_on")),
                name="billing_subscription_ends_after",
                violation_error_message=_("The end cannot come before the first day."),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.client} · {self.plan}"


@audited()
class SubscriptionPoint(TenantModel):
    """A metering point whose energy a subscription pays for."""

    subscription = TenantForeignKey(Subscription, models.CASCADE, related_name="points")
    metering_point: models.ForeignKey[MeteringPoint, MeteringPoint] = TenantForeignKey(
        "meters.MeteringPoint",
        models.PROTECT,
        related_name="+",
        verbose_name=_("metering point"),
    )

    class Meta(TenantModel.Meta):
        verbose_name = _("metering point")
        verbose_name_plural = _("metering points")
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "subscription", "metering_point"],
                name="billing_subscriptionpoint_once",
            )
        ]

    def __str__(self) -> str:
        return str(self.metering_point)

    def clean(self) -> None:
        """Also before the subscription is saved: the office checks a new one with its points."""
        subscription: Subscription | None = getattr(self, "subscription", None)
        if self.metering_point_id is None or subscription is None or not subscription.starts_on:
            return
        others = SubscriptionPoint.objects.filter(metering_point=self.metering_point_id)
        others = others.exclude(subscription=subscription.pk).filter(
            models.Q(subscription__ends_on=None)
            | models.Q(subscription__ends_on__gt=subscription.starts_on)
        )
        if subscription.ends_on:
            others = others.filter(subscription__starts_on__lt=subscription.ends_on)
        if others.exists():
            raise ValidationError(
                {"metering_point": _("Another subscription already pays for this point.")},
                code="point_taken",
            )
