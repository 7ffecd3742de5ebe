"""Who may: the role of the open membership, by Django's own names of permissions."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _
from rest_framework.exceptions import NotAuthenticated, PermissionDenied
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
VERBS = {"list": "view", "retrieve": "view", "create": "add", "destroy": "delete"}


class SignedIn(BasePermission):
    """Anyone who signed in, also outside a tenant."""

    def has_permission(self, request: Request, view: Any) -> bool:
        if not request.user.is_authenticated:
            raise NotAuthenticated
        return True


class RoleAllows(SignedIn):
    """A member whose role has the view's permission (`model`, `verbs`)."""

    def has_permission(self, request: Request, view: Any) -> bool:
        super().has_permission(request, view)
        if getattr(request._request, "tenant", None) is None:
            raise PermissionDenied(_("You are not a member of this company."), "no_membership")
        if not request.user.has_perm(permission_of(view, request.method or "")):
            raise PermissionDenied(_("Your role does not allow this."), "permission_denied")
        return True


def permission_of(view: Any, method: str) -> str:
    """The permission that the view's action needs, such as `clients.add_client`."""
    action = getattr(view, "action", None) or ""
    usual = VERBS.get(action) or ("view" if method in SAFE else "change")
    meta = view.model._meta
    return f"{meta.app_label}.{view.verbs.get(action, usual)}_{meta.model_name}"
