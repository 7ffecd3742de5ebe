"""Where providers post. Verify, keep, answer; the work is done from the kept row."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from clients.kernel.tenancy import OtherTenant
from messaging.errors import Forged
from messaging.services.receipts import answer_challenge, door_of, keep_notice

LARGEST_NOTICE = 3_000_000


@csrf_exempt
@require_http_methods(["GET", "POST"])
def webhook(request: HttpRequest, token: str) -> HttpResponse:
    """One address for each channel account; who does not know the token learns nothing."""
    door = door_of(token)
    if door is None:
        return _refused(404, "not_found", _("There is nothing here."))
    try:
        if request.method == "GET":
            challenge = answer_challenge(door, request.GET.dict())
            return HttpResponse(challenge, content_type="text/plain")
        if len(request.body) > LARGEST_NOTICE:
            return _refused(413, "too_large", _("This notice is too large."))
        keep_notice(door, request.body, {k.lower(): v for k, v in request.headers.items()})
    except OtherTenant:  # somebody signed in elsewhere plays the provider
        return _refused(404, "not_found", _("There is nothing here."))
    except Forged:
        status = 403 if request.method == "GET" else 401
        return _refused(status, "forged", _("The signature does not match."))
    return HttpResponse(status=200)


def _refused(status: int, code: str, detail: str) -> HttpResponse:
    return JsonResponse({"code": code, "detail": detail}, status=status)
