"""Pages for what is not there, not allowed, broken or locked. They ask no database."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _

from clients.kernel.api_errors import server_error

API = "/api/"


def answer(request: HttpRequest, status: int, code: str, title: str, text: str) -> HttpResponse:
    """The sentence as a page, or in the API's one shape."""
    if request.path.startswith(API):
        return JsonResponse({"code": code, "detail": title}, status=status)
    context = {
        "title": title,
        "text": text,
        "home": reverse("admin:index"),  # the office's, also for a page of the platform
        "search": reverse("admin:clients_client_changelist") if status in {403, 404} else "",
    }
    return render(request, "clients/error.html", context, status=status)


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return answer(
        request,
        404,
        "not_found",
        _("This page is not here"),
        _("It does not exist, or it belongs to another company. Nothing was changed."),
    )


def refused(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """The same words as a missing page: who may not see a thing does not learn that it exists."""
    return answer(
        request,
        403,
        "forbidden",
        _("This page is not here"),
        _("It does not exist, or it belongs to another company. Nothing was changed."),
    )


def not_verified(request: HttpRequest, reason: str = "") -> HttpResponse:
    """A form whose secret token is missing or old."""
    return answer(
        request,
        403,
        "csrf_failed",
        _("This page was open for too long"),
        _("Nothing was changed. Go back, reload the page and try again."),
    )


def broken(request: HttpRequest) -> HttpResponse:
    if request.path.startswith(API):
        return server_error(request)
    return answer(
        request,
        500,
        "broken",
        _("This did not work, and it is our mistake"),
        _("Nothing was changed. We were told about it. Try again in a minute."),
    )


def locked(
    request: HttpRequest, credentials: dict[str, str] | None = None, *args: object
) -> HttpResponse:
    return answer(
        request,
        429,
        "locked",
        _("Too many attempts"),
        _("Wait 15 minutes before you try to sign in again. Your account is safe."),
    )
