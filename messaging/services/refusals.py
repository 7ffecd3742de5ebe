"""What follows when a message was refused for good: another way to the client, or the end."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db.models.functions import Now
from django.utils import timezone

from clients.kernel.leases import Lease, bury, postpone
from messaging.errors import Advice, NoText, TextTooLong
from messaging.events import message_failed, message_queued
from messaging.models import (
    Message,
    MessageStatus,
    Suppression,
    SuppressionReason,
    Verdict,
)
from messaging.models.message import noted
from messaging.services import figures
from messaging.services.accounts import REST, pause_account
from messaging.services.routes import Ways

DAY = timedelta(hours=24)
MOST_TRIES = 8
_OTHER_WAYS = {Advice.FALL_BACK, Advice.SUPPRESS, Advice.PAUSE_TEMPLATE}


def take_refusal(message: Message, advice: Advice, code: str, held: Lease | None = None) -> None:
    """Act on a refusal, told at once (with the lease) or later by webhook (without)."""
    if advice is Advice.SUPPRESS:
        Suppression.objects.get_or_create(
            channel=message.channel,
            address=message.address,
            defaults={"reason": SuppressionReason.ASKED},
        )
    if advice is Advice.PAUSE_ACCOUNT and message.account is not None:
        pause_account(message.account, code, timezone.now() + REST)
    waits = advice is Advice.PAUSE_ACCOUNT or advice.may_be_retried
    if waits and message.attempts < MOST_TRIES:
        line = noted(Verdict.WAITS, advice, timezone.now(), code=code)
        _again(
            message,
            held,
            DAY if advice is Advice.TOMORROW else REST,
            f"{advice} {code}",
            trail=line,
        )
    elif not (advice in _OTHER_WAYS and _fall_back(message, advice, code, held)):
        stop(message, advice, held, code=code)


def stop(
    message: Message,
    reason: str,
    held: Lease | None = None,
    *,
    status: MessageStatus = MessageStatus.FAILED,
    code: str = "",
) -> None:
    """The end: the message did not go, and the trail says why."""
    error = f"{reason} {code}".strip()
    fields = {
        "status": status,
        "failed_at": Now(),
        "trail": noted(Verdict.STOPPED, reason, timezone.now(), code=code),
    }
    if held is not None:
        ended = bury(Message, held, error, **fields)
    else:
        rows = Message.objects.filter(pk=message.pk)
        ended = bool(
            rows.update(due_at=None, leased_until=None, died_at=Now(), last_error=error, **fields)
        )
    if ended:
        figures.failed.labels(message.channel, reason).inc()
        message_failed.announce(tenant_id=message.tenant_id, message_id=message.pk)


def _fall_back(message: Message, advice: Advice, code: str, held: Lease | None) -> bool:
    """Point the message to a way not tried yet. False when there is none."""
    if message.is_channel_fixed:
        return False
    tried = {(message.channel, message.address)}
    tried |= set(message.tries.values_list("channel", "address"))
    failed_channel = message.channel
    ways = Ways([message.recipient], [message.kind])
    for route in ways.to(message.recipient):
        if (route.account.kind, route.address.value) in tried:
            continue
        try:
            ways.take(message, route)
        except (NoText, TextTooLong):
            continue
        line = noted(
            Verdict.FELL_BACK,
            advice,
            timezone.now(),
            code=code,
            channel=message.channel,
            instead_of=failed_channel,
        )
        _again(
            message, held, timedelta(0), f"{advice} {code}", trail=line, **_route_fields(message)
        )
        message_queued.announce(tenant_id=message.tenant_id, message_id=message.pk)
        return True
    return False


def _route_fields(message: Message) -> dict[str, Any]:
    names = "account_id contact_point_id template_id channel address subject body language approved"
    return {"provider_id": "", "known_as": ""} | {
        name: getattr(message, name) for name in names.split()
    }


def _again(
    message: Message, held: Lease | None, wait: timedelta, error: str, **fields: Any
) -> None:
    fields["status"] = MessageStatus.QUEUED
    if held is not None:
        postpone(Message, held, wait, error, **fields)
    else:
        Message.objects.filter(pk=message.pk).update(
            due_at=Now() + wait, leased_until=None, last_error=error[:500], **fields
        )
