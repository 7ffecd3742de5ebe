"""Who works in the tenant. A company always keeps one active owner."""

from __future__ import annotations

from django.utils.translation import gettext as _

from clients.errors import LastOwner
from clients.models import Membership, Role


def set_role(membership: Membership, role: Role) -> None:
    """Give a team member another role. Raises LastOwner when no owner would be left."""
    if role != Role.OWNER:
        _keep_an_owner(membership)
    Membership.objects.filter(pk=membership.pk).update(role=role)


def remove_access(membership: Membership) -> None:
    """End a person's access to this company at once. Safe to call twice."""
    _keep_an_owner(membership)
    Membership.objects.filter(pk=membership.pk).update(is_active=False)


def restore_access(membership: Membership) -> None:
    """Let a person work here again, with the role they had."""
    Membership.objects.filter(pk=membership.pk).update(is_active=True)


def _keep_an_owner(membership: Membership) -> None:
    owners = Membership.objects.select_for_update().filter(role=Role.OWNER, is_active=True)
    if {owner.pk for owner in owners} == {membership.pk}:
        raise LastOwner(_("This is the only owner. Make somebody else an owner first."))
