"""What providers report later: kept as it came, then read into the messages it is about."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from django.db import connection, models
from django.utils import timezone

from clients.kernel.leases import Lease, done, lease, lease_one
from clients.kernel.live import publish
from clients.kernel.tenancy import acting_for
from messaging.channels.base import Notice, Progress
from messaging.channels.registry import CHANNELS
from messaging.errors import Advice
from messaging.events import message_delivered, notice_kept
from messaging.models import (
    Attempt,
    AttemptOutcome,
    ChannelAccount,
    Message,
    MessageStatus,
    Receipt,
    Verdict,
    WebhookNotice,
)
from messaging.models.account import token_sha256
from messaging.models.message import PEOPLE, RANK, noted
from messaging.services.accounts import as_channel_account
from messaging.services.refusals import take_refusal

LEASE = timedelta(seconds=60)


@dataclass(frozen=True)
class Door:
    """Whose webhook an address is."""

    tenant_id: int
    account_id: int


def door_of(token: str) -> Door | None:
    """The account behind a webhook's address, before any tenant is known."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM messaging_account_of_webhook(%s)", [token_sha256(token)])
        found = cursor.fetchone()
    return Door(*found) if found else None


def answer_challenge(door: Door, query: Mapping[str, str]) -> str:
    """What to answer a provider that asks whether the address is ours. Raises Forged."""
    with acting_for(door.tenant_id):
        account = ChannelAccount.objects.get(pk=door.account_id)
        return CHANNELS[account.kind]().answer_challenge(as_channel_account(account), query)


def keep_notice(door: Door, raw: bytes, headers: Mapping[str, str]) -> None:
    """Keep what the provider signed, to be worked off. The same bytes again are kept once.

    Raises Forged, and then nothing is kept.
    """
    with acting_for(door.tenant_id):
        account = ChannelAccount.objects.get(pk=door.account_id)
        CHANNELS[account.kind]().verify(as_channel_account(account), raw, headers)
        notice, created = WebhookNotice.objects.get_or_create(
            account=account, raw_sha256=hashlib.sha256(raw).digest(), defaults={"raw": raw}
        )
        if created:
            notice_kept.announce(tenant_id=door.tenant_id, notice_id=notice.pk)


def take_in_one(tenant_id: int, notice_id: int) -> bool:
    """Work off this notice if nobody has. Safe to call twice."""
    held = lease_one(WebhookNotice, tenant_id, notice_id, LEASE)
    if held is None:
        return False
    take_in(held)
    return True


def take_in_due(limit: int) -> int:
    """Work off notices of any tenant; how many there were."""
    found = lease(WebhookNotice, limit, LEASE)
    for held in found:
        take_in(held)
    return len(found)


def take_in(held: Lease) -> None:
    """Read one kept notice. Everything in it happens, or nothing does."""
    with acting_for(held.tenant_id):
        kept = WebhookNotice.objects.select_related("account").get(pk=held.id)
        for notice in CHANNELS[kept.account.kind]().notices(_parsed(bytes(kept.raw))):
            record_receipt(notice)
        done(WebhookNotice, held)


def record_receipt(notice: Notice) -> None:
    """Move the message as far as the provider says. Safe to call twice and in any order.

    A message only ever moves forward, and a failure counts only before delivery. A report about a
    try that has already failed is kept, and changes nothing.
    """
    message = _message_of(notice)
    if message is None:
        return
    _, is_new = Receipt.objects.get_or_create(
        message=message,
        event_id=notice.event_id[:300],
        defaults={
            "status": notice.progress.value,
            "at": notice.at,
            "error_code": notice.error_code[:40],
        },
    )
    if not is_new or _is_about_failed_try(message, notice):
        return
    if notice.progress is Progress.FAILED:
        _fail(message, notice)
    else:
        _advance(message, notice)


def _message_of(notice: Notice) -> Message | None:
    """By our key when it is echoed, else by the provider's id; locked until the end."""
    messages = Message.objects.select_for_update(of=("self",)).select_related(*PEOPLE)
    try:
        return messages.get(public_id=uuid.UUID(notice.key))
    except (ValueError, Message.DoesNotExist):
        return (
            messages.filter(provider_id=notice.provider_id).first() if notice.provider_id else None
        )


def _is_about_failed_try(message: Message, notice: Notice) -> bool:
    tries = Attempt.objects.filter(message=message, provider_id=notice.provider_id)
    return tries.filter(outcome=AttemptOutcome.FAILED).exists()


def _advance(message: Message, notice: Notice) -> None:
    status = MessageStatus(notice.progress.value)
    _name_unknown_try(message, notice)
    _remember_time(message, notice)
    further = Message.objects.filter(pk=message.pk).behind(RANK[status])
    moved = further.update(
        status=status,
        due_at=_due_until_the_sender_is_done(),
        provider_id=notice.provider_id,
        trail=noted(Verdict.TOLD, status.value, timezone.now()),
    )
    was_delivered = RANK.get(MessageStatus(message.status), 0) >= RANK[MessageStatus.DELIVERED]
    if moved and RANK[status] >= RANK[MessageStatus.DELIVERED] and not was_delivered:
        message_delivered.announce(tenant_id=message.tenant_id, message_id=message.pk)
    if moved and status == MessageStatus.READ:
        fact = {"message": str(message.public_id), "client": message.recipient_name}
        publish(message.tenant_id, "messaging.message_read", fact)


def _due_until_the_sender_is_done() -> models.Case:
    """Whoever sends it at this moment ends the row; otherwise it ends here."""
    return models.Case(
        models.When(leased_until__isnull=False, then=models.F("due_at")),
        default=models.Value(None),
        output_field=models.DateTimeField(),
    )


def _remember_time(message: Message, notice: Notice) -> None:
    """Each stage has its own time, also when a later stage was told first."""
    name = f"{notice.progress.value}_at"
    Message.objects.filter(pk=message.pk, **{f"{name}__isnull": True}).update(**{name: notice.at})


def _name_unknown_try(message: Message, notice: Notice) -> None:
    """The receipt settles a try whose answer never came."""
    unnamed = message.tries.filter(provider_id="", channel=message.channel).exclude(
        outcome__in=[AttemptOutcome.DEFERRED, AttemptOutcome.REFUSED]
    )
    known = message.tries.filter(provider_id=notice.provider_id).exists()
    latest = None if known else unnamed.order_by("-id").first()
    if latest is not None:
        Attempt.objects.filter(pk=latest.pk).update(
            provider_id=notice.provider_id, outcome=AttemptOutcome.ACCEPTED
        )


def _fail(message: Message, notice: Notice) -> None:
    if message.status in {MessageStatus.DELIVERED, MessageStatus.READ, MessageStatus.FAILED}:
        return
    _name_unknown_try(message, notice)
    Attempt.objects.filter(message=message, provider_id=notice.provider_id).update(
        outcome=AttemptOutcome.FAILED, provider_code=notice.error_code[:40]
    )
    if message.status != MessageStatus.CANCELLED:
        take_refusal(message, notice.advice or Advice.FIX, notice.error_code)


def _parsed(raw: bytes) -> object:
    """The JSON in it; None for what was signed and is none."""
    try:
        return json.loads(raw)
    except (ValueError, RecursionError):
        return None
