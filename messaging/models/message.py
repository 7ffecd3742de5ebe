from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any, ClassVar

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from clients.kernel.constraints import one_of
from clients.kernel.keys import PublicIdModel
from clients.kernel.leases import LeasedModel
from clients.kernel.tenancy import TenantForeignKey, TenantManager, TenantModel
from clients.models import Client, ContactPoint, Membership
from messaging.models.account import ChannelAccount, ChannelKind
from messaging.models.template import Template


class MessageStatus(models.TextChoices):
    QUEUED = "queued", _("Queued")
    SENDING = "sending", _("Leaving")
    UNCERTAIN = "uncertain", _("Not confirmed")
    SENT = "sent", _("Sent")
    DELIVERED = "delivered", _("Delivered")
    READ = "read", _("Read")
    FAILED = "failed", _("Failed")
    CANCELLED = "cancelled", _("Cancelled")


# How far a message got. Receipts only ever move it up; the last two are ends.
RANK = {
    MessageStatus.QUEUED: 0,
    MessageStatus.SENDING: 1,
    MessageStatus.UNCERTAIN: 1,
    MessageStatus.SENT: 2,
    MessageStatus.DELIVERED: 3,
    MessageStatus.READ: 4,
}
UNDER_WAY = (MessageStatus.QUEUED, MessageStatus.SENDING, MessageStatus.UNCERTAIN)


class Verdict(models.TextChoices):
    """What was decided about a message at some moment of its life."""

    QUEUED = "queued", _("Queued")
    WAITS = "waits", _("Waits")
    TRIED = "tried", _("Tried")
    WENT = "went", _("Went")
    UNKNOWN = "unknown", _("Not confirmed")
    FELL_BACK = "fell_back", _("Other channel")
    STOPPED = "stopped", _("Did not go")
    TOLD = "told", _("Provider reported")


class MessageQuerySet(models.QuerySet["Message"]):
    def behind(self, rank: int) -> MessageQuerySet:
        """Messages that have not come as far as `rank`."""
        return self.filter(status__in=[status for status, place in RANK.items() if place < rank])


# Whom messages go to: a client, or a member of the tenant's own team.
Recipient = Client | Membership


# What is read with a message whose person is to be reached or named.
PEOPLE = ("tenant", "client__tenant", "member__tenant", "member__user", "account")


def name_of(recipient: Recipient) -> str:
    """What the person is called."""
    return recipient.name if isinstance(recipient, Client) else str(recipient.user)


class Message(LeasedModel, PublicIdModel):
    """One message to a client or a member of the team: a promise when written, then a record."""

    # The service gives up earlier; this only ends rows that kill their worker every time.
    max_attempts: ClassVar[int] = 20

    client = TenantForeignKey(
        Client, models.PROTECT, null=True, blank=True, related_name="messages"
    )
    member = TenantForeignKey(Membership, models.PROTECT, null=True, blank=True, related_name="+")
    contact_point = TenantForeignKey(
        ContactPoint, models.SET_NULL, null=True, blank=True, related_name="+"
    )
    account = TenantForeignKey(
        ChannelAccount, models.PROTECT, null=True, blank=True, related_name="messages"
    )
    template = TenantForeignKey(Template, models.PROTECT, null=True, blank=True, related_name="+")
    kind = models.CharField(_("kind of message"), max_length=60)
    channel = models.CharField(_("channel"), max_length=10, choices=ChannelKind, blank=True)
    is_channel_fixed = models.BooleanField(default=False)
    address = models.CharField(_("to"), max_length=254, blank=True)
    known_as = models.CharField(
        max_length=254, blank=True, help_text="How the provider calls the person, if not as we do."
    )
    language = models.CharField(max_length=10)
    context = models.JSONField(default=dict)
    subject = models.CharField(_("subject"), max_length=200, blank=True)
    body = models.TextField(_("text"), blank=True)
    approved = models.JSONField(
        null=True, blank=True, help_text="Name, language and parameters of an approved template."
    )
    status = models.CharField(
        _("status"), max_length=10, choices=MessageStatus, default=MessageStatus.QUEUED
    )
    dedupe_key = models.CharField(max_length=200)
    provider_id = models.CharField(max_length=254, blank=True)
    valid_until = models.DateTimeField(null=True, blank=True)
    trail = models.JSONField(_("decisions"), default=list)
    created_at = models.DateTimeField(_("written at"), auto_now_add=True)
    sent_at = models.DateTimeField(_("sent at"), null=True, blank=True)
    delivered_at = models.DateTimeField(_("delivered at"), null=True, blank=True)
    read_at = models.DateTimeField(_("read at"), null=True, blank=True)
    failed_at = models.DateTimeField(_("failed at"), null=True, blank=True)

    objects = TenantManager.from_queryset(MessageQuerySet)()  # type: ignore[misc] # adds methods

    class Meta(LeasedModel.Meta):
        verbose_name = _("message")
        verbose_name_plural = _("messages")
        ordering = ["-id"]
        indexes = [
            models.Index(
                fields=["due_at"],
                condition=models.Q(due_at__isnull=False),
                name="messaging_message_due",
            ),
            models.Index(fields=["tenant", "client", "-id"], name="messaging_message_by_client"),
            models.Index(fields=["tenant", "status", "-id"], name="messaging_message_by_status"),
            models.Index(
                fields=["tenant", "provider_id"],
                condition=~models.Q(provider_id=""),
                name="messaging_message_by_provider",
            ),
        ]
        constraints = [
            one_of("status", MessageStatus),
            models.CheckConstraint(
                condition=models.Q(client__isnull=False, member__isnull=True)
                | models.Q(client__isnull=True, member__isnull=False),
                name="messaging_message_to_one_person",
            ),
            models.UniqueConstraint(
                fields=["tenant", "dedupe_key"], name="messaging_message_dedupe_key"
            ),
        ]

    def __str__(self) -> str:
        return self.subject or self.kind

    @property
    def recipient(self) -> Recipient:
        """Whom it goes to."""
        found: Recipient | None = self.client or self.member
        assert found is not None  # noqa: S101 - the database holds one of them
        return found

    @property
    def recipient_name(self) -> str:
        return name_of(self.recipient)

    @property
    def key(self) -> uuid.UUID:
        """What the provider echoes, and what makes a second try the same message."""
        return self.public_id


def noted(verdict: Verdict, reason: str, at: datetime, **facts: Any) -> models.Expression:
    """An expression that adds a line to the decision trail, whatever was added meanwhile."""
    line = trail_line(verdict, reason, at, **facts)
    added = models.Value([line], models.JSONField())
    return models.Func(
        models.F("trail"),
        added,
        template="%(expressions)s",
        arg_joiner=" || ",
        output_field=models.JSONField(),
    )


def trail_line(verdict: Verdict, reason: str, at: datetime, **facts: Any) -> dict[str, Any]:
    """Why a message went, waits or did not go: one line, as data."""
    return {"at": at.isoformat(), "verdict": verdict.value, "reason": reason, **facts}


class AttemptOutcome(models.TextChoices):
    STARTED = "started", _("Started")
    ACCEPTED = "accepted", _("Accepted")
    DEFERRED = "deferred", _("Put off")
    REFUSED = "refused", _("Refused")
    UNKNOWN = "unknown", _("Not confirmed")
    FAILED = "failed", _("Failed later")


class Attempt(TenantModel):
    """One call to a provider: written before it, completed after it."""

    message = TenantForeignKey(Message, models.CASCADE, related_name="tries")
    account = TenantForeignKey(ChannelAccount, models.PROTECT, related_name="+")
    channel = models.CharField(_("channel"), max_length=10, choices=ChannelKind)
    address = models.CharField(_("to"), max_length=254)
    began_at = models.DateTimeField(_("began at"), db_default=Now())
    ended_at = models.DateTimeField(_("ended at"), null=True, blank=True)
    outcome = models.CharField(
        _("outcome"), max_length=10, choices=AttemptOutcome, default=AttemptOutcome.STARTED
    )
    provider_id = models.CharField(max_length=254, blank=True)
    provider_code = models.CharField(_("provider's code"), max_length=40, blank=True)

    class Meta(TenantModel.Meta):
        verbose_name = _("attempt")
        verbose_name_plural = _("attempts")
        ordering = ["id"]
        indexes = [models.Index(fields=["tenant", "message"], name="messaging_attempt_by_message")]
        constraints = [one_of("outcome", AttemptOutcome)]
