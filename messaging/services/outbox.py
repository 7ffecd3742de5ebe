"""Writing messages: rows in the caller's own transaction, carried out by a task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import models, transaction
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext as _

from clients.models import Client
from messaging.errors import MessageGone, NoRoute, NoText, TextTooLong
from messaging.events import message_failed, message_queued
from messaging.models import Message, MessageStatus, Verdict
from messaging.models.message import Recipient, noted, trail_line
from messaging.services.kinds import FREE_TEXT, kind_of
from messaging.services.routes import PREFERRED, Ways, languages_of

RINGS = 50  # of many messages the first are rung for; the sweep takes the others


@dataclass(frozen=True)
class Draft:
    """A message to write, to a client or to a member of the team. `channel` None chooses among the
    person's ways and may fall back to another; `due_at` None means at once; after `valid_until` it
    is of no use and does not go."""

    person: Recipient
    kind: str
    context: Mapping[str, str]
    dedupe_key: str
    channel: str | None = None
    due_at: datetime | None = None
    valid_until: datetime | None = None


def queue_message(
    person: Recipient, kind: str, context: Mapping[str, str], *, dedupe_key: str, **how: Any
) -> Message:
    """A message that leaves after the caller's transaction commits, and not at all if it does not.

    `how` are the other fields of Draft. Safe to call twice: the same `dedupe_key` returns the same
    message. Without a way to reach the person the message is kept as failed, with the reason in
    its trail.
    """
    return queue_messages([Draft(person, kind, context, dedupe_key, **how)])[0]


def queue_messages(drafts: Sequence[Draft]) -> list[Message]:
    """As queue_message, for many at once, in the same few queries. In the order of the drafts."""
    ways = Ways((draft.person for draft in drafts), (draft.kind for draft in drafts))
    written = [_written(draft, ways) for draft in drafts]
    with transaction.atomic():
        # The database decides who was first.
        Message.objects.bulk_create(written, ignore_conflicts=True)
        keys = [draft.dedupe_key for draft in drafts]
        kept = {each.dedupe_key: each for each in Message.objects.filter(dedupe_key__in=keys)}
        ours = {message.public_id for message in written}
        _announce([message for message in kept.values() if message.public_id in ours])
    return [kept[draft.dedupe_key] for draft in drafts]


def send_text(client: Client, text: str, *, subject: str, dedupe_key: str, **how: Any) -> Message:
    """A message in the operator's own words; `how` as for queue_message."""
    context = {"text": text, "subject": subject}
    return queue_message(client, FREE_TEXT.key, context, dedupe_key=dedupe_key, **how)


def cancel_message(message: Message) -> None:
    """Keep a queued message from leaving. Safe to call twice; raises MessageGone when it left."""
    free = models.Q(leased_until__isnull=True) | models.Q(leased_until__lt=Now())
    waiting = Message.objects.filter(free, pk=message.pk, status=MessageStatus.QUEUED)
    line = noted(Verdict.STOPPED, "cancelled", timezone.now())
    ended = {"status": MessageStatus.CANCELLED, "due_at": None, "leased_until": None}
    if not waiting.update(trail=line, **ended):
        message.refresh_from_db(fields=["status"])
        if message.status != MessageStatus.CANCELLED:
            raise MessageGone(_("This message has already left, so it cannot be cancelled."))
    message.refresh_from_db()


def send_again(message: Message) -> None:
    """Give a message that did not go another chance, by any way the client has now.

    Raises MessageGone when it has left or is about to, NoRoute when there is still no way. Safe to
    call twice.
    """
    now = timezone.now()
    ended = Message.objects.select_for_update().filter(
        pk=message.pk, status__in=[MessageStatus.FAILED, MessageStatus.CANCELLED]
    )
    with transaction.atomic():
        if not ended.exists():
            message.refresh_from_db()
            if message.status == MessageStatus.QUEUED:
                return
            raise MessageGone(_("This message has already left."))
        ways = Ways([message.recipient], [message.kind])
        fixed = message.is_channel_fixed and message.channel
        routes = ways.to(message.recipient, [message.channel] if fixed else PREFERRED)
        if not routes:
            raise NoRoute(_("There is no way to reach this client yet. Add a phone or an e-mail."))
        ways.take(message, routes[0])
        message.status, message.due_at, message.attempts = MessageStatus.QUEUED, now, 0
        message.died_at = message.failed_at = message.leased_until = message.valid_until = None
        message.provider_id = message.known_as = message.last_error = ""
        message.trail = [*message.trail, trail_line(Verdict.QUEUED, "sent_again", now)]
        message.save()
        message_queued.announce(tenant_id=message.tenant_id, message_id=message.pk)


def _written(draft: Draft, ways: Ways) -> Message:
    """The draft in words, on the first way that takes it, or failed with the reason."""
    person = draft.person
    message = Message(
        client=person if isinstance(person, Client) else None,
        member=None if isinstance(person, Client) else person,
        kind=kind_of(draft.kind).key,
        dedupe_key=draft.dedupe_key,
        is_channel_fixed=draft.channel is not None,
        channel=draft.channel or "",
        language=languages_of(person)[0],
        context=dict(draft.context),
        valid_until=draft.valid_until,
        due_at=draft.due_at or Now(),
    )
    now, reason = timezone.now(), "no_route"
    for route in ways.to(person, [draft.channel] if draft.channel else PREFERRED):
        try:
            ways.take(message, route)
        except (NoText, TextTooLong) as error:
            reason = error.code
            continue
        message.trail = [trail_line(Verdict.QUEUED, "queued", now, channel=message.channel)]
        return message
    message.status, message.failed_at, message.due_at = MessageStatus.FAILED, now, None
    message.trail = [trail_line(Verdict.STOPPED, reason, now)]
    return message


def _announce(messages: list[Message]) -> None:
    for message in messages[:RINGS]:
        failed = message.status == MessageStatus.FAILED
        event = message_failed if failed else message_queued
        event.announce(tenant_id=message.tenant_id, message_id=message.pk)
