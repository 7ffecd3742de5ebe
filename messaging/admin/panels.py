"""What messaging adds to a client's page."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from clients.kernel.panels import Entry, panel, timeline
from clients.models import Client
from messaging.admin.looks import ICONS
from messaging.models import Message
from messaging.selectors.messages import last_words, messages_of
from messaging.services.kinds import label_of

SHOWN = 50


def _link(message: Message) -> str:
    return reverse("admin:messaging_message_change", args=[message.public_id])


@panel(
    Client,
    "mensagens",
    title=_("Messages"),
    template="messaging/panels/messages.html",
    order=40,
    permission="messaging.view_message",
    count=lambda client: Message.objects.filter(client=client).count(),
)
def messages(request: HttpRequest, client: Client) -> dict[str, Any]:
    return {
        "rows": [
            {
                "message": message,
                "link": _link(message),
                "icon": ICONS.get(message.channel, "chat"),
                "about": message.subject or label_of(message.kind),
                "why": last_words(message),
            }
            for message in messages_of(client, SHOWN)
        ]
    }


@timeline(Client)
def told(client: Client, limit: int) -> list[Entry]:
    """The newest messages, each as far as it came."""
    return [
        Entry(
            message.read_at or message.delivered_at or message.sent_at or message.created_at,
            ICONS.get(message.channel, "chat"),
            f"{message.subject or label_of(message.kind)}: {message.get_status_display()}",
            who=message.get_channel_display(),
            link=_link(message),
        )
        for message in messages_of(client, limit)
    ]
