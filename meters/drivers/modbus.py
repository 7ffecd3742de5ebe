"""Modbus over TCP, RTU over TCP and RTU on a serial line."""

from __future__ import annotations

from meters.drivers.base import Reply, Target, Unreachable


class Modbus:
    """One line to one bus of Modbus devices."""

    async def read(self, target: Target) -> Reply:
        raise Unreachable("not yet")

    async def close(self) -> None:
        pass
