from __future__ import annotations

from meters.admin import (
    connection,
    exception,
    forwarding,
    home,
    key,
    meter,
    panels,
    set_apart,
    site,
    validation_rule,
)

__all__ = [
    "connection",
    "exception",
    "forwarding",
    "home",
    "key",
    "meter",
    "panels",
    "set_apart",
    "site",
    "validation_rule",
]
