"""Where ChirpStack posts what LoRaWAN devices said."""

from __future__ import annotations

import msgspec
from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from clients.kernel import ratelimits
from clients.kernel.api_errors import not_found
from clients.kernel.ratelimits import TooMany
from meters.drivers.chirpstack import EVENTS
from meters.errors import BadReadings, StorageUnavailable
from meters.services.uplinks import Door, door_of, keep_event

LARGEST_EVENT = 262_144


@csrf_exempt
@require_POST
def chirpstack(request: HttpRequest, token: str = "") -> HttpResponse:
    """200 once what the event says is committed, or when there is nothing to keep; 503: again.

    The device key comes as “Authorization: Bearer …”, or in the address, which whatever stands
    before us may write into its log.
    """
    try:
        door = door_of(_secret(request) or token)
        if door is None:
            return not_found(request)
        _count(request, door)
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
    except TooMany as refusal:
        return _later(429, "rate_limited", str(refusal.detail), int(refusal.wait or 1))
    except StorageUnavailable:
        return _later(503, "unavailable", _("Send it again in a moment."), 5)
    return JsonResponse(
        {"stored": outcome.stored, "duplicate": outcome.is_duplicate, "note": outcome.note}
    )


def _secret(request: HttpRequest) -> str:
    scheme, _space, secret = request.headers.get("Authorization", "").partition(" ")
    return secret.strip() if scheme.lower() == "bearer" else ""


def _count(request: HttpRequest, door: Door) -> None:
    """ChirpStack cannot gather readings, so the usual rate is for each of the key's meters."""
    usual = settings.INGEST_RATE_PER_MINUTE * max(1, len(set(door.meters.values())))
    limit = door.rate_per_minute or usual
    ratelimits.count(request, "chirpstack", str(door.key_id), f"{limit}/m")


def _later(status: int, code: str, detail: str, wait_s: int) -> HttpResponse:
    answer = _refused(status, code, detail)
    answer["Retry-After"] = str(wait_s)
    return answer


def _refused(status: int, code: str, detail: str) -> HttpResponse:
    return JsonResponse({"code": code, "detail": detail}, status=status)
