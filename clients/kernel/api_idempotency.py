"""`Idempotency-Key`: the same request sent twice has one effect and one answer.

The key's row and the effect are in one transaction, so neither exists without the other. Answers
below 500 are kept, refusals too (their effect is rolled back to a savepoint first).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

from django.apps import apps
from django.db import connection, transaction
from django.http import HttpResponse
from django.utils.translation import gettext as _

from clients.kernel.api_errors import Refusal
from clients.kernel.api_formats import dump
from clients.kernel.tenancy import current_tenant_id

BAD_REQUEST, SERVER_ERROR = 400, 500
LONGEST_KEY = 255


def answer_once(view: Any, call: Callable[[], Any]) -> Any:
    """`call()`, or the kept answer when this user already sent this key to this route.

    422 `idempotency_mismatch` when the body differs, 409 `idempotency_running` while the first
    is still at work.
    """
    request = view.request._request
    key = request.headers.get("Idempotency-Key")
    if key is None:
        return call()
    if not (0 < len(key) <= LONGEST_KEY and key.isascii() and key.isprintable()):
        raise Refusal(400, "invalid_idempotency_key", _("The key has 1 to 255 plain characters."))
    model: Any = apps.get_model("clients", "IdempotencyKey")
    scope = f"{request.user.pk} {request.method} {request.path}"[:200]
    digest = hashlib.sha256(request.body).digest()
    if not _locked(f"{current_tenant_id()} {scope} {key}"):
        raise Refusal(409, "idempotency_running", _("The first request with this key still runs."))
    kept = model.objects.filter(scope=scope, key=key).first()
    if kept is not None and bytes(kept.body_sha256) != digest:
        raise Refusal(422, "idempotency_mismatch", _("This key was used with another body."))
    if kept is not None:
        return _json(kept.status_code, bytes(kept.answer), replayed=True)
    response = _effect(view, call)
    if response.status_code >= SERVER_ERROR:
        return response
    body = dump(response.data) if getattr(response, "data", None) is not None else b""
    model.objects.create(
        scope=scope, key=key, body_sha256=digest, status_code=response.status_code, answer=body
    )
    answer = _json(response.status_code, body)
    answer.keeps_transaction = True  # type: ignore[attr-defined] # read by TenantMiddleware
    return answer


def _effect(view: Any, call: Callable[[], Any]) -> Any:
    """The answer, with the effect rolled back when it is a refusal."""
    try:
        with transaction.atomic():
            response = call()
            transaction.set_rollback(response.status_code >= BAD_REQUEST)
            return response
    except Exception as error:  # noqa: BLE001 - becomes the answer, as for any view
        return view.handle_exception(error)


def _locked(name: str) -> bool:
    """Whether this transaction now holds the lock called `name`, without waiting."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(hashtextextended(%s, 0))", [name])
        return bool(cursor.fetchone()[0])


def _json(status: int, body: bytes, *, replayed: bool = False) -> HttpResponse:
    response = HttpResponse(body, status=status, content_type="application/json")
    if replayed:
        response["Idempotency-Replayed"] = "true"
    return response
