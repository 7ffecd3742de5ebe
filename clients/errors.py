"""The ways clients says no."""

from __future__ import annotations

from clients.kernel.errors import DomainError


class ClientClosed(DomainError):
    code = "client_closed"


class LastOwner(DomainError):
    code = "last_owner"
