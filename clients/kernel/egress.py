"""Where outside calls may go: decided on the resolved address, at the moment it is dialled."""

from __future__ import annotations

import socket
import threading
import time
from contextvars import ContextVar
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import ClassVar

import httpx2
from django.conf import settings

from clients.kernel.errors import Permanent, Retryable

# Python calls these global (or says nothing), yet each leads into somebody's inside.
_INSIDE = [
    ip_network(block)
    for block in (
        "100.64.0.0/10",  # carrier NAT
        "192.0.0.0/24",
        "192.88.99.0/24",  # 6to4 relays
        "::/96",  # IPv4-compatible
        "64:ff9b::/96",  # NAT64, reaches 169.254.169.254
        "64:ff9b:1::/48",
        "2001::/32",  # Teredo
        "2002::/16",  # 6to4
        "fec0::/10",  # site-local
    )
]
_PORTS = {None, 80, 443, 8443}
_MISLEADING = frozenset("\\\x7f") | {chr(code) for code in range(33)}
_deadline: ContextVar[float] = ContextVar("egress_deadline")


class AddressRefused(Permanent):
    """The address is not one we call: private, reserved, or written in a misleading way."""

    code: ClassVar[str] = "address_refused"


class Unreachable(Retryable):
    """Nobody was reached, so nothing can have happened over there."""

    code: ClassVar[str] = "unreachable"


def start_clock(seconds: float) -> None:
    """Give everything this thread dials and reads from now on one common deadline."""
    _deadline.set(time.monotonic() + seconds)


def time_left() -> float:
    """Seconds until the deadline; raises TimeoutError when none are left."""
    left = _deadline.get() - time.monotonic()
    if left <= 0:
        raise TimeoutError("the deadline has passed")
    return left


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Whether the address is on the open internet."""
    mapped = getattr(address, "ipv4_mapped", None)
    if mapped is not None:
        return is_public(mapped)
    if not address.is_global or address.is_multicast or address.is_reserved:
        return False
    return not any(address in block for block in _INSIDE)


def is_listed(host: str, port: int) -> bool:
    """Whether the settings allow this host by name, wherever it points."""
    listed = settings.HTTP_ALLOWED_PRIVATE
    return host in listed or f"{host}:{port}" in listed


def check_url(url: str) -> None:
    """Refuse web addresses that people and programs read differently, and odd ports."""
    try:
        parsed = httpx2.URL(url)
    except (httpx2.InvalidURL, UnicodeError) as error:
        raise AddressRefused("This is not a web address.") from error
    listed = is_listed(parsed.host, parsed.port or 0)
    if (
        parsed.scheme not in {"http", "https"}
        or not parsed.host
        or parsed.userinfo
        or _MISLEADING & set(url)
        or (parsed.port not in _PORTS and not listed)
    ):
        raise AddressRefused("This is not a web address that we call.")


def look_up(host: str, port: int) -> list[str]:
    """What the resolver of this machine says, in its order."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def resolve(host: str, port: int) -> list[str]:
    """Addresses that may be dialled. One bad address among them refuses them all."""
    answer: list[str] = []
    failure: list[Exception] = []

    def ask() -> None:
        try:
            answer.extend(look_up(host, port))
        except (OSError, UnicodeError) as error:
            failure.append(error)

    # getaddrinfo knows no time-out of its own.
    asking = threading.Thread(target=ask, name="resolve", daemon=True)
    asking.start()
    asking.join(time_left())
    if not answer:
        raise Unreachable("The name has no address.") from (failure[0] if failure else None)
    if not is_listed(host, port):
        for address in answer:
            if not is_public(ip_address(address)):
                raise AddressRefused("This address is not on the open internet.")
    return answer


def dial(host: str, port: int) -> socket.socket:
    """A connection to one of the checked addresses, never to a second resolution of the name."""
    last: OSError | None = None
    for address in resolve(host, port):
        try:
            connection = socket.create_connection((address, port), timeout=time_left())
        except OSError as error:
            last = error
            continue
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection
    raise Unreachable("Nobody answers at this address.") from last
