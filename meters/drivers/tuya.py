"""Tuya devices in the local network, protocols 3.1 to 3.5, through tinytuya.

Address, device id and local key come from the vendor's cloud project. A device that was paired
again has another local key. tinytuya blocks, so it runs in a thread; it opens and closes its
connection in each read, since a device takes one client at a time.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any, Final

from meters.drivers.base import BadReply, BadTarget, Reply, Target, Unreachable, port_of
from meters.drivers.reach import addresses_of
from meters.drivers.tuya_map import Meaning, meaning, values_of

PORT: Final = 6668
VERSIONS: Final = ("3.1", "3.2", "3.3", "3.4", "3.5")
KEY_LENGTH: Final = 16
SILENT: Final = {"901", "902", "905"}  # tinytuya's numbers: not connected, too late, offline
MISFIT: Final = {"900", "904", "914"}  # neither JSON nor what the key opens


class Tuya:
    """One device. `address` is its id; `secrets.local_key` opens what it says."""

    async def read(self, target: Target) -> Reply:
        found = meaning(target.profile or "plug", target.options)
        version, key = _version(target), _key(target)
        addresses = await addresses_of(target.host, port_of(target, PORT), target.timeout_s)
        said = await asyncio.to_thread(_ask, target, addresses[0], version, key)
        return _reply(found, said)

    async def close(self) -> None:
        """Nothing stays open between reads."""


def check(target: Target) -> None:
    """Raises BadTarget for settings that cannot work."""
    _version(target)
    _key(target)


def _version(target: Target) -> str:
    version = str(target.options.get("version", "3.3"))
    if version not in VERSIONS:
        raise BadTarget(f"version {version!r} does not exist", code="bad_version")
    if not target.host or not target.address:
        raise BadTarget("address and device id are needed", code="no_address")
    return version


def _key(target: Target) -> str:
    key = target.secrets.get("local_key", "")
    if not isinstance(key, str) or len(key) != KEY_LENGTH or not key.isascii():
        raise BadTarget("the local key has 16 characters", code="bad_local_key")
    return key


def _ask(target: Target, address: str, version: str, key: str) -> Any:
    import tinytuya  # heavy; only processes that poll need it

    device = tinytuya.Device(
        target.address,
        address=address,
        local_key=key,
        version=float(version),
        port=port_of(target, PORT),
        connection_timeout=target.timeout_s,
        connection_retry_limit=1,
        connection_retry_delay=0,
    )
    try:
        said = device.status()
        is_whole = all(frame.crc_good for frame in device.raw_recv)  # the library only notes it
    except (OSError, ValueError, TypeError, LookupError, AttributeError) as error:
        # What it makes of noise, whatever it stumbles over.
        raise BadReply("the device's answer is not understood") from error
    finally:
        device.close()
    if not is_whole:
        raise BadReply("a frame arrived damaged", code="bad_checksum")
    return said


def _reply(found: Meaning, said: Any) -> Reply:
    if not isinstance(said, dict):
        raise Unreachable("the device did not answer")
    error = str(said.get("Err", ""))
    if error in SILENT:
        raise Unreachable("the device did not answer")
    if error in MISFIT:
        raise BadReply("the local key or the version does not fit", code="bad_local_key")
    points = said.get("dps")
    if error or not isinstance(points, dict):
        raise BadReply("the device said no data points")
    values = values_of(found, points)
    if not values:
        raise BadReply("the device said none of the points in the map", code="no_values")
    return Reply(datetime.now(UTC), values)
