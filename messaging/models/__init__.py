from __future__ import annotations

from messaging.models.account import ChannelAccount, ChannelKind
from messaging.models.message import (
    Attempt,
    AttemptOutcome,
    Message,
    MessageStatus,
    Verdict,
)
from messaging.models.receipt import Receipt, Suppression, SuppressionReason, WebhookNotice
from messaging.models.template import Template

__all__ = [
    "Attempt",
    "AttemptOutcome",
    "ChannelAccount",
    "ChannelKind",
    "Message",
    "MessageStatus",
    "Receipt",
    "Suppression",
    "SuppressionReason",
    "Template",
    "Verdict",
    "WebhookNotice",
]
