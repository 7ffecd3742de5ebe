from __future__ import annotations

from meters.admin import (
    alarm,
    alarm_rule,
    connection,
    forwarding,
    home,
    key,
    meter,
    panels,
    reading_export,
    reading_import,
    retention,
    set_apart,
    site,
)

__all__ = [
    "alarm",
    "alarm_rule",
    "connection",
    "forwarding",
    "home",
    "key",
    "meter",
    "panels",
    "reading_export",
    "reading_import",
    "retention",
    "set_apart",
    "site",
]
