from __future__ import annotations

from meters.admin import forwarding, home, key, meter, panels, set_apart, site

__all__ = ["forwarding", "home", "key", "meter", "panels", "set_apart", "site"]
