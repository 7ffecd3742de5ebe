"""`GET /api/v1/live`: the tenant's live feed as server-sent events; an ASGI application.

Events: `hello` (from here on), `reset` (facts were lost: read again), `end` (no longer allowed),
and `<app>.<fact>` as published. The id of each resumes after it (`Last-Event-ID`).
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http import HTTPStatus
from importlib import import_module
from io import BytesIO
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user
from django.core.handlers.asgi import ASGIRequest
from django.db import close_old_connections
from django.http import HttpResponse
from django.utils import translation
from django.utils.translation import gettext as _
from rest_framework.exceptions import APIException

from clients.api.authentication import signed_in_user
from clients.api.middleware import chosen_tenant, tenants_of
from clients.kernel import ratelimits
from clients.kernel.api_errors import Refusal, problem
from clients.kernel.live_hub import NOTHING, Fact, Hub, place
from clients.kernel.permissions import allows_module
from clients.kernel.tenancy import acting_for
from clients.models import Membership, TenantStatus

logger = logging.getLogger(__name__)
STREAMS_PER_USER = 6  # browsers open six connections to one origin
HEARTBEAT_S, CHECK_S = 15.0, 25.0
EVENT_ID = re.compile(rb"\d{1,18}-\d{1,18}")
_threads = ThreadPoolExecutor(2, thread_name_prefix="live")
_open: Counter[int] = Counter()
_hubs: dict[asyncio.AbstractEventLoop, Hub] = {}


@dataclass(frozen=True, slots=True)
class Guest:
    """Who may watch which tenant's feed, in which role."""

    user_id: int
    tenant_id: int
    role: str


async def live_application(scope: Any, receive: Any, send: Any) -> None:
    """The ASGI application; the edge hands it the path /api/v1/live."""
    if scope["type"] != "http":
        return
    loop = asyncio.get_running_loop()
    try:
        guest = await loop.run_in_executor(_threads, admit, scope)
        last_id = _last_id(scope)
        if _open[guest.user_id] >= STREAMS_PER_USER:
            text = _("You have too many live pages open.")
            raise Refusal(429, "too_many_streams", text, wait_s=30)
    except APIException as refusal:
        await _refuse(send, refusal)
        return
    _open[guest.user_id] += 1
    try:
        await _stream(scope, receive, send, guest, last_id)
    finally:
        _open[guest.user_id] -= 1


def admit(scope: Any) -> Guest:
    """The guest behind a request, looked up anew. Raises APIException; call it in a thread."""
    close_old_connections()
    try:
        request: Any = ASGIRequest(scope, BytesIO())
        with translation.override(translation.get_language_from_request(request)):
            return _admit(request)
    finally:
        close_old_connections()


def _admit(request: Any) -> Guest:
    if request.method != "GET":
        raise Refusal(405, "method_not_allowed", _("Only GET is possible here."))
    if wanted := request.GET.get("tenant"):
        request.META["HTTP_X_TENANT_ID"] = wanted  # EventSource cannot set a header
    store = import_module(settings.SESSION_ENGINE).SessionStore
    request.session = store(request.COOKIES.get(settings.SESSION_COOKIE_NAME))
    request.user = get_user(request)
    user = signed_in_user(request)
    if user is None:
        raise Refusal(401, "not_authenticated", _("Sign in first."))
    ratelimits.check(request, ("user",))
    tenant_id = chosen_tenant(request, tenants_of(user))
    if tenant_id is None:
        raise Refusal(403, "no_membership", _("You are not a member of this company."))
    with acting_for(tenant_id):
        member = (
            Membership.objects.select_related("tenant").filter(user=user, is_active=True).first()
        )
    if member is None or member.tenant.status == TenantStatus.CLOSED:
        raise Refusal(403, "no_membership", _("You are not a member of this company."))
    return Guest(user.pk, tenant_id, member.role)


async def _stream(scope: Any, receive: Any, send: Any, guest: Guest, last_id: str | None) -> None:
    hub = _hubs.setdefault(asyncio.get_running_loop(), Hub())
    headers = [
        (b"content-type", b"text/event-stream; charset=utf-8"),
        (b"cache-control", b"no-store"),
        (b"x-accel-buffering", b"no"),
    ]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    gone = asyncio.create_task(_until_gone(receive))
    watching = asyncio.create_task(_watch(scope, send, guest, hub, last_id))
    try:
        await asyncio.wait({gone, watching}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (gone, watching):
            task.cancel()
        await asyncio.gather(gone, watching, return_exceptions=True)
    await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _watch(scope: Any, send: Any, guest: Guest, hub: Hub, last_id: str | None) -> None:
    """Send facts, a sign of life in silence, and the end when the guest may watch no longer."""
    loop = asyncio.get_running_loop()
    check_at = loop.time() + CHECK_S
    sent = place(last_id or NOTHING)
    await _say(send, b"retry: 2000\n\n")
    async with hub.page(guest.tenant_id, last_id) as waiting:
        while True:
            try:
                fact = await asyncio.wait_for(waiting.get(), min(HEARTBEAT_S, CHECK_S))
            except TimeoutError:
                await _say(send, b": still here\n\n")
            else:
                sent = await _tell(send, guest, fact, sent)
            if loop.time() >= check_at:
                check_at = loop.time() + CHECK_S
                if not await loop.run_in_executor(_threads, _still_welcome, scope, guest):
                    await _say(send, b"event: end\ndata: {}\n\n")
                    return


async def _tell(send: Any, guest: Guest, fact: Fact, sent: tuple[int, int]) -> tuple[int, int]:
    """Send the fact unless it was sent before or is not for this role; where the page now is."""
    is_signal = fact.kind in {"hello", "reset"}
    here = place(fact.id or NOTHING)
    if not is_signal and here <= sent:
        return sent
    if is_signal or allows_module(guest.role, fact.kind.partition(".")[0]):
        identity = f"id: {fact.id}\n" if fact.id else ""
        await _say(send, f"{identity}event: {fact.kind}\ndata: {fact.data}\n\n".encode())
    return here


def _still_welcome(scope: Any, guest: Guest) -> bool:
    try:
        return admit(scope) == guest
    except APIException as refusal:
        return refusal.status_code == HTTPStatus.TOO_MANY_REQUESTS
    except Exception:  # the database may be away; the next check decides
        logger.warning("live check failed", extra={"user_id": guest.user_id}, exc_info=True)
        return True


def _last_id(scope: Any) -> str | None:
    """The id after which the page wants to go on. Raises Refusal when it is none of ours."""
    found: bytes = dict(scope["headers"]).get(b"last-event-id", b"")
    if not found:
        return None
    if not EVENT_ID.fullmatch(found):
        raise Refusal(400, "invalid_event_id", _("Last-Event-ID is not one of ours."))
    return found.decode()


async def _until_gone(receive: Any) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _say(send: Any, text: bytes) -> None:
    await send({"type": "http.response.body", "body": text, "more_body": True})


async def _refuse(send: Any, refusal: APIException) -> None:
    codes = refusal.get_codes()
    answer: HttpResponse = problem(
        refusal.status_code, codes if isinstance(codes, str) else "error", str(refusal.detail)
    )
    if wait := getattr(refusal, "wait", None):
        answer["Retry-After"] = str(wait)
    headers = [(name.lower().encode(), value.encode()) for name, value in answer.items()]
    await send({"type": "http.response.start", "status": answer.status_code, "headers": headers})
    await send({"type": "http.response.body", "body": answer.content})
