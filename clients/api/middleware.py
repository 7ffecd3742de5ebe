"""The one door through which a request enters a tenant (DESIGN §4)."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

import structlog
from django.db import connection, transaction
from django.http import HttpRequest, HttpResponse
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from rest_framework.exceptions import APIException

from clients.api.authentication import signed_in_user
from clients.kernel.api_errors import problem
from clients.kernel.attribution import attributed
from clients.kernel.tenancy import Actor, acting_as, acting_for
from clients.models import Membership, Tenant, TenantStatus, User

# Where a stale token or session must not stand in the way of a new one.
VISITORS = (
    *("/api/v1/auth/token", "/api/v1/auth/refresh", "/api/v1/auth/revoke", "/api/v1/cron/"),
    "/api/v1/webhooks/chirpstack",  # its bearer is a device key
)
PLATFORM = ("/platform/", "/static/", "/health", "/metrics")
OFFICE = "/admin/"
BAD_REQUEST, UNAUTHORIZED = 400, 401


class TenantMiddleware:
    """Signs the request in, opens the member's tenant around the view, rolls back what failed.

    `request.tenant` and `request.membership` are None where no tenant is open;
    `request.workplaces` are the tenants the user may choose from. The tenant is a
    verified membership: the one named by `X-Tenant-ID`, or by the session, or the only one.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        found: Any = request
        found.tenant = found.membership = None
        found.workplaces = []
        if request.path.startswith(PLATFORM + VISITORS):
            return self.get_response(request)
        try:
            user = signed_in_user(request)
        except APIException as refusal:
            return refused(refusal.status_code, str(refusal.get_codes()), str(refusal.detail))
        if user is None:
            return self.get_response(request)
        found.workplaces = tenants_of(user)
        tenant_id = chosen_tenant(request, found.workplaces)
        if tenant_id is None:
            return self._without_tenant(request)
        with attributed(**cause_of(request, user)), acting_for(tenant_id):
            return self._inside(request, user)

    def _inside(self, request: HttpRequest, user: User) -> HttpResponse:
        membership = (
            Membership.objects.select_related("tenant").filter(user=user, is_active=True).first()
        )
        if membership is None or membership.tenant.status == TenantStatus.CLOSED:
            return self._without_tenant(request)
        found: Any = request
        found.membership, found.tenant = membership, membership.tenant
        actor = Actor(user.pk, membership.role, str(user))
        zone = zone_of(request, membership.tenant)
        with acting_as(actor), in_language(request, user), timezone.override(zone):
            response = self.get_response(request)
        # A kept answer has rolled back its own effect; a failed sign-in must be remembered.
        if response.status_code >= BAD_REQUEST and not getattr(
            response, "keeps_transaction", False
        ):
            transaction.set_rollback(True)
        return response

    def _without_tenant(self, request: HttpRequest) -> HttpResponse:
        if request.path.startswith("/api/v1/") and "X-Tenant-ID" in request.headers:
            return refused(403, "no_membership", _("You are not a member of this company."))
        return self.get_response(request)


@dataclass(frozen=True, slots=True)
class Workplace:
    """A tenant in which somebody has an active membership."""

    tenant_id: int
    public_id: uuid.UUID
    name: str


def tenants_of(user: User) -> list[Workplace]:
    """The tenants in which the user has an active membership, the oldest membership first."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM tenants_of_user(%s)", [user.pk])
        return [Workplace(*row) for row in cursor.fetchall()]


def chosen_tenant(request: HttpRequest, workplaces: list[Workplace]) -> int | None:
    """The tenant that the header or the session names, else the first; None if it is not theirs."""
    by_public_id = {str(place.public_id): place.tenant_id for place in workplaces}
    named = request.headers.get("X-Tenant-ID")
    if named is not None:
        return by_public_id.get(named.strip().lower())
    session: Any = getattr(request, "session", {})
    remembered = by_public_id.get(session.get("tenant", ""))
    return remembered or (workplaces[0].tenant_id if workplaces else None)


def cause_of(request: HttpRequest, user: User) -> dict[str, Any]:
    """What the audit keeps about a request: who, which request, and the reason they gave."""
    facts = {
        "user_id": user.pk,
        "request_id": structlog.contextvars.get_contextvars().get("request_id"),
        "reason": request.headers.get("X-Reason", "")[:500],
    }
    return {name: fact for name, fact in facts.items() if fact}


def zone_of(request: HttpRequest, tenant: Tenant) -> ZoneInfo | None:
    """Pages tell the tenant's time; the API tells UTC."""
    return tenant.zone if request.path.startswith(OFFICE) else None


def in_language(request: HttpRequest, user: User) -> Any:
    """The user's own language, when they chose one and the request does not override it."""
    language = user.language or translation.get_language() or "pt-br"
    request.LANGUAGE_CODE = language
    return translation.override(language)


def refused(status: int, code: str, detail: str) -> HttpResponse:
    """An error in the API's one shape."""
    response = problem(status, code, detail)
    if status == UNAUTHORIZED:
        response["WWW-Authenticate"] = 'Bearer realm="api"'
    return response
