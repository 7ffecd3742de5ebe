"""The ways messaging says no, and what a provider's no means for us."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import ClassVar

from clients.kernel.errors import DomainError, Permanent, Retryable


class Advice(StrEnum):
    """What to do about a provider's refusal. The words are kept in the decision trail."""

    PACE = "pace"  # too fast for the account: hold its lane, the attempt does not count
    PACE_PERSON = "pace_person"  # too fast for this person: the attempt does not count
    RETRY = "retry"  # a passing fault: wait, the attempt counts
    RETRY_LATER = "retry_later"  # their set-up needs minutes
    TOMORROW = "tomorrow"  # this person had enough for today
    FALL_BACK = "fall_back"  # not here: another channel, or a template
    SUPPRESS = "suppress"  # this person asked for no more
    PAUSE_ACCOUNT = "pause_account"  # everything through this account would fail
    PAUSE_TEMPLATE = "pause_template"  # everything with this template would fail
    FIX = "fix"  # our message is wrong

    @property
    def may_be_retried(self) -> bool:
        return self in {
            Advice.PACE,
            Advice.PACE_PERSON,
            Advice.RETRY,
            Advice.RETRY_LATER,
            Advice.TOMORROW,
        }


class SendDeferred(Retryable):
    """The provider did not take the message, and may take it later."""

    def __init__(self, advice: Advice, provider_code: str, wait: timedelta | None = None) -> None:
        super().__init__(f"{advice} {provider_code}", wait.total_seconds() if wait else None)
        self.advice = advice
        self.provider_code = provider_code
        self.wait = wait


class SendRefused(Permanent):
    """The provider did not take the message and will not take it."""

    def __init__(self, advice: Advice, provider_code: str) -> None:
        super().__init__(f"{advice} {provider_code}".strip())
        self.advice = advice
        self.provider_code = provider_code


class OutcomeUnknown(Retryable):
    """The provider may have taken the message: nobody can tell before a receipt comes."""


class Forged(Exception):
    """A webhook that its provider did not sign."""


class UnknownVariable(DomainError):
    """A template uses a name that its kind does not offer."""

    code: ClassVar[str] = "unknown_variable"
    http_status: ClassVar[int] = 422


class TextTooLong(DomainError):
    """A text is longer than any channel carries."""

    code: ClassVar[str] = "text_too_long"
    http_status: ClassVar[int] = 422


class UnknownMessageKind(DomainError):
    """Nobody registered this kind of message."""

    code: ClassVar[str] = "unknown_message_kind"
    http_status: ClassVar[int] = 422


class MessageGone(DomainError):
    """The message has left, so it cannot be cancelled."""

    code: ClassVar[str] = "message_gone"


class AccountIncomplete(DomainError):
    """A channel account lacks something that its channel needs."""

    code: ClassVar[str] = "account_incomplete"
    http_status: ClassVar[int] = 422


class NoText(DomainError):
    """Nobody wrote words for this kind of message in any language we tried."""

    code: ClassVar[str] = "no_text"
    http_status: ClassVar[int] = 422


class NoRoute(DomainError):
    """The client has no address on a channel that works."""

    code: ClassVar[str] = "no_route"
