from __future__ import annotations

from clients.models.client import Client, ClientKind, ClientStatus, ContactKind, ContactPoint
from clients.models.platform import IdempotencyKey, JobSlot, StoredFile
from clients.models.tenant import Membership, Role, Tenant, TenantStatus, Trade
from clients.models.user import User

__all__ = [
    "Client",
    "ClientKind",
    "ClientStatus",
    "ContactKind",
    "ContactPoint",
    "IdempotencyKey",
    "JobSlot",
    "Membership",
    "Role",
    "StoredFile",
    "Tenant",
    "TenantStatus",
    "Trade",
    "User",
]
