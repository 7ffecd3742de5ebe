"""The platform's own pages: companies, people, sign-in attempts, and every package's tables."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from axes.models import AccessAttempt, AccessAttemptExpiration, AccessFailureLog, AccessLog
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.template.response import SimpleTemplateResponse
from django.utils.translation import gettext_lazy as _
from django_celery_beat.admin import PeriodicTaskForm, TaskSelectWidget
from django_celery_beat.models import (
    ClockedSchedule,
    CrontabSchedule,
    IntervalSchedule,
    PeriodicTask,
    SolarSchedule,
)
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from clients.kernel import when
from clients.kernel.admin import PulsoAdmin, platform_page
from clients.kernel.chips import chip
from clients.kernel.sites import platform_site
from clients.kernel.tenancy import across_tenants
from clients.models import Membership, Tenant, User


def by_the_platform(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Work with the platform's own database role until the page is drawn."""

    @wraps(view)
    def inside(*args: Any, **kwargs: Any) -> HttpResponse:
        with across_tenants():
            response = view(*args, **kwargs)
            if isinstance(response, SimpleTemplateResponse):
                response.render()
            return response

    return inside


class AcrossAdmin(PulsoAdmin):
    """A page that sees the rows of every tenant."""

    changelist_view = by_the_platform(PulsoAdmin.changelist_view)
    changeform_view = by_the_platform(PulsoAdmin.changeform_view)


@platform_page(Tenant)
class TenantPage(AcrossAdmin):
    list_display = ("name", "slug", "trade", "situation", "is_demo", "since")
    list_filter = [("status", ChoicesDropdownFilter), ("trade", ChoicesDropdownFilter)]
    search_fields = ("name", "slug", "document")
    search_help_text = _("Name, short name or document")
    fieldsets = (
        (_("Company"), {"fields": [("name", "slug"), ("legal_name", "document")]}),
        (_("Service"), {"fields": [("trade", "status"), "is_demo"]}),
        (_("Place"), {"fields": ["address", ("city", "state")]}),
        (_("Language, money and time"), {"fields": [("locale", "currency"), "time_zone"]}),
    )

    @display(description=_("Situation"), ordering="status")
    def situation(self, tenant: Tenant) -> str:
        return chip(tenant.status, tenant.get_status_display())

    @display(description=_("Since"), ordering="created_at")
    def since(self, tenant: Tenant) -> str:
        return when.paper_day(tenant.created_at.date())


@platform_page(Membership)
class MembershipPage(AcrossAdmin):
    list_display = ("user", "tenant", "role", "is_active")
    list_select_related = ("user", "tenant")
    list_filter = [("role", ChoicesDropdownFilter)]
    search_fields = ("user__email", "tenant__name")
    search_help_text = _("E-mail or company")
    fields = ("tenant", "user", "role", "is_active")


@platform_page(User)
class UserPage(PulsoAdmin):
    list_display = ("email", "name", "situation", "is_staff", "seen")
    search_fields = ("email", "name")
    search_help_text = _("E-mail or name")
    fields = ("email", "name", "language", "is_active", "is_staff")

    @display(description=_("Situation"), ordering="is_active")
    def situation(self, user: User) -> str:
        return chip("active", _("Active")) if user.is_active else chip("closed", _("Closed"))

    @display(description=_("Last sign-in"), ordering="last_login")
    def seen(self, user: User) -> str:
        return when.ago(user.last_login) if user.last_login else ""

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if not change:
            obj.set_unusable_password()  # an invitation lets them choose one
        super().save_model(request, obj, form, change)


class RecordPage(PulsoAdmin):
    """A table that a package writes: read here, never typed into."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@platform_page(AccessAttempt)
class AttemptPage(RecordPage):
    list_display = ("attempt_time", "username", "ip_address", "failures_since_start")
    search_fields = ("username", "ip_address")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return True  # deleting an attempt unlocks the person


@platform_page(AccessFailureLog, AccessLog)
class AccessPage(RecordPage):
    list_display = ("attempt_time", "username", "ip_address", "path_info")
    search_fields = ("username", "ip_address")


@platform_page(AccessAttemptExpiration)
class ExpirationPage(RecordPage):
    list_display = ("access_attempt", "expires_at")


@platform_page(TOTPDevice, StaticDevice)
class DevicePage(RecordPage):
    list_display = ("user", "name", "confirmed")
    fields = ("user", "name", "confirmed")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return True  # a lost telephone: the person enrols again


@platform_page(OutstandingToken)
class TokenPage(RecordPage):
    list_display = ("user", "created_at", "expires_at")
    fields = ("user", "jti", "created_at", "expires_at")  # never the token itself


@platform_page(BlacklistedToken)
class RevokedTokenPage(RecordPage):
    list_display = ("token_owner", "blacklisted_at")
    fields = ("blacklisted_at",)
    list_select_related = ("token__user",)

    @display(description=_("user"))
    def token_owner(self, token: BlacklistedToken) -> str:
        return str(token.token.user)


class TaskChoice(UnfoldAdminSelectWidget, TaskSelectWidget):
    """The registered tasks, drawn as unfold draws a choice."""


class TaskForm(PeriodicTaskForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:  # Any: celery-beat's own arguments
        super().__init__(*args, **kwargs)
        self.fields["task"].widget = UnfoldAdminTextInputWidget()
        self.fields["regtask"].widget = TaskChoice()


@platform_page(PeriodicTask)
class TaskPage(PulsoAdmin):
    form = TaskForm
    list_display = ("name", "enabled", "interval", "crontab", "last_run_at", "total_run_count")
    list_select_related = ("interval", "crontab")
    search_fields = ("name", "task")
    readonly_fields = ("last_run_at", "total_run_count", "date_changed")


@platform_page(IntervalSchedule, CrontabSchedule, SolarSchedule, ClockedSchedule)
class SchedulePage(PulsoAdmin):
    pass


def overview(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """The platform's first page: its lists, and why this person came."""
    lists: list[dict[str, Any]] = [
        {
            "title": model._meta.verbose_name_plural,
            "icon": "table_rows",
            "text": apps_name(model),
            "link": page.page_of(None),
        }
        for model, page in platform_site._registry.items()
    ]
    return {
        **context,
        "title": _("Platform"),
        "cards": lists,
        "reason": request.session.get("platform_reason", ""),
    }


def apps_name(model: type[Model]) -> str:
    return str(model._meta.app_config.verbose_name) if model._meta.app_config else ""
