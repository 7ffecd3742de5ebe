from __future__ import annotations

from meters.admin import (
    analysis,
    connection,
    fleet,
    forwarding,
    home,
    key,
    meter,
    panels,
    peak_hours,
    set_apart,
    site,
    voltage,
)

__all__ = [
    "analysis",
    "connection",
    "fleet",
    "forwarding",
    "home",
    "key",
    "meter",
    "panels",
    "peak_hours",
    "set_apart",
    "site",
    "voltage",
]
