"""The three families of errors (STYLE §4): who can act on it decides the family."""

from __future__ import annotations

from typing import ClassVar


class DomainError(Exception):
    """A rule said no. The message is written for the person who asked; programs read `code`."""

    code: ClassVar[str] = "refused"
    http_status: ClassVar[int] = 409  # the API's answer; 422 when the request itself is wrong

    def __init__(self, message: str, code: str | None = None) -> None:
        super().__init__(message)
        self.error_code = code or self.code


class Retryable(Exception):
    """The outside failed in a way that time may heal; `after_s` says when, if it is known."""

    def __init__(self, message: str, after_s: float | None = None) -> None:
        super().__init__(message)
        self.after_s = after_s


class Permanent(Exception):
    """The outside refused, and asking again will not help."""
