from __future__ import annotations

from meters.admin import (
    alarm,
    alarm_rule,
    connection,
    exception,
    forwarding,
    home,
    key,
    meter,
    panels,
    register_event,
    set_apart,
    site,
    validation_rule,
)

__all__ = [
    "alarm",
    "alarm_rule",
    "connection",
    "exception",
    "forwarding",
    "home",
    "key",
    "meter",
    "panels",
    "register_event",
    "set_apart",
    "site",
    "validation_rule",
]
