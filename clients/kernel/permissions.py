"""What each role may do. A permission is Django's `app.verb_model`; verbs of our own are listed.

Readers everywhere; operators change daily work; managers also money and team; owners everything.
"""

from __future__ import annotations

from typing import Final

from clients.kernel.tenancy import current_actor

VIEW: Final = "view"
MONEY_APP: Final = "billing"
TEAM: Final = frozenset({"clients.membership", "clients.tenant"})
SECRETS: Final = frozenset(
    {
        "meters.devicekey",
        "meters.forwarder",
        "messaging.channelaccount",
        "billing.gatewayaccount",
    }
)
LAW: Final = frozenset({"meters.retention"})  # what is gone by it does not come back
PAPERS: Final = frozenset({"clients.storedfile"})  # invoices among them, whichever app wrote them
PROFESSIONAL_APPS: Final = frozenset({"clients", "meters", "messaging"})


def allows(role: str, permission: str) -> bool:
    """Whether `role` may do `permission`, for example `billing.change_invoice`."""
    app, _, codename = permission.partition(".")
    verb, _, model = codename.partition("_")
    if role == "owner":
        return True
    subject = f"{app}.{model}"
    if verb == VIEW:
        is_hidden = app not in PROFESSIONAL_APPS or subject in PAPERS
        return not (role == "professional" and is_hidden)
    if role == "manager":
        return subject not in TEAM or verb == "change"
    if role == "operator":
        return subject not in TEAM | SECRETS | LAW and not (app == MONEY_APP and verb == "delete")
    return False


def allows_module(role: str, app: str) -> bool:
    """Whether `role` sees the app at all."""
    return role != "professional" or app in PROFESSIONAL_APPS


def may(permission: str) -> bool:
    """Whether the member on whose behalf this runs has the permission; "" is any member."""
    actor = current_actor()
    return actor is not None and (not permission or allows(actor.role, permission))
