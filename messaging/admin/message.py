"""Messages: what left, what waits, what did not arrive, and why."""

from __future__ import annotations

from typing import Any

from django.db.models import Count
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.text import Truncator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display
from unfold.enums import ActionVariant
from unfold.views import ChangeList

from clients.kernel import people, when
from clients.kernel.admin import office_page
from clients.kernel.chips import chip, look
from clients.kernel.detail import DetailAdmin
from clients.kernel.listing import Card, state_cards
from clients.kernel.verbs import verb
from messaging.models import ChannelKind, Message, MessageStatus, Verdict
from messaging.services.outbox import cancel_message

look("sending", "plain", "schedule")
look("uncertain", "warn", "help")
look("sent", "plain", "done")
look("delivered", "plain", "done_all")
look("read", "good", "done_all")
look("cancelled", "plain", "cancel")
CARDS = [
    ("", gettext_lazy("All")),
    (MessageStatus.QUEUED, MessageStatus.QUEUED.label),
    (MessageStatus.SENT, MessageStatus.SENT.label),
    (MessageStatus.READ, MessageStatus.READ.label),
    (MessageStatus.FAILED, MessageStatus.FAILED.label),
]


@office_page(Message)
class MessageAdmin(DetailAdmin):
    list_display = ("subject", "who", "channel", "due", "situation")
    list_select_related = ("client",)
    list_filter = [("status", ChoicesDropdownFilter), ("channel", ChoicesDropdownFilter)]
    search_fields = ("client__name", "address", "subject")
    search_help_text = gettext_lazy("Client, address or subject")
    head_template = "messaging/admin/message_head.html"
    overview_template = "messaging/admin/message_overview.html"
    overview_slug = "mensagem"
    overview_title = gettext_lazy("Message")
    has_form = False
    has_timeline = False
    actions_detail = ("cancel",)
    empty_icon = "chat"
    empty_title = gettext_lazy("Messages will be here")
    empty_text = gettext_lazy("Invoices and reminders leave by WhatsApp or e-mail; each says why.")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        message = self.get_object(request, str(object_id))
        if message is None or message.status != MessageStatus.QUEUED:
            return []
        return super().get_actions_detail(request, object_id)

    def list_cards(self, request: HttpRequest, cl: ChangeList) -> list[Card]:
        whole = cl.get_queryset(request, exclude_parameters=["status__exact"])
        rows = whole.order_by().values("status").annotate(n=Count("pk"))
        counts = {row["status"]: row["n"] for row in rows}
        return state_cards(cl, "status__exact", CARDS, counts)

    @display(description=gettext_lazy("Message"))
    def subject(self, message: Message) -> str:
        return Truncator(message.subject or message.body or message.kind).chars(70)

    @display(description=gettext_lazy("Client"), ordering="client__name")
    def who(self, message: Message) -> str:
        link = reverse("admin:clients_client_change", args=[message.client.public_id])
        return format_html('<a class="p-link" href="{}">{}</a>', link, message.client.name)

    @display(description=gettext_lazy("When"), ordering="created_at")
    def due(self, message: Message) -> str:
        return when.ago(message.sent_at or message.created_at)

    @display(description=gettext_lazy("Situation"), ordering="status")
    def situation(self, message: Message) -> str:
        return chip(message.status, str(message.get_status_display()))

    def page_context(self, request: HttpRequest, subject: Any) -> dict[str, Any]:
        is_phone = subject.channel == ChannelKind.WHATSAPP
        return {
            "title": Truncator(str(subject)).chars(60),
            "address": people.phone(subject.address) if is_phone else subject.address,
            "tries": list(subject.tries.select_related("account").order_by("-id")),
            "trail": [
                {**line, "word": verdict_word(line.get("verdict", ""))}
                for line in reversed(subject.trail)
            ],
        }

    @verb(
        gettext_lazy("Do not send"),
        icon="cancel",
        title=gettext_lazy("Keep this message from leaving?"),
        text=gettext_lazy("The client gets nothing. The message stays here, as cancelled."),
        submit=gettext_lazy("Do not send"),
        variant=ActionVariant.DANGER,
    )
    def cancel(self, request: HttpRequest, form: Any, message: Message) -> str:
        cancel_message(message)
        return _("The message does not leave.")


def verdict_word(code: str) -> str:

    return str(dict(Verdict.choices).get(code, code))
