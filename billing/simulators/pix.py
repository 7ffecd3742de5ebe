"""A bank of our own, to be paid by Pix without having an account anywhere.

It speaks API Pix 2.9.0 (bacen/pix-api): POST /oauth/token, GET /v2/pix/{e2eid}, GET /v2/pix, PUT
and GET /v2/webhook/{chave}, and calls `{webhookUrl}/pix` back with {"pix": [...]}. It shares
nothing with the adapter; both are held to the same fixtures. Its words of its own:

POST /_simulator/pay {"pixCopiaECola": …, "valor"?: "1.00", "callback"?: false} pays as a person
with a banking application would, also a wrong amount, and answers the payment.
POST /_simulator/callback {"endToEndId": …} sends the notice of a payment once more.

Unverified, since no source names them: the path and lifetime of the token, the texts of errors.
"""

from __future__ import annotations

import json
import re
import secrets
import string
import threading
import time
import urllib.error
import urllib.request
from binascii import crc_hqx
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

ISPB = "99999999"
LARGEST_BODY = 100_000
PAGE = 100
TRIES = 5
ERRORS = "https://pix.bcb.gov.br/api/v2/error/"
LETTERS = string.ascii_letters + string.digits


class Refused(Exception):
    """An answer that is not 200: a problem as in RFC 7807."""

    def __init__(self, status: int, kind: str, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.body = {"type": ERRORS + kind, "title": kind, "status": status, "detail": detail}


class PixSimulator:
    """Start it, be paid through `pay`, ask it at `url`, stop it."""

    def __init__(self, port: int = 0, *, memory: Path | None = None) -> None:
        """`memory` is a file that keeps payments and webhooks from one start to the next."""
        self.webhooks: dict[str, str] = {}
        self.payments: dict[str, dict[str, Any]] = {}
        self.tokens: set[str] = set()
        self._memory, self._remembering = memory, threading.Lock()
        if memory is not None and memory.exists():
            kept = json.loads(memory.read_text())
            self.webhooks, self.payments = kept["webhooks"], kept["payments"]
        self._server = _Server(("127.0.0.1", port), _Talk)
        self._server.simulator = self

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def start(self) -> PixSimulator:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def serve(self) -> None:
        """Answer until stopped."""
        self._server.serve_forever()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def pay(self, code: str, *, amount: str = "", calls_back: bool = True) -> dict[str, Any]:
        """What a person does who pastes the code into a banking application."""
        fields = read_code(code)
        payment = {
            "endToEndId": new_end_to_end_id(),
            "txid": fields["txid"],
            "valor": amount or fields["amount"],
            "chave": fields["key"],
            "horario": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "infoPagador": "",
        }
        if not re.fullmatch(r"\d{1,10}\.\d{2}", payment["valor"]):
            raise Refused(400, "ValorInvalido", "The code names no amount; send valor as 0.00.")
        if payment["txid"] == "***":
            del payment["txid"]
        self.payments[payment["endToEndId"]] = payment
        self.remember()
        if calls_back:
            self.call_back(payment["endToEndId"])
        return payment

    def remember(self) -> None:
        """Write everything down, if there is where to."""
        if self._memory is None:
            return
        with self._remembering:
            fresh = self._memory.with_suffix(".new")
            fresh.write_text(json.dumps({"webhooks": self.webhooks, "payments": self.payments}))
            fresh.replace(self._memory)

    def call_back(self, end_to_end_id: str) -> None:
        """Tell the receiver, in the background. Only a payment with a txid is told."""
        payment = self.payments[end_to_end_id]
        url = self.webhooks.get(payment["chave"])
        if url and "txid" in payment:
            notice = json.dumps({"pix": [payment]}).encode()
            threading.Thread(target=_post, args=(url + "/pix", notice), daemon=True).start()


def _post(url: str, notice: bytes) -> None:
    for tried in range(TRIES):
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(url, notice, headers)  # noqa: S310 - as configured
        try:
            with urllib.request.urlopen(request, timeout=5):  # noqa: S310
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2 * 2**tried)


def new_end_to_end_id() -> str:
    unique = "".join(secrets.choice(LETTERS) for _ in range(11))
    return f"E{ISPB}{datetime.now(UTC):%Y%m%d%H%M}{unique}"


def read_code(code: str) -> dict[str, str]:
    """Key, amount and txid of a static code, as a banking application reads them."""
    try:
        fields = _fields(code)
        checksum = f"{crc_hqx(code[:-4].encode(), 0xFFFF):04X}"
        account = _fields(fields["26"] if checksum == fields["63"] else "")
        more = _fields(fields["62"])
        return {"key": account["01"], "amount": fields.get("54", ""), "txid": more["05"]}
    except (KeyError, ValueError) as error:
        raise Refused(400, "PixCopiaEColaInvalido", "This is not a static Pix code.") from error


def _fields(text: str) -> dict[str, str]:
    fields = {}
    while text:
        size = int(text[2:4])
        fields[text[:2]], text = text[4 : 4 + size], text[4 + size :]
    return fields


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    simulator: PixSimulator


class _Talk(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        self._try(self._get)

    def do_POST(self) -> None:
        self._try(self._posted)

    def do_PUT(self) -> None:
        self._try(self._put)

    def _try(self, answer: Any) -> None:  # a method of this class
        try:
            status, body = answer(urlsplit(self.path))
        except Refused as refusal:
            status, body = refusal.status, refusal.body
        raw = json.dumps(body).encode()
        self.send_response(status)
        problem = status >= 400  # noqa: PLR2004
        kind = "application/problem+json" if problem else "application/json"
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def _get(self, url: Any) -> tuple[int, Any]:
        self._check_token()
        simulator = self.server.simulator
        if url.path == "/v2/pix":
            return 200, self._page(parse_qs(url.query))
        if found := re.fullmatch(r"/v2/pix/([A-Za-z0-9]{32})", url.path):
            if found[1] not in simulator.payments:
                raise Refused(404, "PixNaoEncontrado", "There is no such Pix.")
            return 200, simulator.payments[found[1]]
        if found := re.fullmatch(r"/v2/webhook/(.+)", url.path):
            key = unquote(found[1])
            if key not in simulator.webhooks:
                raise Refused(404, "WebhookNaoEncontrado", "This key has no webhook.")
            return 200, {"webhookUrl": simulator.webhooks[key], "chave": key}
        raise Refused(404, "NaoEncontrado", "There is nothing here.")

    def _page(self, asked: dict[str, list[str]]) -> dict[str, Any]:
        try:
            start, end = asked["inicio"][0], asked["fim"][0]
            page = int(asked.get("paginacao.paginaAtual", ["0"])[0])
        except (KeyError, ValueError) as error:
            raise Refused(400, "PixConsultaInvalida", "inicio and fim are needed.") from error
        payments = list(self.server.simulator.payments.values())
        chosen = [one for one in payments if start <= one["horario"] <= end]
        paging = {
            "paginaAtual": page,
            "itensPorPagina": PAGE,
            "quantidadeDePaginas": max(1, -(-len(chosen) // PAGE)),
            "quantidadeTotalDeItens": len(chosen),
        }
        return {
            "parametros": {"inicio": start, "fim": end, "paginacao": paging},
            "pix": chosen[page * PAGE : (page + 1) * PAGE],
        }

    def _posted(self, url: Any) -> tuple[int, Any]:
        simulator, body = self.server.simulator, self._body()
        if url.path == "/oauth/token":
            if not self.headers.get("Authorization", "").startswith("Basic "):
                raise Refused(401, "AcessoNegado", "Client id and secret are needed.")
            token = secrets.token_urlsafe(24)
            simulator.tokens.add(token)
            return 200, {"access_token": token, "token_type": "Bearer", "expires_in": 3600}
        asked = self._json(body)
        if url.path == "/_simulator/pay":
            return 200, simulator.pay(
                str(asked.get("pixCopiaECola", "")),
                amount=str(asked.get("valor", "")),
                calls_back=bool(asked.get("callback", True)),
            )
        if url.path == "/_simulator/callback" and asked.get("endToEndId") in simulator.payments:
            simulator.call_back(str(asked["endToEndId"]))
            return 200, {}
        raise Refused(404, "NaoEncontrado", "There is nothing here.")

    def _put(self, url: Any) -> tuple[int, Any]:
        body = self._body()
        self._check_token()
        if found := re.fullmatch(r"/v2/webhook/(.+)", url.path):
            address = self._json(body).get("webhookUrl")
            if not isinstance(address, str):
                raise Refused(400, "WebhookOperacaoInvalida", "webhookUrl is needed.")
            self.server.simulator.webhooks[unquote(found[1])] = address
            self.server.simulator.remember()
            return 200, {}
        raise Refused(404, "NaoEncontrado", "There is nothing here.")

    def _check_token(self) -> None:
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if token not in self.server.simulator.tokens:
            raise Refused(401, "AcessoNegado", "The token is missing or old.")

    def _body(self) -> bytes:
        size = int(self.headers.get("Content-Length") or 0)
        if size > LARGEST_BODY:
            raise Refused(413, "RequisicaoInvalida", "The body is too large.")
        return self.rfile.read(size)

    def _json(self, body: bytes) -> dict[str, Any]:
        try:
            found = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise Refused(400, "RequisicaoInvalida", "This is not JSON.") from error
        if not isinstance(found, dict):
            raise Refused(400, "RequisicaoInvalida", "An object is needed.")
        return found

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        """Say nothing: keys of people would end in the log."""
