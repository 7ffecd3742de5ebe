"""Who is asking: a session, or a bearer token that has not been revoked."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import SessionAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from clients.errors import TokenRefused
from clients.models import User
from clients.services.sign_in import user_of_access

BEARER = "bearer "


def signed_in_user(request: HttpRequest) -> User | None:
    """The active user behind the bearer token or the session; None for a visitor.

    Raises rest_framework's AuthenticationFailed for a token that is wrong, old or revoked.
    """
    found: Any = request
    header = request.headers.get("Authorization", "")
    found.is_bearer = header.lower().startswith(BEARER)
    if found.is_bearer:
        request.user = user_of_token(header[len(BEARER) :].strip())
    user = request.user
    return user if isinstance(user, User) and user.is_active else None


def user_of_token(text: str) -> User:
    """The user of an access token; AuthenticationFailed when it is wrong, old or revoked."""
    try:
        return user_of_access(text)
    except TokenRefused as error:
        raise AuthenticationFailed(str(error), error.error_code) from error


class DoorAuthentication(SessionAuthentication):
    """What the tenant middleware found. A session also needs the CSRF token."""

    def authenticate(self, request: Request) -> tuple[User, None] | None:
        inner: Any = request._request
        user = inner.user
        if not (isinstance(user, User) and user.is_active):
            return None
        if not getattr(inner, "is_bearer", False):
            self.enforce_csrf(request)
        return user, None

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="api"'


class DoorScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call] # registers itself
    target_class = DoorAuthentication
    name = ["bearer", "session"]

    def get_security_definition(self, auto_schema: Any) -> list[dict[str, str]]:
        return [
            {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
            {"type": "apiKey", "in": "cookie", "name": "sessionid"},
        ]
