"""`POST /api/v1/ingest`: the lane for devices, beside Django and without it.

One small ASGI application per process. It reads the body once, checks it with the compiled schema,
and answers after the commit, item by item. Every refusal of a whole body is `{"code": ...,
"detail": ...}` and stores nothing.
"""

from __future__ import annotations

import asyncio
import logging
import zlib
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
from django.utils import translation
from django.utils.translation import gettext_noop as _
from django.utils.translation.trans_real import (
    get_supported_language_variant,
    parse_accept_lang_header,
)

from clients.kernel.errors import DomainError
from meters.api.aftermath import Aftermath
from meters.api.joiner import Joiner
from meters.api.rates import Rates
from meters.api.senders import Senders
from meters.errors import (
    BadReadings,
    StorageUnavailable,
    TooLarge,
    UnknownEncoding,
    UnknownKey,
)
from meters.services.bodies import Said, read_body, read_quickly
from meters.services.dialects import Dialect
from meters.services.ingest import answer, prepare

logger = logging.getLogger(__name__)
PATH: Final = "/api/v1/ingest"
MAX_BODY_BYTES: Final = 8 * 1024 * 1024  # as sent, and again once inflated
READ_TIMEOUT_S: Final = 20  # for the whole body, its first byte included
LONGEST_LENGTH: Final = 20  # digits of a Content-Length
MAY_HOLD_UP_BYTES: Final = 16 * 1024
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
_encode: Final = msgspec.json.Encoder().encode
_GZIP: Final = 31  # zlib's window size for a gzip header


class Lane:
    """The application. `start` and `stop` follow the server's lifespan."""

    def __init__(self, url: str, *, rate_per_minute: int, valkey_url: str = "") -> None:
        self._rates = Rates(valkey_url)
        self._senders = Senders(url, rate_per_minute, self._rates)
        self._aftermath = Aftermath(url)
        self._joiner = Joiner(url, tell=self._aftermath.stored)

    async def start(self) -> None:
        self._joiner.start()
        self._aftermath.start()
        self._rates.start()

    async def stop(self) -> None:
        await self._joiner.stop()
        await self._aftermath.stop()
        await self._rates.stop()
        await self._senders.close()

    async def __call__(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        headers = dict(scope["headers"])
        try:
            body = await self._take(scope, headers, receive)
        except _Gone:
            return
        except DomainError as error:
            await _refuse(error, headers, send)
        except StorageUnavailable as error:
            await _refuse_unknown(error, headers, send)
        except Exception:
            logger.exception("ingest failed")
            await _refuse_unknown(StorageUnavailable("unexpected"), headers, send)
        else:
            await _respond(200, body, send)

    async def _take(
        self, scope: Mapping[str, Any], headers: Mapping[bytes, bytes], receive: Receive
    ) -> bytes:
        """Everything that happens to a request, in order; the bytes of its answer."""
        if scope["method"] != "POST":
            raise _NotPost(_("Send readings with POST."))
        is_strict = _is_strict(scope.get("query_string", b""))
        sender = await self._senders.sender(_secret(headers))
        said = await _understood(_inflated(headers, await _body(headers, receive)), sender.dialect)
        now = datetime.now(tz=UTC)
        submission = prepare(sender.tenant_id, sender.meters, said, now=now)
        submission.refuse_faults(strictly=is_strict)
        self._joiner.start()  # where a server has no lifespan
        outcomes = await self._joiner.store(submission, apart=self._senders.is_doubtful(sender))
        if outcomes is not None:
            self._senders.doubt(sender)
        if not (submission.faults or submission.refused):
            return _encode(answer(submission, outcomes))
        with _language(headers):
            return _encode(answer(submission, outcomes, _written))


async def _understood(body: bytes, dialect: Dialect) -> Said:
    """What the body says. A long one that needs a look at each item does not hold up the others."""
    if len(body) < MAY_HOLD_UP_BYTES:
        return read_body(body, dialect)
    if (said := read_quickly(body)) is not None:
        return said
    return await asyncio.to_thread(read_body, body, dialect)


def _is_strict(query: bytes) -> bool:
    """`?strict=1`: one bad item refuses the whole body. Other parameters have no meaning here."""
    if query in (b"", b"strict=0"):
        return False
    if query == b"strict=1":
        return True
    raise BadReadings(_("The only parameter is “strict”, 0 or 1."), code="unknown_parameter")


class _Gone(Exception):
    """The sender left before its body was read."""


class _NotPost(BadReadings):
    code = "method_not_allowed"
    status = 405


class _TooSlow(BadReadings):
    code = "too_slow"
    status = 408


def _secret(headers: Mapping[bytes, bytes]) -> bytes:
    scheme, _space, secret = headers.get(b"authorization", b"").partition(b" ")
    if scheme.lower() == b"bearer" and secret:
        return secret.strip()
    if secret := headers.get(b"x-api-key", b""):
        return secret
    raise UnknownKey(_("Send the device key as “Authorization: Bearer …”."), code="key_missing")


async def _body(headers: Mapping[bytes, bytes], receive: Receive) -> bytes:
    announced = headers.get(b"content-length", b"0")
    is_number = announced.isdigit() and len(announced) <= LONGEST_LENGTH
    if not is_number or int(announced) > MAX_BODY_BYTES:
        raise _too_large()
    parts, size, more = [], 0, True
    try:
        async with asyncio.timeout(READ_TIMEOUT_S):
            while more:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise _Gone
                parts.append(message.get("body", b""))
                size += len(parts[-1])
                more = message.get("more_body", False)
                if size > MAX_BODY_BYTES:
                    raise _too_large()
    except TimeoutError as error:
        raise _TooSlow(_("The body took too long to arrive.")) from error
    return b"".join(parts)


def _inflated(headers: Mapping[bytes, bytes], body: bytes) -> bytes:
    encoding = headers.get(b"content-encoding", b"identity").strip().lower()
    if encoding == b"identity":
        return body
    if encoding != b"gzip":
        raise UnknownEncoding(_("The body may be plain or gzip, nothing else."))
    inflater = zlib.decompressobj(_GZIP)
    try:
        plain = inflater.decompress(body, MAX_BODY_BYTES + 1)
    except zlib.error as error:
        raise BadReadings(_("The body is not valid gzip.")) from error
    if len(plain) > MAX_BODY_BYTES:
        raise _too_large()
    if not inflater.eof or inflater.unused_data:
        raise BadReadings(_("The body is not valid gzip."))
    return plain


def _too_large() -> TooLarge:
    return TooLarge(
        _("At most %(limit)s MiB fit in a request, before and after inflating."),
        limit=MAX_BODY_BYTES // 1024 // 1024,
    )


async def _refuse(error: DomainError, headers: Mapping[bytes, bytes], send: Send) -> None:
    status, more = 400, []
    if isinstance(error, BadReadings):
        status = error.status
        if retry_after_s := error.retry_after_s:
            more.append((b"retry-after", b"%d" % retry_after_s))
        if isinstance(error, UnknownKey):
            more.append((b"www-authenticate", b"Bearer"))
        if isinstance(error, _NotPost):
            more.append((b"allow", b"POST"))
    detail = _in_language(headers, error)
    await _respond(status, _encode({"code": error.error_code, "detail": detail}), send, more)


async def _refuse_unknown(
    error: StorageUnavailable, headers: Mapping[bytes, bytes], send: Send
) -> None:
    with _language(headers):
        detail = translation.gettext(
            "The readings may not have been stored. Send them again: what was stored will be "
            "answered as a duplicate."
        )
    body = _encode({"code": "storage_unavailable", "detail": detail})
    await _respond(503, body, send, [(b"retry-after", b"%d" % (error.after_s or 1))])


def _in_language(headers: Mapping[bytes, bytes], error: DomainError) -> str:
    if not isinstance(error, BadReadings):
        return str(error)
    with _language(headers):
        return _written(error)


def _written(error: BadReadings) -> str:
    """The sentence in the language that is active."""
    sentence = translation.gettext(error.msgid)
    return sentence % error.facts if error.facts else sentence


def _language(headers: Mapping[bytes, bytes]) -> translation.override:
    """The sender's language where it names one that we speak, else the installation's."""
    wanted = headers.get(b"accept-language", b"").decode("latin-1")
    for code, _weight in parse_accept_lang_header(wanted):
        try:
            return translation.override(get_supported_language_variant(code))
        except LookupError:
            continue
    return translation.override(None)


async def _respond(
    status: int, body: bytes, send: Send, more: list[tuple[bytes, bytes]] | None = None
) -> None:
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers + (more or [])})
    await send({"type": "http.response.body", "body": body})
