from __future__ import annotations

from meters.admin import connection, home, key, meter, panels, site

__all__ = ["connection", "home", "key", "meter", "panels", "site"]
