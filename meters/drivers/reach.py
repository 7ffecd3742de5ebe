"""Where a driver may go: a tenant types the address, so this machine's own insides are not open."""

from __future__ import annotations

import asyncio
import fnmatch
import os
import socket
from ipaddress import ip_address, ip_network

from django.conf import settings

from clients.kernel.egress import is_listed, is_public
from meters.drivers.base import BadTarget, Unreachable


async def addresses_of(host: str, port: int, timeout_s: float) -> list[str]:
    """The addresses of the host that may be dialled. Raises Unreachable or BadTarget."""
    if not host or not 0 < port < 65_536:  # noqa: PLR2004 # TCP's own limit
        raise BadTarget("there is no host or port", code="no_address")
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(timeout_s):
            found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError, TimeoutError) as error:
        raise Unreachable("the name has no address") from error
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    if not is_listed(host, port):
        networks = [ip_network(block) for block in settings.POLL_NETWORKS]
        for address in map(ip_address, addresses):
            if not is_public(address) and not any(address in network for network in networks):
                raise BadTarget("this address is not open to drivers", code="address_refused")
    return addresses


def serial_path(path: str) -> str:
    """The serial port, when it is one that the settings open. Raises BadTarget."""
    plain = os.path.normpath(path)
    if not any(fnmatch.fnmatch(plain, pattern) for pattern in settings.POLL_SERIAL_PORTS):
        raise BadTarget("this serial port is not open to drivers", code="port_refused")
    return plain
