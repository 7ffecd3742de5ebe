"""Questions about messages, answered as values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from clients.models import Client
from messaging.models import ChannelAccount, ChannelKind, Message, MessageStatus

RECENT = timedelta(days=7)

# Every reason that the decision trail may name, as a sentence.
REASONS: dict[str, Any] = {
    "queued": gettext_lazy("Written, waits to leave"),
    "sent": gettext_lazy("The provider took it"),
    "delivered": gettext_lazy("Delivered"),
    "read": gettext_lazy("Read"),
    "cancelled": gettext_lazy("Cancelled before it left"),
    "sent_again": gettext_lazy("Sent again by an operator"),
    "no_route": gettext_lazy("Not sent: there is no address, or no account for a channel"),
    "no_text": gettext_lazy("Not sent: nobody wrote words for it in this language"),
    "text_too_long": gettext_lazy("Not sent: the text is too long for its channel"),
    "no_account": gettext_lazy("Not sent: the account was closed"),
    "expired": gettext_lazy("Not sent: it was too late to be of use"),
    "client_closed": gettext_lazy("Not sent: the client has left"),
    "member_left": gettext_lazy("Not sent: the member has left the team"),
    "suppressed": gettext_lazy("Not sent: this address gets nothing more on this channel"),
    "account_paused": gettext_lazy("Waits: the account rests"),
    "no_answer": gettext_lazy("The provider did not answer; its receipt is awaited"),
    "gave_up": gettext_lazy("Not sent: the provider could not be reached in many tries"),
    "pace": gettext_lazy("Waits: the provider asks for a slower pace"),
    "pace_person": gettext_lazy("Waits: too many messages to this person at once"),
    "retry": gettext_lazy("Waits: a passing fault at the provider"),
    "retry_later": gettext_lazy("Waits: the provider is preparing the template"),
    "tomorrow": gettext_lazy("Waits a day: this person had enough messages today"),
    "fall_back": gettext_lazy("Not deliverable on this channel"),
    "suppress": gettext_lazy("This person asked for no more messages here"),
    "pause_account": gettext_lazy("The provider refuses the account; check its credentials"),
    "pause_template": gettext_lazy("The provider does not accept the template"),
    "fix": gettext_lazy("The provider refuses the message"),
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
