from __future__ import annotations

from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext_lazy as _

from clients.kernel.audit import audited
from clients.kernel.constraints import one_of
from clients.kernel.keys import PublicIdModel
from clients.kernel.tenancy import TenantModel


class Trade(models.TextChoices):
    """What the operator sells; it decides which pages and words are shown first."""

    ENERGY = "energy", _("Energy and water metering")
    PLANS = "plans", _("Monthly plans")
    SALES = "sales", _("Sales by chat")
    APPOINTMENTS = "appointments", _("Appointments")


class TenantStatus(models.TextChoices):
    ACTIVE = "active", _("Active")
    SUSPENDED = "suspended", _("Suspended")
    CLOSED = "closed", _("Closed")


def known_zone(value: str) -> None:
    """Refuse a time zone that the tz database does not name, or that PostgreSQL does not know."""
    if value not in zone_names():
        raise ValidationError(
            _("There is no time zone called “%(zone)s”; use a name such as America/Sao_Paulo."),
            code="unknown_time_zone",
            params={"zone": value},
        )


@cache
def zone_names() -> frozenset[str]:
    """The time zones that everybody names alike: neither this machine's own, nor placeholders."""
    return frozenset(available_timezones() - {"localtime", "Factory"})


class Tenant(PublicIdModel):
    """The operator who runs the service and signs in. Every other row belongs to one."""

    name = models.CharField(_("name"), max_length=100)
    slug = models.SlugField(_("short name"), unique=True)
    trade = models.CharField(_("trade"), max_length=20, choices=Trade, default=Trade.ENERGY)
    status = models.CharField(
        _("status"), max_length=10, choices=TenantStatus, default=TenantStatus.ACTIVE
    )
    legal_name = models.CharField(_("legal name"), max_length=200, blank=True)
    document = models.CharField(_("CPF or CNPJ"), max_length=14, blank=True)
    address = models.CharField(_("address"), max_length=200, blank=True)
    city = models.CharField(_("city"), max_length=80, blank=True)
    state = models.CharField(_("state"), max_length=2, blank=True)
    currency = models.CharField(_("currency"), max_length=3, default="BRL")
    locale = models.CharField(_("language"), max_length=10, default="pt-br")
    time_zone = models.CharField(
        _("time zone"), max_length=40, default="America/Sao_Paulo", validators=[known_zone]
    )
    is_demo = models.BooleanField(_("demonstration"), default=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("company")
        verbose_name_plural = _("companies")
        constraints = [one_of("trade", Trade), one_of("status", TenantStatus)]

    def __str__(self) -> str:
        return self.name

    @property
    def zone(self) -> ZoneInfo:
        """The time zone that says what a day and a month are."""
        return ZoneInfo(self.time_zone)


class Role(models.TextChoices):
    OWNER = "owner", _("Owner")
    MANAGER = "manager", _("Manager")
    OPERATOR = "operator", _("Operator")
    PROFESSIONAL = "professional", _("Professional")
    VIEWER = "viewer", _("Viewer")


@audited()
class Membership(TenantModel, PublicIdModel):
    """What one person may do in one tenant."""

    user = models.ForeignKey("clients.User", models.PROTECT, related_name="+")
    role = models.CharField(_("role"), max_length=12, choices=Role, default=Role.VIEWER)
    is_active = models.BooleanField(_("active"), default=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta(TenantModel.Meta):
        verbose_name = _("team member")
        verbose_name_plural = _("team")
        constraints = [
            models.UniqueConstraint(fields=["tenant", "user"], name="clients_membership_once"),
            one_of("role", Role),
        ]

    def __str__(self) -> str:
        return f"{self.user} ({self.get_role_display()})"
