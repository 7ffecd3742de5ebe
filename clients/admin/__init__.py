from __future__ import annotations

from clients.admin import account, client, company, platform, team

__all__ = ["account", "client", "company", "platform", "team"]
