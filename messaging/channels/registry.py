"""Every channel. To add one: write the file, add the line; the contract tests find it."""

from __future__ import annotations

from messaging.channels.base import Channel
from messaging.channels.email import Email
from messaging.channels.whatsapp import WhatsApp

CHANNELS: dict[str, type[Channel]] = {
    "email": Email,
    "whatsapp": WhatsApp,
}
