from __future__ import annotations

from meters.admin import (
    alarm,
    alarm_rule,
    analysis,
    connection,
    exception,
    fleet,
    forwarding,
    home,
    key,
    meter,
    panels,
    peak_hours,
    set_apart,
    site,
    validation_rule,
    voltage,
)

__all__ = [
    "alarm",
    "alarm_rule",
    "analysis",
    "connection",
    "exception",
    "fleet",
    "forwarding",
    "home",
    "key",
    "meter",
    "panels",
    "peak_hours",
    "set_apart",
    "site",
    "validation_rule",
    "voltage",
]
