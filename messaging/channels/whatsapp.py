"""WhatsApp Business Cloud API: texts, approved templates, signed webhooks.

Wire format and codes: Meta's Cloud API as of 2026; the table of codes is ours.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any, ClassVar

from clients.kernel.http import Answer, call
from messaging.channels.base import (
    Account,
    AddressKind,
    Envelope,
    Notice,
    Progress,
    SendResult,
    translated,
)
from messaging.errors import Advice, Forged, OutcomeUnknown, SendDeferred, SendRefused

_CODES = {
    Advice.PACE: (4, 80007, 130429),
    Advice.PACE_PERSON: (131056,),
    Advice.RETRY: (1, 2, 131000, 131016, 133004, 131057),
    Advice.RETRY_LATER: (134101,),
    Advice.TOMORROW: (131049, 130472),
    Advice.FALL_BACK: (131047, 131026),
    Advice.SUPPRESS: (131050,),
    Advice.PAUSE_ACCOUNT: (0, 3, 10, 190, 368, 131031, 131042, 131048, 131063, 130497),
    Advice.PAUSE_TEMPLATE: (132001, 132007, 132015, 132016, 132068, 132069),
    Advice.FIX: (
        100,
        131008,
        131009,
        131021,
        131051,
        131052,
        131053,
        131062,
        132000,
        132005,
        132012,
    ),
}
ADVICE = {code: advice for advice, codes in _CODES.items() for code in codes}
PERMISSIONS = range(200, 300)
REGISTRATION = range(133000, 134000)
WAITS = {
    Advice.RETRY_LATER: timedelta(minutes=10),  # their template caches settle within that
    Advice.TOMORROW: timedelta(hours=24),
}


def advice_for(code: int, http_status: int = 200) -> Advice:
    """What to do about an error code, sent at once or by webhook."""
    if code in ADVICE:
        return ADVICE[code]
    if code in PERMISSIONS or code in REGISTRATION:
        return Advice.PAUSE_ACCOUNT
    if http_status == HTTPStatus.TOO_MANY_REQUESTS:
        return Advice.PACE
    if http_status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        return Advice.PAUSE_ACCOUNT
    return Advice.RETRY if http_status >= HTTPStatus.INTERNAL_SERVER_ERROR else Advice.FIX


class WhatsApp:
    """Delivery and reading come back by webhook; a late answer is settled by it too."""

    address_kind: ClassVar[AddressKind] = AddressKind.PHONE
    reports_delivery: ClassVar[bool] = True
    has_html: ClassVar[bool] = False
    longest_body: ClassVar[int] = 4096
    required: ClassVar[tuple[str, ...]] = ("phone_number_id", "access_token", "app_secret")

    def send(self, account: Account, envelope: Envelope) -> SendResult:
        settings = account.credentials
        with translated():
            answer = call(
                "POST",
                f"{settings['api_url'].rstrip('/')}/{settings['phone_number_id']}/messages",
                service="whatsapp",
                account=account.key,
                headers={"authorization": f"Bearer {settings['access_token']}"},
                payload=message_body(envelope),
            )
        if answer.status != HTTPStatus.OK:
            raise _refusal(answer)
        return _result(answer)

    def verify(self, account: Account, raw: bytes, headers: Mapping[str, str]) -> None:
        secret = account.credentials["app_secret"].encode()
        expected = "sha256=" + hmac.new(secret, raw, hashlib.sha256).hexdigest()
        if not _same(headers.get("x-hub-signature-256", ""), expected):
            raise Forged("the signature does not match")

    def answer_challenge(self, account: Account, query: Mapping[str, str]) -> str:
        token = account.credentials.get("verify_token", "")
        known = bool(token) and _same(query.get("hub.verify_token", ""), token)
        if not known or query.get("hub.mode") != "subscribe":
            raise Forged("the verify token does not match")
        return query.get("hub.challenge", "")

    def notices(self, payload: object) -> list[Notice]:
        return list(_notices(payload))


def message_body(envelope: Envelope) -> dict[str, object]:
    """What is posted. Whoever is subscribed sees our key in every status: no names in it."""
    body: dict[str, object] = {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        "to": envelope.to.removeprefix("+"),
        "biz_opaque_callback_data": envelope.key,
    }
    if envelope.template is None:
        return body | {"type": "text", "text": {"preview_url": False, "body": envelope.body}}
    template: dict[str, object] = {
        "name": envelope.template.name,
        "language": {"code": envelope.template.language},
    }
    if envelope.template.parameters:
        # A parameter with line breaks or many blanks is refused.
        texts = [" ".join(text.split()) for text in envelope.template.parameters]
        parameters = [{"type": "text", "text": text} for text in texts]
        template["components"] = [{"type": "body", "parameters": parameters}]
    return body | {"type": "template", "template": template}


def _same(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode(errors="replace"), expected.encode())


def _refusal(answer: Answer) -> SendDeferred | SendRefused:
    code = _error_code(answer)
    advice = advice_for(code, answer.status)
    if not advice.may_be_retried:
        return SendRefused(advice, str(code))
    wait = WAITS.get(advice)
    if advice is Advice.PACE and answer.headers.get("retry-after", "").isdecimal():
        wait = timedelta(seconds=min(int(answer.headers["retry-after"]), 3600))
    return SendDeferred(advice, str(code), wait)


def _error_code(answer: Answer) -> int:
    try:
        return int(answer.json()["error"]["code"])
    except (ValueError, KeyError, TypeError):
        return -answer.status  # their proxy spoke, not their API


def _result(answer: Answer) -> SendResult:
    try:
        said = answer.json()
        provider_id = str(said["messages"][0]["id"])
    except (ValueError, LookupError, TypeError) as error:
        raise OutcomeUnknown("accepted, but without an id") from error
    # wa_id may lack Brazil's ninth digit, or be empty for who hides the number behind a user id.
    contact = next(iter(_dicts(said.get("contacts"))), {})
    return SendResult(provider_id, str(contact.get("wa_id") or contact.get("user_id") or ""))


def _notices(payload: object) -> Iterator[Notice]:
    for value in _values(payload):
        for status in _dicts(value.get("statuses")):
            notice = _notice(status)
            if notice is not None:
                yield notice


def _values(payload: object) -> Iterator[dict[str, Any]]:
    for entry in _dicts(payload.get("entry") if isinstance(payload, dict) else None):
        for change in _dicts(entry.get("changes")):
            if change.get("field") == "messages" and isinstance(change.get("value"), dict):
                yield change["value"]


def _dicts(found: object) -> list[dict[str, Any]]:
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def _notice(status: dict[str, Any]) -> Notice | None:
    try:
        progress = Progress(status["status"])
        at = datetime.fromtimestamp(int(status["timestamp"]), UTC)
        provider_id = str(status["id"])
    except (KeyError, TypeError, ValueError, OverflowError, OSError):
        return None  # a kind of status that does not exist yet
    error = next(iter(_dicts(status.get("errors"))), {})
    code = error.get("code")
    return Notice(
        event_id=f"{provider_id}:{progress}",
        progress=progress,
        at=at,
        key=str(status.get("biz_opaque_callback_data") or ""),
        provider_id=provider_id,
        address=str(status.get("recipient_id") or status.get("recipient_user_id") or ""),
        error_code="" if code is None else str(code),
        advice=advice_for(code) if isinstance(code, int) else None,
    )
