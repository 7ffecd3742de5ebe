from __future__ import annotations

from meters.admin import home, key, meter, panels, reading_export, reading_import, retention, site

__all__ = [
    "home",
    "key",
    "meter",
    "panels",
    "reading_export",
    "reading_import",
    "retention",
    "site",
]
