"""The ways clients says no."""

from __future__ import annotations

from clients.kernel.errors import DomainError


class ClientClosed(DomainError):
    code = "client_closed"


class TokenRefused(DomainError):
    code = "token_invalid"
    http_status = 401


class TokenReused(TokenRefused):
    code = "token_reused"


class WrongPassword(DomainError):
    code = "wrong_password"
    http_status = 422


class LastOwner(DomainError):
    code = "last_owner"


class OwnersOnly(DomainError):
    code = "owners_only"
    http_status = 403
