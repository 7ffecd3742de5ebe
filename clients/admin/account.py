"""What a person chooses for themselves: the company to work in, and the language."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import check_for_language
from django.views.decorators.http import require_POST

from clients.kernel.sites import tenant_site


@tenant_site.page("switch/", "switch")
@require_POST
def switch(request: HttpRequest) -> HttpResponse:
    """Work in another of one's companies. One that is not theirs does not exist."""
    chosen, found = request.POST.get("tenant", ""), getattr(request, "workplaces", [])
    if chosen not in {str(place.public_id) for place in found}:
        raise Http404
    request.session["tenant"] = chosen
    return HttpResponseRedirect(reverse("admin:index"))


@tenant_site.page("language/", "language")
@require_POST
def language(request: HttpRequest) -> HttpResponse:
    """Read everything in another language from now on."""
    code = request.POST.get("language", "")
    if code not in dict(settings.LANGUAGES) or not check_for_language(code):
        raise Http404
    user: Any = request.user
    user.language = code
    user.save(update_fields=["language"])
    back = request.POST.get("next", "")
    safe = url_has_allowed_host_and_scheme(back, {request.get_host()}, request.is_secure())
    response = HttpResponseRedirect(back if safe and back else reverse("admin:index"))
    response.set_cookie(
        settings.LANGUAGE_COOKIE_NAME,
        code,
        max_age=365 * 24 * 3600,
        samesite="Lax",
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
    )
    return response
