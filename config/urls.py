"""Addresses. The office and the platform are admin sites; the API has one `urls` per app."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, include, path
from django.views.generic import RedirectView

from clients.kernel.sites import platform_site, tenant_site
from clients.web.platform import verify

urlpatterns: list[URLPattern | URLResolver] = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("api/", include("config.api")),
    path("admin/", tenant_site.urls),
    path("platform/verify/", verify, name="platform_verify"),
    path("platform/", platform_site.urls),
    path("i18n/", include("django.conf.urls.i18n")),
]
handler403 = "clients.web.errors.refused"
handler404 = "clients.web.errors.not_found"
handler500 = "clients.web.errors.broken"
