"""Questions about messages, answered as values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as later

from clients.models import Client
from messaging.models import ChannelAccount, ChannelKind, Message, MessageStatus

RECENT = timedelta(days=7)

# Every reason that the decision trail may name, as a sentence.
REASONS: dict[str, Any] = {
    "queued": later("Written, waits to leave"),
    "sent": later("The provider took it"),
    "delivered": later("Delivered"),
    "read": later("Read"),
    "cancelled": later("Cancelled before it left"),
    "sent_again": later("Sent again by an operator"),
    "no_route": later("Not sent: there is no address, or no account for a channel"),
    "no_text": later("Not sent: nobody wrote words for it in this language"),
    "text_too_long": later("Not sent: the text is too long for its channel"),
    "no_account": later("Not sent: the account was closed"),
    "expired": later("Not sent: it was too late to be of use"),
    "client_closed": later("Not sent: the client has left"),
    "suppressed": later("Not sent: this address gets nothing more on this channel"),
    "account_paused": later("Waits: the account rests"),
    "no_answer": later("The provider did not answer; its receipt is awaited"),
    "gave_up": later("Not sent: the provider could not be reached in many tries"),
    "pace": later("Waits: the provider asks for a slower pace"),
    "pace_person": later("Waits: too many messages to this person at once"),
    "retry": later("Waits: a passing fault at the provider"),
    "retry_later": later("Waits: the provider is preparing the template"),
    "tomorrow": later("Waits a day: this person had enough messages today"),
    "fall_back": later("Not deliverable on this channel"),
    "suppress": later("This person asked for no more messages here"),
    "pause_account": later("The provider refuses the account; check its credentials"),
    "pause_template": later("The provider does not accept the template"),
    "fix": later("The provider refuses the message"),
}


@dataclass(frozen=True)
class Explained:
    """One line of the decision trail, in words."""

    at: datetime
    verdict: str
    reason: str
    text: str
    code: str = ""


def explain(message: Message) -> list[Explained]:
    """Why the message went, waits or did not go, the first decision first."""
    return [_explained(line) for line in message.trail]


def last_words(message: Message) -> str:
    """The newest decision in one sentence."""
    return _explained(message.trail[-1]).text if message.trail else ""


def messages_of(client: Client, limit: int) -> list[Message]:
    """The newest messages to a client."""
    return list(Message.objects.filter(client=client).order_by("-id")[:limit])


def troubled_messages(now: datetime) -> QuerySet[Message]:
    """Messages of the last days that did not go, and that nobody has tried again."""
    return Message.objects.filter(status=MessageStatus.FAILED, failed_at__gte=now - RECENT)


def counts_by_status(messages: QuerySet[Message]) -> dict[str, int]:
    rows = messages.order_by().values("status").annotate(n=Count("pk"))
    return {row["status"]: row["n"] for row in rows}


def resting_accounts(now: datetime) -> list[ChannelAccount]:
    """Accounts that a provider refused; a mere slow-down is no news."""
    resting = ChannelAccount.objects.filter(is_active=True, paused_until__gt=now)
    return list(resting.exclude(paused_reason="pace"))


def _explained(line: dict[str, Any]) -> Explained:
    text = str(REASONS.get(line["reason"], line["reason"]))
    if other := line.get("instead_of"):
        names = dict(ChannelKind.choices)
        text = _("%(reason)s; goes by %(channel)s instead") % {
            "reason": text,
            "channel": names.get(line.get("channel", ""), "") or other,
        }
    return Explained(
        datetime.fromisoformat(line["at"]),
        line["verdict"],
        line["reason"],
        text,
        line.get("code", ""),
    )
