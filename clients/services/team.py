"""Who works in the tenant. A company always keeps one active owner."""

from __future__ import annotations

from django.db import transaction
from django.utils.translation import gettext as _

from clients.errors import LastOwner, OwnersOnly
from clients.kernel.tenancy import current_actor
from clients.models import Membership, Role
from clients.services.sign_in import end_sessions


def change_membership(
    membership: Membership, *, role: str | None = None, is_active: bool | None = None
) -> Membership:
    """Give a member another role, or end (or restore) the membership. Owners only.

    Locks the tenant's owners: one always remains. Ending a membership ends the user's sessions.
    """
    owners_only()
    with transaction.atomic():
        others = list(
            Membership.objects.select_for_update()
            .filter(role=Role.OWNER, is_active=True)
            .order_by("pk")
        )
        membership.refresh_from_db()
        was_active = membership.is_active
        membership.role = membership.role if role is None else role
        membership.is_active = was_active if is_active is None else is_active
        stays_owner = membership.role == Role.OWNER and membership.is_active
        if not stays_owner and all(owner.pk == membership.pk for owner in others):
            raise LastOwner(_("A company needs an owner. Name another one first."))
        membership.save(update_fields=["role", "is_active"])
        if was_active and not membership.is_active:
            end_sessions(membership.user)
    return membership


def is_owner() -> bool:
    """Whether an owner of the open tenant is doing this."""
    actor = current_actor()
    return actor is not None and actor.role == Role.OWNER


def owners_only() -> None:
    """Raise OwnersOnly unless an owner of the open tenant is doing this."""
    if not is_owner():
        raise OwnersOnly(_("Only an owner of the company may do this."))
