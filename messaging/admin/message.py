"""Messages: what was told to whom, and why it went, waits or did not go."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display
from unfold.enums import ActionVariant
from unfold.views import ChangeList

from clients.kernel import people, when
from clients.kernel.admin import office_page
from clients.kernel.detail import DetailAdmin
from clients.kernel.listing import Card, state_cards
from clients.kernel.panels import Entry, timeline
from clients.kernel.verbs import verb
from messaging.admin.looks import ICONS, status_chip
from messaging.models import Message, MessageStatus
from messaging.selectors.messages import counts_by_status, explain, last_words
from messaging.services.kinds import label_of
from messaging.services.outbox import cancel_message, send_again

ENDED = {MessageStatus.FAILED, MessageStatus.CANCELLED}


@office_page(Message)
class MessageAdmin(DetailAdmin):
    list_display = ("who", "about", "channel_", "situation", "why", "due")
    list_select_related = ("client", "member__user")
    list_filter = [("status", ChoicesDropdownFilter), ("channel", ChoicesDropdownFilter)]
    search_fields = ("client__name", "member__user__name", "address", "subject")
    search_help_text = gettext_lazy("Client, address or subject")
    date_hierarchy = "created_at"
    head_template = "messaging/admin/message_head.html"
    overview_template = "messaging/admin/message_overview.html"
    fields = ("client", "member", "channel", "address", "subject", "body")
    readonly_fields = fields
    actions_detail = ("again", "cancel")
    form_title = gettext_lazy("Details")
    empty_icon = "chat"
    empty_title = gettext_lazy("Messages to your clients will be here")
    empty_text = gettext_lazy(
        "An issued invoice, a reminder, a notice: each is kept with what became of it."
    )

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Message]:
        rows: QuerySet[Message] = super().get_queryset(request)
        return rows.select_related("client", "member__user", "account")

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        """Only the verbs that this message's state allows."""
        found = self.get_object(request, str(object_id))
        shown = set()
        if found and found.status in ENDED:
            shown.add("again")
        if found and found.status == MessageStatus.QUEUED:
            shown.add("cancel")
        actions = super().get_actions_detail(request, object_id)
        return [action for action in actions if action.path in shown]

    def list_cards(self, request: HttpRequest, cl: ChangeList) -> list[Card]:
        whole = cl.get_queryset(request, exclude_parameters=["status__exact"])
        states = [("", gettext_lazy("All")), *MessageStatus.choices]
        counts = counts_by_status(whole)
        used = [state for state in states if not state[0] or counts.get(state[0])]
        return state_cards(cl, "status__exact", used, counts)

    def page_context(self, request: HttpRequest, subject: Any) -> dict[str, Any]:
        return {
            "title": self.about(subject),
            "icon": ICONS.get(subject.channel, "chat"),
            "label": label_of(subject.kind),
            "trail": explain(subject),
            "tries": list(subject.tries.all()),
        }

    @display(description=gettext_lazy("To"), header=True, ordering="client__name")
    def who(self, message: Message) -> list[str]:
        address = (
            people.phone(message.address) if message.address.startswith("+") else message.address
        )
        name = message.recipient_name
        return [name, address or "—", people.initials(name)]

    @display(description=gettext_lazy("About"))
    def about(self, message: Message) -> str:
        return message.subject or str(label_of(message.kind))

    @display(description=gettext_lazy("Channel"))
    def channel_(self, message: Message) -> str:
        return message.get_channel_display()

    @display(description=gettext_lazy("Situation"), ordering="status")
    def situation(self, message: Message) -> str:
        return status_chip(message)

    @display(description=gettext_lazy("Why"))
    def why(self, message: Message) -> str:
        return last_words(message)

    @display(description=gettext_lazy("Written"), ordering="created_at")
    def due(self, message: Message) -> str:
        return when.ago(message.created_at)

    @verb(
        gettext_lazy("Send again"),
        icon="send",
        title=gettext_lazy("Send this message again?"),
        text=gettext_lazy("It leaves at once, by the way that reaches this client now."),
        submit=gettext_lazy("Send again"),
        variant=ActionVariant.PRIMARY,
    )
    def again(self, request: HttpRequest, form: Any, message: Message) -> str:
        send_again(message)
        return _("The message is on its way.")

    @verb(
        gettext_lazy("Do not send"),
        icon="cancel",
        title=gettext_lazy("Keep this message from leaving?"),
        text=gettext_lazy("The client will not get it. The message stays here, as cancelled."),
        submit=gettext_lazy("Do not send"),
    )
    def cancel(self, request: HttpRequest, form: Any, message: Message) -> str:
        cancel_message(message)
        return _("The message will not be sent.")


@timeline(Message)
def decisions(message: Message, limit: int) -> list[Entry]:
    """The decision trail as a timeline."""
    icons = {"went": "send", "told": "done_all", "stopped": "error", "waits": "schedule"}
    return [
        Entry(line.at, icons.get(line.verdict, "chat"), line.text, who=line.code)
        for line in explain(message)
    ][-limit:]
