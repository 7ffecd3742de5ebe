"""What messaging adds to the home page: what did not go, and how the channels are."""

from __future__ import annotations

from datetime import datetime

from django.db.models import Min
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from clients.kernel.work import Notice, Verb, WorkItem, notices, work
from messaging.selectors.messages import resting_accounts, troubled_messages


@work("messaging.change_message")
def not_sent(now: datetime) -> list[WorkItem]:
    """Messages that did not go: one line for all of them."""
    found = troubled_messages(now)
    count = found.count()
    if not count:
        return []
    title = ngettext("%(n)d message did not go", "%(n)d messages did not go", count) % {"n": count}
    since = found.aggregate(first=Min("failed_at"))["first"]
    link = reverse("admin:messaging_message_changelist") + "?status__exact=failed"
    detail = _("Each says why. Correct the address or the account, then send again.")
    verb = Verb(_("See the messages"), link)
    return [WorkItem("not_sent", "warning", "chat_error", title, detail, since, verb)]


@work("messaging.change_channelaccount")
def resting(now: datetime) -> list[WorkItem]:
    """Accounts that their provider refuses."""
    return [
        WorkItem(
            f"account-{account.public_id}",
            "critical",
            "error",
            _("%(name)s cannot send") % {"name": account.name},
            _("The provider answered %(code)s. Messages wait until it is corrected.")
            % {"code": account.paused_reason},
            now,
            Verb(
                _("Check the account"),
                reverse("admin:messaging_channelaccount_change", args=[account.public_id]),
            ),
        )
        for account in resting_accounts(now)
    ]


@notices("messaging.view_message")
def health(now: datetime) -> list[Notice]:
    count = troubled_messages(now).count()
    link = reverse("admin:messaging_message_changelist")
    if not count:
        return [Notice(_("Messages leave normally"), "good", link)]
    text = ngettext("Messages: %(n)d failure", "Messages: %(n)d failures", count) % {"n": count}
    return [Notice(text, "warn", f"{link}?status__exact=failed")]
