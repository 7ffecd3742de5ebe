"""Sending what is due: lease, note the attempt, send without a transaction, mark.

A worker may die anywhere. Before the send nothing happened and the row is leased again; after it
the row is still `sending`, which the next worker reads as "nobody knows": it waits for the
provider's receipt and only then sends again, with the same key.
"""

from __future__ import annotations

import logging
import random
import time
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import models
from django.db.models.functions import Now
from django.utils import timezone

from clients.kernel.leases import Lease, bury, done, lease, lease_one, postpone
from clients.kernel.live import publish
from clients.kernel.tenancy import acting_for
from messaging.channels.base import Account, Envelope, ProviderTemplate, SendResult
from messaging.channels.registry import CHANNELS
from messaging.errors import Advice, OutcomeUnknown, SendDeferred, SendRefused
from messaging.events import message_sent
from messaging.models import (
    Attempt,
    AttemptOutcome,
    Message,
    MessageStatus,
    Verdict,
)
from messaging.models.message import PEOPLE, UNDER_WAY, noted
from messaging.services import figures
from messaging.services.accounts import as_channel_account, slow_down
from messaging.services.decisions import Answer, decide
from messaging.services.refusals import MOST_TRIES, stop, take_refusal
from messaging.services.texts import html_of

logger = logging.getLogger(__name__)

LEASE = timedelta(seconds=60)  # longer than any channel's deadline
SETTLING = timedelta(minutes=5)  # how long a receipt may take before we send again
FIRST_PAUSE_S, LONGEST_PAUSE_S = 30.0, 2 * 3600.0
LANE_PAUSE = timedelta(seconds=5)
PERSON_PAUSE_S = 6.0  # one message in six seconds is what WhatsApp grants a person


@dataclass(frozen=True)
class Parcel:
    """All that is needed to send, read beforehand so that no transaction is open meanwhile."""

    attempt_id: int
    channel: str
    account: Account
    envelope: Envelope


def deliver_one(tenant_id: int, message_id: int) -> bool:
    """Send this message if it is due and nobody has it. Safe to call twice."""
    held = lease_one(Message, tenant_id, message_id, LEASE)
    if held is None:
        return False
    deliver(held)
    return True


def deliver_due(seconds: float) -> int:
    """Send due messages of any tenant for about this long; how many were worked on."""
    worked = 0
    end = time.monotonic() + seconds
    while time.monotonic() < end and (held := next(iter(lease(Message, 1, LEASE)), None)):
        try:
            deliver(held)
        except Exception:
            # One poisoned row must not hold up the others; its lease runs out by itself.
            logger.exception("message not delivered", extra={"message_id": held.id})
        worked += 1
    return worked


def deliver(held: Lease) -> None:
    """Send one leased message, or note why it waits or does not go."""
    with acting_for(held.tenant_id):
        parcel = _pack(held)
    if parcel is None:
        return
    answer = _send(parcel)
    with acting_for(held.tenant_id):
        _mark(held, parcel, answer)


def _pack(held: Lease) -> Parcel | None:
    message = Message.objects.select_related(*PEOPLE).get(pk=held.id)
    now = timezone.now()
    if message.status not in UNDER_WAY:
        done(Message, held)
        return None
    if message.status == MessageStatus.SENDING:
        _wait_for_receipt(held, message)
        return None
    decision = decide(message, now)
    if decision.answer is Answer.WAIT:
        # Waiting is no attempt.
        postpone(
            Message,
            held,
            decision.wait + timedelta(seconds=random.uniform(0, 2)),  # noqa: S311 - not a secret
            decision.reason,
            attempts=held.attempt - 1,
            trail=_noted_once(message, decision.reason),
        )
        return None
    if decision.answer is Answer.STOP:
        stop(message, decision.reason, held, status=MessageStatus.CANCELLED)
        return None
    return _begin(held, message)


def _begin(held: Lease, message: Message) -> Parcel | None:
    account = message.account
    assert account is not None  # noqa: S101 - decide() stops a message without one
    ours = Message.objects.filter(pk=held.id, attempts=held.attempt)
    if not ours.update(status=MessageStatus.SENDING):
        return None  # the lease was lost to another
    attempt = Attempt.objects.create(
        message=message, account=account, channel=message.channel, address=message.address
    )
    return Parcel(attempt.pk, message.channel, as_channel_account(account), _envelope(message))


def _envelope(message: Message) -> Envelope:
    html = ""
    if CHANNELS[message.channel].has_html:
        html = html_of(
            message.body,
            subject=message.subject,
            company=message.tenant.name,
            language=message.language,
        )
    approved = None
    if message.approved:
        parameters = tuple(message.approved["parameters"])
        approved = ProviderTemplate(
            message.approved["name"], message.approved["language"], parameters
        )
    return Envelope(
        str(message.key), message.address, message.body, message.subject, html, approved
    )


SendAnswer = SendResult | SendDeferred | SendRefused | OutcomeUnknown


def _send(parcel: Parcel) -> SendAnswer:
    try:
        return CHANNELS[parcel.channel]().send(parcel.account, parcel.envelope)
    except (SendDeferred, SendRefused, OutcomeUnknown) as error:
        return error


def _mark(held: Lease, parcel: Parcel, answer: SendAnswer) -> None:
    message = Message.objects.select_related(*PEOPLE).get(pk=held.id)
    if isinstance(answer, SendResult):
        _end(parcel, AttemptOutcome.ACCEPTED, provider_id=answer.provider_id)
        _mark_sent(held, message, answer)
    elif isinstance(answer, OutcomeUnknown):
        _end(parcel, AttemptOutcome.UNKNOWN)
        _wait_for_receipt(held, message)
    elif isinstance(answer, SendDeferred):
        _end(parcel, AttemptOutcome.DEFERRED, provider_code=answer.provider_code)
        _put_off(held, message, answer)
    else:
        _end(parcel, AttemptOutcome.REFUSED, provider_code=answer.provider_code)
        take_refusal(message, answer.advice, answer.provider_code, held)


def _end(parcel: Parcel, outcome: AttemptOutcome, **fields: Any) -> None:
    Attempt.objects.filter(pk=parcel.attempt_id).update(ended_at=Now(), outcome=outcome, **fields)


def _mark_sent(held: Lease, message: Message, result: SendResult) -> None:
    # A receipt may have been faster than the answer; it is never taken back.
    status = models.Case(
        models.When(status__in=UNDER_WAY, then=models.Value(MessageStatus.SENT)),
        default=models.F("status"),
    )
    if done(
        Message,
        held,
        status=status,
        provider_id=result.provider_id,
        known_as=result.address if result.address != message.address.removeprefix("+") else "",
        sent_at=Now(),
        trail=noted(Verdict.WENT, "sent", timezone.now(), channel=message.channel),
    ):
        figures.sent.labels(message.channel).inc()
        message_sent.announce(tenant_id=held.tenant_id, message_id=held.id)
        fact = {"message": str(message.public_id), "client": message.recipient_name}
        publish(held.tenant_id, "messaging.message_sent", fact)


def _wait_for_receipt(held: Lease, message: Message) -> None:
    """Nobody knows whether it went. When a receipt came meanwhile, the row is no longer due."""
    fields = {
        "status": MessageStatus.UNCERTAIN,
        "trail": noted(Verdict.UNKNOWN, "no_answer", timezone.now(), channel=message.channel),
    }
    told = Message.objects.filter(pk=held.id).exclude(status__in=UNDER_WAY)
    if told.exists():
        done(Message, held)
    elif held.attempt >= MOST_TRIES:
        bury(Message, held, "no_answer", **fields)
    else:
        postpone(Message, held, SETTLING, "no_answer", **fields)


def _put_off(held: Lease, message: Message, refusal: SendDeferred) -> None:
    counts = refusal.advice not in {Advice.PACE, Advice.PACE_PERSON}
    if counts and held.attempt >= MOST_TRIES:
        stop(message, "gave_up", held, code=refusal.provider_code)
        return
    wait = refusal.wait or _pause(refusal.advice, held.attempt)
    if refusal.advice is Advice.PACE and message.account is not None:
        slow_down(message.account, timezone.now() + wait)
    postpone(
        Message,
        held,
        wait,
        str(refusal),
        status=MessageStatus.QUEUED,
        attempts=held.attempt if counts else held.attempt - 1,
        trail=_noted_once(message, refusal.advice, code=refusal.provider_code),
    )


def _noted_once(message: Message, reason: str, **facts: str) -> models.Expression | models.F:
    """The trail with a line that it waits; waiting on for the same reason adds no other."""
    last = message.trail[-1] if message.trail else {}
    if last.get("verdict") == Verdict.WAITS and last.get("reason") == reason:
        return models.F("trail")
    return noted(Verdict.WAITS, reason, timezone.now(), **facts)


def _pause(advice: Advice, attempt: int) -> timedelta:
    if advice is Advice.PACE:
        return LANE_PAUSE
    if advice is Advice.PACE_PERSON:
        return timedelta(seconds=PERSON_PAUSE_S * random.uniform(1, 4))  # noqa: S311
    growing = min(FIRST_PAUSE_S * 4 ** (attempt - 1), LONGEST_PAUSE_S)
    return timedelta(seconds=growing * random.uniform(0.8, 1.2))  # noqa: S311
