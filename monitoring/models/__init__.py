from __future__ import annotations

from monitoring.models.alarm_notice import AlarmNotice, NoticeOutcome, Transition

__all__ = ["AlarmNotice", "NoticeOutcome", "Transition"]
