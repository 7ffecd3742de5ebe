"""The ways this app says no."""

from __future__ import annotations

from typing import Any, ClassVar

from clients.kernel.errors import DomainError, Retryable


class BadReadings(DomainError):
    """What was sent cannot be understood as readings; nothing of it is stored."""

    code = "malformed"
    status: ClassVar[int] = 400
    retry_after_s: int = 0

    def __init__(self, message: str, *, code: str | None = None, **facts: Any) -> None:
        """`message` is a msgid with `facts` as its named values; it is translated when shown."""
        said = {name: _sayable(value) for name, value in facts.items()}
        super().__init__(message % said if said else message, code)
        self.msgid, self.facts = message, said
        self.retry_after_s = facts.get("retry_after_s", self.retry_after_s)


def _sayable(value: Any) -> Any:
    """Text as an answer can carry it: half a surrogate pair, quoted from a body, has no bytes."""
    return value.encode(errors="replace").decode() if isinstance(value, str) else value


class TooLarge(BadReadings):
    code = "too_large"
    status = 413


class UnknownEncoding(BadReadings):
    code = "unsupported_encoding"
    status = 415


class Unprocessable(BadReadings):
    code = "invalid_reading"
    status = 422


class UnknownKey(BadReadings):
    code = "unknown_key"
    status = 401


class TooMany(BadReadings):
    """The key has used up its requests for this minute."""

    code = "rate_limited"
    status = 429


class Overloaded(BadReadings):
    code = "overloaded"
    status = 503
    retry_after_s = 1


class StorageUnavailable(Retryable):
    """The database did not answer. Send again: what was stored will be a duplicate."""


class MeterInUse(DomainError):
    """The meter already serves a metering point at that time."""

    code = "meter_in_use"


class MeteringPointInUse(DomainError):
    """Another meter already serves the metering point at that time."""

    code = "metering_point_in_use"


class WrongKind(DomainError):
    """A meter of this kind cannot serve a metering point of that kind."""

    code = "wrong_kind"


class NotServingYet(DomainError):
    """The meter did not serve the metering point at that time."""

    code = "not_serving_yet"


class KeyRevoked(DomainError):
    code = "key_revoked"


class BadFile(DomainError):
    """A file cannot be imported; nothing of it is stored."""

    code = "bad_file"


class Doubtful(DomainError):
    """What is asked for is hardly meant. Asked again with `anyway` it is done."""

    code = "doubtful"


class BadEdit(DomainError):
    """Values cannot be filled in as asked; nothing is changed."""

    code = "bad_edit"


class BadDecision(DomainError):
    """An event cannot be decided as asked; nothing is changed."""

    code = "bad_decision"


class NotEnoughData(DomainError):
    """What was measured does not suffice for this answer."""

    code = "not_enough_data"
    http_status = 422


class LimitsRequired(DomainError):
    """Capability is against limits that somebody set; there are none of its own."""

    code = "limits_required"
    http_status = 422


class BusBusy(DomainError):
    """Somebody else is talking on the line of this connection."""

    code = "bus_busy"


class NotPolled(DomainError):
    """The device of this connection is not asked; it speaks by itself."""

    code = "not_polled"


class AlreadyDecided(DomainError):
    """Somebody has decided about this reading before."""

    code = "already_decided"


class StillImpossible(DomainError):
    """The corrected time cannot be right either."""

    code = "still_impossible"


class ForwardingRefused(DomainError):
    """The other side cannot be used as it is set up."""

    code = "forwarding_refused"


class WrongParameters(DomainError):
    """A validation rule does not take these parameters."""

    code = "wrong_parameters"
    http_status = 422


class ExceptionDecided(DomainError):
    """Somebody has already decided about this stretch."""

    code = "exception_decided"


class NothingToLeaveOut(DomainError):
    """The stretch holds no reading that could be left out."""

    code = "nothing_to_leave_out"


class ImportBusy(DomainError):
    """The import is not where this can be done with it: a worker has it, or it is finished."""

    code = "import_busy"


class ReadingsHeld(DomainError):
    """Something stands on these readings: an invoice, or a time that is settled."""

    code = "readings_held"
