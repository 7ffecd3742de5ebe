"""Where simulated meters are."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Place:
    """Where a simulated meter is, in the words of a connection."""

    serial: str
    driver: str
    profile: str = ""
    transport: str = "tcp"
    host: str = ""
    port: int = 0
    unit_id: int = 1
    address: str = ""
    kind: str = "healthy"  # or "slow", "dead"
