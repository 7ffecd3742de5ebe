"""Where banks call: the address holds a token of one account; the body is kept, not believed."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from billing.services.notices import account_behind, keep_notice
from clients.kernel.api_errors import not_found
from clients.kernel.tenancy import OtherTenant, acting_for


@csrf_exempt
@require_POST
def pix(request: HttpRequest, token: str) -> HttpResponse:
    """Keep a notice and answer 200, whatever it says: a refusal would stop the bank's queue."""
    door = account_behind(token)
    if door is None:
        return not_found(request)
    try:
        with acting_for(door.tenant_id):
            keep_notice(door.account_id, request.body, now=timezone.now())
    except OtherTenant:  # somebody signed in elsewhere plays the bank
        return not_found(request)
    return HttpResponse(status=200)
