from __future__ import annotations

from meters.admin import analysis, fleet, home, key, meter, panels, peak_hours, site, voltage

__all__ = [
    "analysis",
    "fleet",
    "home",
    "key",
    "meter",
    "panels",
    "peak_hours",
    "site",
    "voltage",
]
