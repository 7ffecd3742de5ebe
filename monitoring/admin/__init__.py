from __future__ import annotations

from monitoring.admin import audit, health

__all__ = ["audit", "health"]
