"""How far the message about an invoice got."""

from __future__ import annotations

from typing import Final

from django.db.models import CharField, OuterRef, Subquery, Value
from django.db.models.functions import Cast, Concat
from django.utils.translation import gettext_lazy as _

from billing.models import Invoice
from clients.kernel.chips import look
from messaging.models import Message, MessageStatus

ISSUED: Final = "invoice_issued"
NAMES = {"none": _("Not sent"), **dict(MessageStatus.choices)}
look("sending", "plain", "schedule")
look("uncertain", "warn", "help")
look("sent", "plain", "done")
look("delivered", "plain", "done_all")
look("read", "good", "done_all")
look("cancelled", "plain", "cancel")


def newest_status() -> Subquery:
    """The status of the message that announced the invoice; its key names the invoice."""
    public_id = Cast(OuterRef("public_id"), CharField())
    key = Concat(Value(f"{ISSUED}:"), public_id)
    return Subquery(Message.objects.filter(dedupe_key=key).values("status")[:1])


def message_about(invoice: Invoice) -> Message | None:
    return Message.objects.filter(dedupe_key=f"{ISSUED}:{invoice.public_id}").first()
