"""What messaging adds to a client's page."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.text import Truncator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from clients.kernel.panels import Entry, panel, timeline
from clients.models import Client

SHOWN = 30


@panel(
    Client,
    "mensagens",
    title=gettext_lazy("Messages"),
    template="messaging/panels/messages.html",
    order=40,
    permission="messaging.view_message",
    count=lambda client: client.messages.count(),
)
def client_messages(request: HttpRequest, client: Client) -> dict[str, Any]:
    return {"rows": client.messages.order_by("-pk")[:SHOWN]}


@timeline(Client)
def client_events(client: Client, limit: int) -> list[Entry]:
    """The furthest step of each of the newest messages."""
    entries = []
    for message in client.messages.order_by("-pk")[:limit]:
        steps = (
            (message.read_at, "mark_chat_read", _("Read: %(what)s")),
            (message.failed_at, "error", _("Did not arrive: %(what)s")),
            (message.delivered_at, "done_all", _("Delivered: %(what)s")),
            (message.sent_at, "done", _("Sent: %(what)s")),
            (message.created_at, "schedule", _("Queued: %(what)s")),
        )
        at, icon, text = next(step for step in steps if step[0])
        what = Truncator(message.subject or message.body or message.kind).chars(50)
        link = reverse("admin:messaging_message_change", args=[message.public_id])
        channel = message.get_channel_display()
        entries.append(Entry(at, icon, text % {"what": what}, channel, link, "message"))
    return entries
