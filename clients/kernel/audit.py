"""Who changed what, before and after: an event row per change, written by a database trigger."""

from __future__ import annotations

from typing import Any, TypeVar

import pghistory
from django.db import models

from clients.kernel.tenancy import TenantManager

M = TypeVar("M", bound=type[models.Model])


class AuditEvent(pghistory.models.Event):
    """Base of every event table: append-only by grants, and seen by its own tenant only."""

    objects = TenantManager()  # type: ignore[misc,assignment] # narrows pghistory's manager

    class Meta:
        abstract = True
        base_manager_name = "objects"


def audited(*, exclude: tuple[str, ...] = ()) -> Any:
    """Keep every insert, update and delete of the model below in `<Model>Event`.

    The migration also needs `SecureTenantTable("<Model>Event", grants="SELECT, INSERT")`. Leave
    secrets and large columns out with `exclude`.
    """

    def decorate(model: M) -> M:
        tracked = pghistory.track(
            pghistory.InsertEvent(),
            pghistory.UpdateEvent(),
            pghistory.DeleteEvent(),
            exclude=list(exclude),
            base_model=AuditEvent,
            model_name=f"{model.__name__}Event",
            obj_field=pghistory.ObjForeignKey(related_name="+"),
            # Kept in the row: a shared context table would be seen by every tenant.
            context_field=pghistory.ContextJSONField(),
            context_id_field=pghistory.ContextUUIDField(),
        )
        result: M = tracked(model)
        return result

    return decorate
