"""What messaging adds to the home page: messages that did not arrive, and those that did."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import Count, Min
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from clients.kernel.panels import HOME, Entry, timeline
from clients.kernel.work import Verb, WorkItem, work
from clients.models import Tenant
from messaging.models import ChannelAccount, Message, MessageStatus

RECENT = timedelta(days=7)


@work("messaging.change_message")
def failed(now: datetime) -> list[WorkItem]:
    """Messages of this week that did not arrive, as one line."""
    lost = Message.objects.filter(status=MessageStatus.FAILED, created_at__gte=now - RECENT)
    found = lost.aggregate(
        n=Count("pk"), people=Count("client", distinct=True), since=Min("created_at")
    )
    if not found["n"]:
        return []
    title = ngettext(
        "%(n)d message did not arrive", "%(n)d messages did not arrive", found["n"]
    ) % {"n": found["n"]}
    detail = ngettext(
        "%(n)d client. Correct the contact, or send it another way.",
        "%(n)d clients. Correct the contacts, or send them another way.",
        found["people"],
    ) % {"n": found["people"]}
    link = f"{reverse('admin:messaging_message_changelist')}?status__exact=failed"
    verb = Verb(_("See them"), link)
    return [WorkItem("failed", "warning", "mark_chat_unread", title, detail, found["since"], verb)]


@work("messaging.change_channelaccount")
def paused(now: datetime) -> list[WorkItem]:
    """Channels through which nothing leaves at the moment."""
    resting = ChannelAccount.objects.filter(is_active=True, paused_until__gt=now)
    resting = resting.exclude(paused_reason="pace")
    return [
        WorkItem(
            f"paused-{account.pk}",
            "critical",
            "pause_circle",
            _("Nothing leaves through %(name)s") % {"name": account.name},
            _("The provider refused: %(why)s.") % {"why": account.paused_reason},
            now,
            Verb(
                _("Look at it"),
                reverse("admin:messaging_channelaccount_change", args=[account.public_id]),
            ),
        )
        for account in resting
    ]


@timeline(HOME)
def lately(tenant: Tenant, limit: int) -> list[Entry]:
    read = Message.objects.filter(read_at__isnull=False).select_related("client")
    entries = []
    for message in read.order_by("-read_at")[:limit]:
        link = reverse("admin:messaging_message_change", args=[message.public_id])
        text, at = _("read a message"), message.read_at
        if at:
            entries.append(Entry(at, "mark_chat_read", text, message.client.name, link, "message"))
    return entries
