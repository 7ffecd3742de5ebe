"""Settings: the company itself, and a card for everything that is set up once."""

from __future__ import annotations

from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminSelectWidget

from clients.kernel.admin import TenantAdmin, office_page
from clients.kernel.sites import tenant_site
from clients.models import Tenant
from clients.services.team import is_owner

LANGUAGES = [("pt-br", _("Portuguese")), ("en", _("English"))]


@office_page(Tenant)
class CompanyAdmin(TenantAdmin):
    list_display = ("name", "trade", "city")
    fieldsets = (
        (_("Company"), {"fields": [("name", "legal_name"), ("document", "trade")]}),
        (_("Address"), {"fields": ["address", ("city", "state")]}),
        (_("Language, money and time"), {"fields": [("locale", "currency"), "time_zone"]}),
    )
    readonly_fields = ("trade", "currency")
    settings_icon = "apartment"
    settings_text = _("Name, document, address, currency and time zone")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return is_owner()

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.fieldsets

    def formfield_for_dbfield(self, db_field: Any, request: Any, **kwargs: Any) -> Any:
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if db_field.name == "locale":
            return forms.ChoiceField(
                label=field.label, choices=LANGUAGES, widget=UnfoldAdminSelectWidget
            )
        return field


@tenant_site.page("settings/", "settings")
def settings_page(request: HttpRequest) -> HttpResponse:
    """Cards for what is set up once and seldom touched."""
    cards = []
    for model, page in tenant_site._registry.items():
        icon = getattr(page, "settings_icon", "")
        if icon and page.has_view_permission(request):
            only = request.tenant if model is Tenant else None  # type: ignore[attr-defined]
            cards.append(
                {
                    "title": model._meta.verbose_name if only else model._meta.verbose_name_plural,
                    "icon": icon,
                    "text": page.settings_text,
                    "link": page.page_of(only),
                }
            )
    context = {**tenant_site.each_context(request), "title": _("Settings"), "cards": cards}
    request.current_app = tenant_site.name
    return TemplateResponse(request, "clients/admin/settings.html", context)
