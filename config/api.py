"""The addresses under /api/: each app's own `api/urls.py`, the document, and a JSON 404."""

from __future__ import annotations

from importlib.util import find_spec

from django.urls import URLPattern, URLResolver, include, path, re_path
from drf_spectacular.views import SpectacularSwaggerSplitView

from clients.kernel.api_document import DocumentView
from clients.kernel.api_errors import not_found

APPS = ("clients", "meters", "messaging", "billing", "monitoring")


def _routes_of(app: str) -> list[URLPattern | URLResolver]:
    if find_spec(f"{app}.api") is None or find_spec(f"{app}.api.urls") is None:
        return []
    return [path("v1/", include((f"{app}.api.urls", app)))]


urlpatterns: list[URLPattern | URLResolver] = [
    *(route for app in APPS for route in _routes_of(app)),
    path("schema", DocumentView.as_view(), name="schema"),
    path("docs", SpectacularSwaggerSplitView.as_view(url_name="schema"), name="docs"),
    re_path("", not_found),
]
