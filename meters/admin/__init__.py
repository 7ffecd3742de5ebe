from __future__ import annotations

from meters.admin import alarm, alarm_rule, home, key, meter, panels, site

__all__ = ["alarm", "alarm_rule", "home", "key", "meter", "panels", "site"]
