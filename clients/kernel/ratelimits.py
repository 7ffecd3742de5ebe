"""How often one user, tenant or address may ask. Counted in Valkey, or in memory without it."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django_ratelimit.core import get_usage

from clients.kernel.api_errors import Refusal


class TooMany(Refusal):
    """429, with Retry-After."""

    def __init__(self, wait_s: int) -> None:
        text = _("Too many requests. Try again shortly.")
        super().__init__(429, "rate_limited", text, wait_s=max(1, wait_s))


def check(request: HttpRequest, groups: tuple[str, ...]) -> None:
    """Count this request in each of `groups` (settings.RATE_LIMITS); TooMany over the limit."""
    for group in groups:
        if (key := _key(request, group)) is not None:
            count(request, group, key)


def count(request: HttpRequest, group: str, key: str, rate: str = "") -> None:
    """Count one more for `key` in `group`; TooMany over the limit, or over `rate` (as "10/m")."""
    used: Any = get_usage(
        request,
        group=group,
        key=lambda _group, _request: key,
        rate=rate or settings.RATE_LIMITS[group],
        increment=True,
    )
    if used and used["should_limit"]:
        raise TooMany(int(used["time_left"]))


def _key(request: HttpRequest, group: str) -> str | None:
    """Who is counted: the user, the tenant, or the address (`ip` counts visitors only)."""
    user: Any = getattr(request, "user", None)
    is_member = bool(user and user.is_authenticated)
    if group == "user":
        return str(user.pk) if is_member else None
    if group == "tenant":
        tenant: Any = getattr(request, "tenant", None)
        return str(tenant.pk) if tenant else None
    return None if group == "ip" and is_member else address_of(request) or "unknown"


def address_of(request: HttpRequest) -> str | None:
    """The caller's address, as the outermost of settings.TRUSTED_PROXIES saw it."""
    hops = request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")
    trusted = settings.TRUSTED_PROXIES
    found = hops[-trusted] if 0 < trusted <= len(hops) else request.META.get("REMOTE_ADDR", "")
    try:
        return str(ip_address(found.strip()))
    except ValueError:
        return None
