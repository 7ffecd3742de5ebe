"""The one way out over HTTP: deadline, size cap, no redirects, checked addresses, breaker."""

from __future__ import annotations

import json
import os
import ssl
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from http import HTTPStatus
from typing import Any, ClassVar

import httpcore2
import httpx2
from prometheus_client import Counter, Histogram

from clients.kernel import egress
from clients.kernel.breaker import guarded
from clients.kernel.egress import AddressRefused, Unreachable
from clients.kernel.errors import Retryable
from clients.kernel.wire import CheckedBackend

LARGEST_ANSWER_BYTES = 1024 * 1024
DEADLINE = timedelta(seconds=10)

calls = Counter("outside_calls_total", "Calls to the outside, by result.", ["service", "result"])
duration = Histogram("outside_call_seconds", "How long calls to the outside take.", ["service"])


class Unanswered(Retryable):
    """The request may have had its effect: the answer was late, cut, endless or unreadable."""

    code: ClassVar[str] = "unanswered"


@dataclass(frozen=True)
class Answer:
    """What the other side said, whole and at most 1 MiB. Names of headers are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:  # whatever they sent
        """The body as JSON; raises ValueError."""
        try:
            return json.loads(self.body)
        except RecursionError as error:
            raise ValueError("nested too deeply") from error


class _ServerTrouble(Exception):
    def __init__(self, answer: Answer) -> None:
        self.answer = answer


class _Transport(httpx2.HTTPTransport):
    def __init__(self) -> None:
        context = ssl.create_default_context()
        super().__init__(verify=context, trust_env=False)
        # httpx offers no other way to choose who dials.
        self._pool = httpcore2.ConnectionPool(
            ssl_context=context,
            max_connections=50,
            max_keepalive_connections=10,
            keepalive_expiry=4.0,
            network_backend=CheckedBackend(),
        )


@lru_cache(maxsize=1)
def _client(process_id: int) -> httpx2.Client:
    # One for each process: a forked child must not share its parent's sockets.
    headers = {"user-agent": "Pulso", "accept-encoding": "identity"}
    return httpx2.Client(transport=_Transport(), trust_env=False, headers=headers)


def call(
    method: str,
    url: str,
    *,
    service: str,
    account: str = "",
    headers: Mapping[str, str] | None = None,
    payload: object = None,
    content: bytes | None = None,
    deadline: timedelta = DEADLINE,
) -> Answer:
    """Any answer, whatever its status, redirects included. Never call inside a transaction.

    Raises Unreachable when nothing can have happened (CircuitOpen among it), Unanswered when it
    may have, AddressRefused when the address is not one we call. `service` names the metrics,
    `account` the breaker, `payload` is sent as JSON.
    """
    sent = dict(headers or {})
    if payload is not None:
        content, sent["content-type"] = json.dumps(payload).encode(), "application/json"
    egress.start_clock(deadline.total_seconds())
    with duration.labels(service).time():
        try:
            egress.check_url(url)
            answer = _guarded_exchange(account, method, url, sent, content, deadline)
        except (AddressRefused, Unreachable, Unanswered) as error:
            calls.labels(service, error.code).inc()
            raise
    calls.labels(service, f"{answer.status // 100}xx").inc()
    return answer


def _guarded_exchange(account: str, *request: Any) -> Answer:
    try:
        with guarded(account):
            return _exchange(*request)
    except _ServerTrouble as trouble:
        return trouble.answer


def _exchange(
    method: str, url: str, headers: Mapping[str, str], body: bytes | None, deadline: timedelta
) -> Answer:
    client = _client(os.getpid())
    waiting = httpx2.Timeout(deadline.total_seconds())
    try:
        with client.stream(method, url, headers=headers, content=body, timeout=waiting) as response:
            answer = Answer(response.status_code, dict(response.headers), _read(response))
    except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout) as error:
        raise Unreachable("Nobody answers at this address.") from error
    except (httpx2.HTTPError, httpx2.InvalidURL, zlib.error, TimeoutError) as error:
        raise Unanswered("The answer did not arrive.") from error
    if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise _ServerTrouble(answer)
    return answer


def _read(response: httpx2.Response) -> bytes:
    """The body, unpacked by hand: the library would unpack a bomb before it can be measured."""
    encoding = response.headers.get("content-encoding", "identity")
    if encoding not in {"identity", "gzip", "deflate"}:
        raise Unanswered("The answer is packed in a way that we did not ask for.")
    unpack = None if encoding == "identity" else zlib.decompressobj(47)
    body = b""
    for piece in response.iter_raw():
        room = LARGEST_ANSWER_BYTES + 1 - len(body)
        body += unpack.decompress(piece, room) if unpack else piece
        if len(body) > LARGEST_ANSWER_BYTES:
            raise Unanswered("The answer is larger than 1 MiB.")
    return body
