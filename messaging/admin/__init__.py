from __future__ import annotations

from messaging.admin import account, home, message, panels, template

__all__ = ["account", "home", "message", "panels", "template"]
