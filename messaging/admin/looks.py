"""How the states of messages look, and the words that pages share."""

from __future__ import annotations

from typing import Final

from django.utils.safestring import SafeString

from clients.kernel.chips import chip, look
from messaging.models import ChannelKind, Message

ICONS: Final[dict[str, str]] = {ChannelKind.EMAIL: "mail", ChannelKind.WHATSAPP: "chat"}

look("sending", "info", "progress_activity")
look("uncertain", "warn", "help")
look("sent", "info", "check")
look("delivered", "good", "done_all")
look("read", "good", "visibility")
look("cancelled", "plain", "cancel")


def status_chip(message: Message) -> SafeString:
    return chip(message.status, message.get_status_display())
