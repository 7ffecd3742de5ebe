"""Where ChirpStack posts what LoRaWAN devices said."""

from __future__ import annotations

import msgspec
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from clients.kernel.api_errors import not_found
from clients.kernel.tenancy import OtherTenant
from meters.drivers.chirpstack import EVENTS
from meters.errors import BadReadings, StorageUnavailable
from meters.services.uplinks import door_of, keep_event

LARGEST_EVENT = 262_144


@csrf_exempt
@require_POST
def chirpstack(request: HttpRequest, token: str) -> HttpResponse:
    """200 once what the event says is committed, or when there is nothing to keep; 503: again."""
    try:
        door = door_of(token)
        if door is None:
            return not_found(request)
        kind = request.GET.get("event", "")
        if kind not in EVENTS:
            return _refused(400, "unknown_event", _("The address must say which event it is."))
        if len(request.body) > LARGEST_EVENT:
            return _refused(413, "too_large", _("This event is too large."))
        said = msgspec.json.decode(request.body, type=dict)
        outcome = keep_event(door, kind, said, now=timezone.now())
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _refused(400, "malformed", _("The body is not a JSON object."))
    except BadReadings as refusal:
        detail = _(refusal.msgid) % refusal.facts if refusal.facts else _(refusal.msgid)
        return _refused(refusal.status, refusal.error_code, detail)
    except OtherTenant:  # somebody signed in elsewhere plays the server
        return not_found(request)
    except StorageUnavailable:
        answer = _refused(503, "unavailable", _("Send it again in a moment."))
        answer["Retry-After"] = "5"
        return answer
    return JsonResponse(
        {"stored": outcome.stored, "duplicate": outcome.is_duplicate, "note": outcome.note}
    )


def _refused(status: int, code: str, detail: str) -> HttpResponse:
    return JsonResponse({"code": code, "detail": detail}, status=status)
