"""Writing messages: a row in the caller's own transaction, carried out by a task."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from django.db import models, transaction
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext as _

from clients.models import Client, ContactPoint
from messaging.channels.base import ProviderTemplate
from messaging.channels.registry import CHANNELS
from messaging.errors import MessageGone, NoRoute, NoText, TextTooLong
from messaging.events import message_failed, message_queued
from messaging.models import (
    ChannelAccount,
    ChannelKind,
    Message,
    MessageStatus,
    Suppression,
    Verdict,
)
from messaging.models.message import noted, trail_line
from messaging.services.kinds import FREE_TEXT, kind_of
from messaging.services.templates import Words, words_for

PREFERRED: tuple[str, ...] = (ChannelKind.WHATSAPP, ChannelKind.EMAIL)


@dataclass(frozen=True)
class Route:
    """A way to reach a client: through which account, to which address."""

    account: ChannelAccount
    contact_point: ContactPoint


def queue_message(
    client: Client,
    kind: str,
    context: Mapping[str, str],
    *,
    dedupe_key: str,
    channel: str | None = None,
    due_at: datetime | None = None,
    valid_until: datetime | None = None,
) -> Message:
    """A message that leaves after the caller's transaction commits, and not at all if it does not.

    Safe to call twice: the same `dedupe_key` returns the same message. `channel` None chooses among
    the client's ways and may fall back to another one; `due_at` None means at once. Without a way
    to reach the client the message is kept as failed, with the reason in its trail.
    """
    known = kind_of(kind)
    message = Message(
        client=client,
        kind=known.key,
        dedupe_key=dedupe_key,
        is_channel_fixed=channel is not None,
        language=_languages(client)[0],
        context=dict(context),
        valid_until=valid_until,
    )
    if due_at is not None:
        message.due_at = due_at
    routes = routes_to(client, [channel] if channel else list(PREFERRED))
    _put_into_words(message, routes)
    return _keep_once(message)


def send_text(client: Client, text: str, *, subject: str, dedupe_key: str, **how: Any) -> Message:
    """A message in the operator's own words; `how` as for queue_message."""
    context = {"text": text, "subject": subject}
    return queue_message(client, FREE_TEXT.key, context, dedupe_key=dedupe_key, **how)


def cancel_message(message: Message) -> None:
    """Keep a queued message from leaving. Safe to call twice; raises MessageGone when it left."""
    free = models.Q(leased_until__isnull=True) | models.Q(leased_until__lt=Now())
    waiting = Message.objects.filter(free, pk=message.pk, status=MessageStatus.QUEUED)
    line = noted(Verdict.STOPPED, "cancelled", timezone.now())
    if not waiting.update(status=MessageStatus.CANCELLED, due_at=None, trail=line):
        message.refresh_from_db(fields=["status"])
        if message.status != MessageStatus.CANCELLED:
            raise MessageGone(_("This message has already left, so it cannot be cancelled."))
    message.refresh_from_db()


def send_again(message: Message) -> None:
    """Give a message that did not go another chance, by any way the client has now.

    Raises MessageGone when it has left or is about to. Safe to call twice.
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
        channels = [message.channel] if message.is_channel_fixed else list(PREFERRED)
        routes = routes_to(message.client, channels)
        if not routes:
            raise NoRoute(_("There is no way to reach this client yet. Add a phone or an e-mail."))
        take_route(message, routes[0])
        message.status, message.due_at, message.attempts = MessageStatus.QUEUED, now, 0
        message.died_at = message.failed_at = message.leased_until = message.valid_until = None
        message.provider_id = message.known_as = message.last_error = ""
        message.trail = [*message.trail, trail_line(Verdict.QUEUED, "sent_again", now)]
        message.save()
        message_queued.announce(tenant_id=message.tenant_id, message_id=message.pk)


def routes_to(client: Client, channels: list[str]) -> list[Route]:
    """The ways to reach a client on these channels, the first one first."""
    accounts = {
        account.kind: account
        for account in ChannelAccount.objects.filter(
            is_active=True, is_default=True, kind__in=channels
        )
    }
    contact_points = list(client.contact_points.all())
    blocked = set(
        Suppression.objects.filter(
            address__in=[point.value for point in contact_points]
        ).values_list("channel", "address")
    )
    return [
        Route(accounts[channel], point)
        for channel in channels
        if channel in accounts
        for point in contact_points
        if point.kind == CHANNELS[channel].address_kind and (channel, point.value) not in blocked
    ]


def take_route(message: Message, route: Route) -> None:
    """Word the message for this way and point it there. Raises NoText or TextTooLong."""
    words = words_for(
        message.kind, route.account.kind, _languages(message.client), _values(message)
    )
    _limit(words, route.account.kind)
    message.account, message.contact_point = route.account, route.contact_point
    message.channel, message.address = route.account.kind, route.contact_point.value
    message.subject, message.body, message.language = words.subject, words.body, words.language
    message.template = words.template
    message.approved = _as_json(words.provider_template)


def _as_json(approved: ProviderTemplate | None) -> dict[str, Any] | None:
    if approved is None:
        return None
    return asdict(approved) | {"parameters": list(approved.parameters)}


def _put_into_words(message: Message, routes: list[Route]) -> None:
    now = timezone.now()
    reason = "no_route"
    for route in routes:
        try:
            take_route(message, route)
        except (NoText, TextTooLong) as error:
            reason = error.code
            continue
        message.trail = [trail_line(Verdict.QUEUED, "queued", now, channel=message.channel)]
        return
    message.status, message.failed_at, message.due_at = MessageStatus.FAILED, now, None
    message.trail = [trail_line(Verdict.STOPPED, reason, now)]


def _keep_once(message: Message) -> Message:
    """The database decides who was first."""
    fields = {
        field.attname: getattr(message, field.attname)
        for field in Message._meta.concrete_fields
        if not field.primary_key and field.attname != "dedupe_key"
    }
    kept, created = Message.objects.get_or_create(dedupe_key=message.dedupe_key, defaults=fields)
    if created:
        event = message_failed if kept.status == MessageStatus.FAILED else message_queued
        event.announce(tenant_id=kept.tenant_id, message_id=kept.pk)
    return kept


def _limit(words: Words, channel: str) -> None:
    if len(words.body) > CHANNELS[channel].longest_body:
        raise TextTooLong(_("This text is too long for its channel."))


def _languages(client: Client) -> list[str]:
    return [language for language in (client.language, client.tenant.locale) if language]


def _values(message: Message) -> dict[str, str]:
    client = message.client
    first_name = client.name.split(" ")[0]
    company = client.tenant.name
    return {
        "name": client.name,
        "first_name": first_name,
        "company": company,
        "nome": client.name,
        "primeiro_nome": first_name,
        "empresa": company,
        **{key: str(value) for key, value in message.context.items()},
    }
