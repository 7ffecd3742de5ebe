from __future__ import annotations

from meters.admin import connection, forwarding, home, key, meter, panels, set_apart, site

__all__ = [
    "connection",
    "forwarding",
    "home",
    "key",
    "meter",
    "panels",
    "set_apart",
    "site",
]
