from __future__ import annotations

from meters.admin import home, key, meter, panels, set_apart, site

__all__ = ["home", "key", "meter", "panels", "set_apart", "site"]
