"""A page about one thing: read first, edit second. The form is its last tab."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext_lazy as _

from clients.kernel.admin import TenantAdmin
from clients.kernel.panels import Words, cards_of, figures_of, panels_of, timeline_of


@dataclass(frozen=True, slots=True)
class Tab:
    slug: str
    title: Words
    src: str = ""
    count: int | None = None


class DetailAdmin(TenantAdmin):
    """Head, tabs from the registry, overview with figures, cards and timeline, then the form."""

    head_template = "clients/admin/head.html"
    overview_template = "clients/admin/overview.html"
    overview_slug = "resumo"
    overview_title: Words = _("Overview")
    form_title: Words = _("Record")
    has_timeline = True
    has_form = True  # without: what is issued is shown, never edited
    page_module = ""  # a script of this page's charts, below static/

    def page_context(self, request: HttpRequest, subject: Any) -> dict[str, Any]:
        """What this page's own templates need."""
        return {}

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        subject = self.row(request, object_id)
        parts = [(part, part.render(request, subject)) for part in cards_of(self.model)]
        context = {
            "own_h1": True,
            "title": str(subject),
            "subtitle": None,
            "subject": subject,
            "head_template": self.head_template,
            "overview_template": self.overview_template,
            "tabs": self.tabs(subject),
            "figures": figures_of(self.model, request, subject),
            "main_cards": [html for part, html in parts if not part.side],
            "side_cards": [html for part, html in parts if part.side],
            "page_module": self.page_module,
            "has_timeline": self.has_timeline,
            "entries": timeline_of(self.model, subject) if self.has_timeline else [],
            **self.page_context(request, subject),
            **(extra_context or {}),
        }
        return super().change_view(request, object_id, form_url, context)

    def tabs(self, subject: Any) -> list[Tab]:
        name = f"{self.admin_site.name}:{self.opts.app_label}_{self.opts.model_name}_panel"
        added = [
            Tab(
                part.slug,
                part.title,
                reverse(name, args=[subject.public_id, part.slug]),
                part.count(subject) if part.count else None,
            )
            for part in panels_of(self.model)
        ]
        first = Tab(self.overview_slug, self.overview_title)
        form = [Tab("general", self.form_title)] if self.has_form else []
        return [first, *added, *form]

    def get_urls(self) -> list[URLPattern]:
        name = f"{self.opts.app_label}_{self.opts.model_name}_panel"
        view = self.admin_site.admin_view(self.panel_view)
        return [path("<uuid:object_id>/panel/<slug:slug>/", view, name=name), *super().get_urls()]

    def panel_view(self, request: HttpRequest, object_id: str, slug: str) -> HttpResponse:
        """One tab's content, fetched when it is first shown."""
        subject = self.row(request, str(object_id))
        if not self.has_view_permission(request, subject):
            raise Http404
        for part in panels_of(self.model):
            if part.slug == slug:
                return HttpResponse(part.render(request, subject))
        raise Http404

    def response_post_save_change(self, request: HttpRequest, obj: Any) -> HttpResponse:
        return HttpResponseRedirect(self.page_of(obj))

    def response_post_save_add(self, request: HttpRequest, obj: Any) -> HttpResponse:
        return HttpResponseRedirect(self.page_of(obj))
