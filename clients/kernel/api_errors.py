"""The API's one error shape: {"code", "detail"}, and "fields" when a value in the body is wrong."""

from __future__ import annotations

import logging
from typing import Any

from django.apps import apps
from django.core.exceptions import (
    PermissionDenied,
    RequestDataTooBig,
    SuspiciousOperation,
    ValidationError,
)
from django.core.signals import got_request_exception
from django.db import DataError, IntegrityError
from django.db.models import ProtectedError, RestrictedError
from django.http import Http404, HttpRequest, HttpResponse, UnreadablePostError
from django.utils.translation import gettext as _
from rest_framework import exceptions
from rest_framework.response import Response

from clients.kernel.api_formats import dump
from clients.kernel.api_invalid import flat, invalid, of_django
from clients.kernel.errors import DomainError, Permanent, Retryable

logger = logging.getLogger(__name__)
UNIQUE_VIOLATION, FOREIGN_KEY_VIOLATION, EXCLUSION_VIOLATION = "23505", "23503", "23P01"
Problem = tuple[int, str, str]


class Refusal(exceptions.APIException):
    """An answer of the API's own: status, code and a sentence."""

    def __init__(self, status: int, code: str, detail: str, wait_s: int | None = None) -> None:
        super().__init__(detail, code)
        self.status_code = status
        self.wait = wait_s


def problem(status: int, code: str, detail: str) -> HttpResponse:
    """An error answer for code outside the API's views."""
    body = dump({"code": code, "detail": detail})
    return HttpResponse(body, status=status, content_type="application/json")


def not_found(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
    """404 for an address under /api/ that does not exist: the same bytes as for a missing row."""
    return problem(404, *missing())


def server_error(request: HttpRequest) -> HttpResponse:
    """500 for /api/, when not even the exception handler could answer."""
    return problem(500, "server_error", _("Something broke on our side. It has been recorded."))


def missing() -> tuple[str, str]:
    return "not_found", _("There is no such thing here.")


def handle_exception(error: Exception, context: dict[str, Any]) -> Response:
    """Any exception of a view in the one shape. What nobody foresaw is logged and answers 500."""
    if isinstance(error, exceptions.ValidationError):
        return invalid(flat(error.get_full_details()))
    if isinstance(error, ValidationError):
        return invalid(of_django(error))
    status, code, detail = _known(error) or _unforeseen(error, context)
    return Response({"code": code, "detail": detail}, status, headers=_headers(error))


def _known(error: Exception) -> Problem | None:
    if isinstance(error, Http404 | exceptions.NotFound):
        return (404, *missing())
    if isinstance(error, DomainError):
        return error.http_status, error.error_code, str(error)
    if isinstance(error, PermissionDenied):
        return 403, "permission_denied", _("Your role does not allow this.")
    if isinstance(error, exceptions.APIException):
        codes = error.get_codes()
        return error.status_code, codes if isinstance(codes, str) else "error", str(error.detail)
    if isinstance(error, ProtectedError | RestrictedError):
        return 409, "still_used", _("Other records still depend on this one.")
    if isinstance(error, IntegrityError):
        return _broken_constraint(error)
    return _unreadable(error) or _outside(error)


def _unreadable(error: Exception) -> Problem | None:
    if isinstance(error, RequestDataTooBig):
        return 413, "too_large", _("The request is too large.")
    if isinstance(error, RecursionError):
        return 400, "too_deep", _("The request is nested too deeply.")
    if isinstance(error, DataError | SuspiciousOperation | UnreadablePostError):
        return 400, "invalid", _("A value in the request cannot be stored.")
    return None


def _outside(error: Exception) -> Problem | None:
    if isinstance(error, Retryable):
        return 503, "try_again", _("A service we depend on does not answer. Try again shortly.")
    if isinstance(error, Permanent):
        return 422, "refused_outside", str(error)
    return None


def _broken_constraint(error: IntegrityError) -> Problem | None:
    cause = error.__cause__
    kind = getattr(cause, "sqlstate", "")
    name = getattr(getattr(cause, "diag", None), "constraint_name", None) or ""
    if kind == FOREIGN_KEY_VIOLATION:
        return 409, "still_used", _("Other records still depend on this one.")
    for constraint in (found for model in apps.get_models() for found in model._meta.constraints):
        if constraint.name == name and constraint.violation_error_code:
            return (
                409,
                constraint.violation_error_code,
                str(constraint.get_violation_error_message()),
            )
    if kind in {UNIQUE_VIOLATION, EXCLUSION_VIOLATION}:
        return 409, "already_exists", _("This already exists.")
    return 400, "invalid", _("A value in the request cannot be stored.")


def _unforeseen(error: Exception, context: dict[str, Any]) -> Problem:
    request = getattr(context.get("request"), "_request", None)
    got_request_exception.send(sender=None, request=request)
    logger.error("request failed", exc_info=error)
    return 500, "server_error", _("Something broke on our side. It has been recorded.")


def _headers(error: Exception) -> dict[str, str]:
    headers: dict[str, str] = dict(getattr(error, "headers", {}))
    if isinstance(error, exceptions.APIException) and getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = error.auth_header  # type: ignore[attr-defined] # set by DRF
    wait = getattr(error, "wait", None) or getattr(error, "after_s", None)
    return {**headers, "Retry-After": str(max(1, round(wait)))} if wait else headers
