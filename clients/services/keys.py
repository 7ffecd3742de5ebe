"""Rotation of the keys that seal secrets: first add the new key in front, then reseal, then take
the old key away."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.apps import apps

from clients.kernel.fields import CannotDecrypt, EncryptedTextField, reseal
from clients.kernel.tenancy import across_tenants, acting_for
from clients.models import Tenant

CHUNK = 200


@dataclass(frozen=True, slots=True)
class Resealed:
    """What one pass over a model did. `closed` rows are opened by no key of FIELD_KEYS."""

    model: str
    rows: int = 0
    changed: int = 0
    closed: int = 0


def sealed_models() -> list[Any]:
    """Every model that keeps a secret."""
    return [
        model
        for model in apps.get_models()
        if any(isinstance(field, EncryptedTextField) for field in model._meta.concrete_fields)
    ]


def reseal_everything() -> list[Resealed]:
    """Seal every secret of every tenant with the newest key. Safe to call twice, and to stop."""
    with across_tenants():
        tenants = list(Tenant.objects.order_by("pk").values_list("pk", flat=True))
    return [_reseal_model(model, tenants) for model in sealed_models()]


def _reseal_model(model: Any, tenants: list[int]) -> Resealed:
    rows = changed = closed = 0
    for tenant_id in tenants:
        last = 0
        while True:
            with acting_for(tenant_id):
                # Locked, so that a secret entered meanwhile is not overwritten by the old one.
                chunk = list(
                    model.objects.select_for_update().filter(pk__gt=last).order_by("pk")[:CHUNK]
                )
                for row in chunk:
                    try:
                        changed += reseal(row)
                    except CannotDecrypt:
                        closed += 1
            if not chunk:
                break
            rows += len(chunk)
            last = chunk[-1].pk
    return Resealed(model._meta.label, rows, changed, closed)
