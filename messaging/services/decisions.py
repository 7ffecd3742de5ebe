"""Whether a message may leave now. Asked when it is sent, not only when it was written."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from clients.models import ClientStatus
from messaging.models import Message, Suppression


class Answer(StrEnum):
    """Go now, wait until later, or do not go at all."""

    GO = "go"
    WAIT = "wait"
    STOP = "stop"


@dataclass(frozen=True)
class Decision:
    """The answer, why, and for how long when it is to wait."""

    answer: Answer
    reason: str = ""
    wait: timedelta = timedelta(0)


GO = Decision(Answer.GO)


def decide(message: Message, now: datetime) -> Decision:
    """What the rules say about sending this message at this moment.

    Quiet hours, caps and consent join here, each as one more question.
    """
    if message.valid_until and message.valid_until <= now:
        return Decision(Answer.STOP, "expired")
    if message.client and message.client.status == ClientStatus.CLOSED:
        return Decision(Answer.STOP, "client_closed")
    if message.member and not message.member.is_active:
        return Decision(Answer.STOP, "member_left")
    account = message.account
    if account is None or not account.is_active:
        return Decision(Answer.STOP, "no_account")
    if Suppression.objects.filter(channel=message.channel, address=message.address).exists():
        return Decision(Answer.STOP, "suppressed")
    if account.paused_until and account.paused_until > now:
        return Decision(Answer.WAIT, "account_paused", account.paused_until - now)
    return GO
