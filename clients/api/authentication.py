"""Who is asking: a session, or a bearer token that has not been revoked."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from rest_framework_simplejwt.authentication import JWTAuthentication

from clients.models import User


def signed_in_user(request: HttpRequest) -> User | None:
    """The active user behind the bearer token or the session; None for a visitor.

    Raises rest_framework's AuthenticationFailed for a token that is wrong, old or revoked.
    """
    if request.headers.get("Authorization", "").startswith("Bearer "):
        found: Any = JWTAuthentication().authenticate(request)  # type: ignore[arg-type] # reads META only
        if found is not None:
            request.user = found[0]
    user = request.user
    return user if isinstance(user, User) and user.is_active else None
