"""A bank with API Pix 2.9.0 (bacen/pix-api): `GET /v2/pix/{e2eid}` and `GET /v2/pix`.

OAuth 2 client credentials over HTTPS. Real banks also want a client certificate (mTLS), which this
adapter does not send yet; the path of the token differs between banks and is unverified.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote, urlencode

from billing.errors import NotThere, OddAnswer
from billing.gateways.base import Credentials, Received
from clients.kernel.errors import Permanent, Retryable
from clients.kernel.http import Answer, call

SERVICE: Final = "pix"
TOKEN_PATH: Final = "/oauth/token"  # noqa: S105 - a path
END_TO_END_ID: Final = re.compile(r"[A-Za-z0-9]{32}")
AMOUNT: Final = re.compile(r"[0-9]{1,10}\.[0-9]{2}")
MOST_PAGES: Final = 100
OK, CREATED, NO_CONTENT = 200, 201, 204
UNAUTHORIZED, NOT_FOUND, TOO_MANY, BROKEN = 401, 404, 429, 500


class ApiPix:
    """Asks one account's bank."""

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials
        self._token = ""

    def received(self, end_to_end_id: str) -> Received:
        if not END_TO_END_ID.fullmatch(end_to_end_id):
            raise Permanent("the notice names no end-to-end id")
        return read_received(self._get(f"/v2/pix/{end_to_end_id}"))

    def received_between(self, start: datetime, end: datetime) -> list[Mapping[str, object]]:
        found: list[Mapping[str, object]] = []
        for page in range(MOST_PAGES):
            asked = {"inicio": _stamp(start), "fim": _stamp(end), "paginacao.paginaAtual": page}
            answer = self._get(f"/v2/pix?{urlencode(asked)}")
            try:
                found += [one for one in answer["pix"] if isinstance(one, dict)]
                pages = int(answer["parametros"]["paginacao"]["quantidadeDePaginas"])
            except (KeyError, TypeError, ValueError) as error:
                raise OddAnswer("the list of payments is not what API Pix says") from error
            if page + 1 >= pages:
                break
        return found

    def call_here(self, pix_key: str, url: str) -> None:
        body = json.dumps({"webhookUrl": url}).encode()
        answer = self._ask("PUT", f"/v2/webhook/{quote(pix_key, safe='')}", body)
        if answer.status not in (OK, CREATED, NO_CONTENT):
            _json(answer)

    def _get(self, path: str) -> Any:
        answer = self._ask("GET", path)
        if answer.status == NOT_FOUND:
            raise NotThere("the bank knows no such payment")
        return _json(answer)

    def _ask(self, method: str, path: str, content: bytes | None = None) -> Answer:
        """Ask with our token; once more with a new one when it has grown old."""
        if not self._token:
            self._token = self._new_token()
        answer = self._call(method, path, self._headers(), content)
        if answer.status == UNAUTHORIZED:
            self._token = self._new_token()
            answer = self._call(method, path, self._headers(), content)
        return answer

    def _headers(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self._token}", "content-type": "application/json"}

    def _new_token(self) -> str:
        pair = f"{self._credentials.client_id}:{self._credentials.client_secret}"
        headers = {
            "authorization": f"Basic {base64.b64encode(pair.encode()).decode()}",
            "content-type": "application/x-www-form-urlencoded",
        }
        answer = self._call("POST", TOKEN_PATH, headers, b"grant_type=client_credentials")
        token = _json(answer).get("access_token")
        if not isinstance(token, str):
            raise OddAnswer("the bank gave no token")
        return token

    def _call(
        self, method: str, path: str, headers: Mapping[str, str], content: bytes | None = None
    ) -> Answer:
        return call(
            method,
            self._credentials.base_url.rstrip("/") + path,
            service=SERVICE,
            account=self._credentials.key,
            headers=headers,
            content=content,
        )


def _json(answer: Answer) -> Any:
    if answer.status == TOO_MANY or answer.status >= BROKEN:
        raise Retryable(f"the bank answered {answer.status}")
    if answer.status != OK:
        raise Permanent(f"the bank answered {answer.status}")
    try:
        found = answer.json()
    except ValueError as error:
        raise OddAnswer("the bank's answer is not JSON") from error
    if not isinstance(found, dict):
        raise OddAnswer("the bank's answer is no object")
    return found


def _stamp(instant: datetime) -> str:
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def read_received(found: Mapping[str, Any]) -> Received:
    """A payment in API Pix's words. Raises OddAnswer when an amount or a time is not one."""
    try:
        received_at = datetime.fromisoformat(found["horario"])
        returned = sum(
            cents_of(one["valor"])
            for one in found.get("devolucoes", [])
            if one.get("status") == "DEVOLVIDO"
        )
        if received_at.tzinfo is None:
            raise OddAnswer("the bank's time has no zone")
        return Received(
            end_to_end_id=str(found["endToEndId"]),
            txid=str(found.get("txid", "")),
            amount_cents=cents_of(found["valor"]),
            pix_key=str(found.get("chave", "")),
            received_at=received_at,
            returned_cents=returned,
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise OddAnswer("the payment is not what API Pix says") from error


def cents_of(text: object) -> int:
    """The cents in "612.38". Floats and other spellings are refused, not guessed at."""
    if not isinstance(text, str) or not AMOUNT.fullmatch(text):
        raise OddAnswer("the amount is not written as 0.00")
    return int(text.replace(".", ""))
