"""What must never reach a log or a report of an error: who people are, and what opens doors.

The second line of defence; the first is not to log such things (STYLE §4).
"""

from __future__ import annotations

import re
from datetime import date
from typing import Any, Final

HIDDEN: Final = "<hidden>"
DEEPEST: Final = 8
SECRET_NAME: Final = re.compile(
    r"(^|[_\-.])(authorization|cookies?|passwords?|passwd|secrets?|tokens?|api_?keys?|dsn|phones?"
    r"|e?mails?|document|cpf|cnpj|pix_key|body|csrf\w*|sessionid|session_key)$",
    re.IGNORECASE,
)
SECRET_TEXT: Final = (
    (re.compile(r"\b(Bearer|Basic|Token)\s+[\w\-.~+/=]{6,}", re.IGNORECASE), rf"\1 {HIDDEN}"),
    (re.compile(r"\beyJ[\w-]+\.[\w-]+\.[\w-]*"), HIDDEN),
    (re.compile(r"(\w+://)[^\s/@:]*:[^\s/@]+@"), rf"\1{HIDDEN}@"),
    (re.compile(r"(/webhooks(?:/pix|/chirpstack)?/)[\w\-%]{6,}"), rf"\1{HIDDEN}"),
    (re.compile(r"\?[^\s\"'<>?]*=[^\s\"'<>]*"), "?…"),
    (re.compile(r"[\w.+-]+@[\w-]+(\.[\w-]+)+"), "<e-mail>"),
    (re.compile(r"\+\d{10,15}\b|(?<!\d)55\d{10,11}(?!\d)"), "<phone>"),
    (
        re.compile(r"\b\d{3}\.\d{3}\.\d{3}-\d{2}\b|\b\d{2}\.\d{3}\.\d{3}/\d{4}-\d{2}\b"),
        "<document>",
    ),
)


def scrubbed(value: Any, depth: int = 0) -> Any:
    """A copy of `value` without secrets and personal data; its shape and its keys stay."""
    if isinstance(value, str):
        for pattern, instead in SECRET_TEXT:
            value = pattern.sub(instead, value)
        return value
    if depth > DEEPEST:
        return HIDDEN
    if isinstance(value, dict):
        return {
            key: HIDDEN
            if isinstance(key, str) and SECRET_NAME.search(key) and value[key] not in (None, "")
            else scrubbed(value[key], depth + 1)
            for key in value
        }
    if isinstance(value, list | tuple | set | frozenset):
        return [scrubbed(item, depth + 1) for item in value]
    if isinstance(value, bytes | bytearray | memoryview):
        return f"<{len(value)} bytes>"
    if value is None or isinstance(value, bool | int | float | date):
        return value
    return scrubbed(repr(value))  # as it would be written: a request says its whole address


def scrub_log(logger: Any, method: str, event: dict[str, Any]) -> dict[str, Any]:
    """A structlog processor; the last before the line is written."""
    result: dict[str, Any] = scrubbed(event)
    return result
