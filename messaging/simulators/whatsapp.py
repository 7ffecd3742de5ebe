"""A WhatsApp Business Cloud API of our own, to try everything without an account at Meta.

It speaks the real wire format: POST /{version}/{phone number id}/messages with a bearer token,
error bodies with codes, and webhooks signed over their raw bytes. It shares nothing with the
adapter; both are held to tests/fixtures. Its bearer tokens carry what the real one keeps in an
app's settings: `SIM.` and base64url of {"callback": path or URL, "secret": app secret}.

The last four digits of the recipient, or POST /_simulator/faults {"fault": "0500", "times": 2},
choose a fault (see FAULTS). GET /_simulator/journal lists what was accepted; POST
/_simulator/inbound {"from": …, "text": …, "token": …} writes as a person would and opens the
24 hours in which free texts are delivered.

Unverified, since no source names them: HTTP statuses of single codes, the form of fbtrace_id and
of ids, message_status, the texts of errors.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import secrets
import socket
import threading
import time
from collections import deque
from dataclasses import asdict, dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from messaging.simulators.callbacks import Callback, Courier

FAULTS = {
    "0002": "each webhook comes twice",
    "0003": "webhooks come in the wrong order",
    "0004": "webhooks are signed with a wrong secret",
    "0009": "the account was registered without Brazil's ninth digit",
    "0010": "the person hides the number: only a user id comes back",
    "0190": "the token has expired (190)",
    "0408": "accepted, then silence",
    "0409": "accepted, then the connection is cut",
    "0429": "too fast (130429)",
    "0500": "an error before anything happened",
    "0599": "an error after the message was accepted",
    "1026": "not deliverable, told by webhook (131026)",
    "1047": "the 24 hours are over, told by webhook (131047)",
    "1049": "this person had enough marketing today, told by webhook (131049)",
    "1050": "this person stopped marketing, told by webhook (131050)",
    "1056": "too fast for this one person (131056)",
}
LATER = {"1026": 131026, "1047": 131047, "1049": 131049, "1050": 131050}
AT_ONCE = {
    "0190": (401, 190, "Error validating access token: Session has expired", "OAuthException"),
    "0429": (429, 130429, "(#130429) Rate limit hit", "OAuthException"),
    "0500": (500, 131000, "(#131000) Something went wrong", "OAuthException"),
    "1056": (400, 131056, "(#131056) Pair rate limit hit", "OAuthException"),
}
TITLES = {
    131026: "Message undeliverable",
    131047: "Re-engagement message",
    131049: "Message not sent to maintain healthy ecosystem engagement",
    131050: "User has stopped receiving marketing messages",
}
SEND = re.compile(r"^(?:/v\d+\.\d+)?/(\d{1,20})/messages$")
DAY_SECONDS = 24 * 3600
LARGEST_BODY = 1_000_000


@dataclass(frozen=True)
class Accepted:
    """A message that was taken: the real thing would charge for it."""

    id: str
    key: str
    to: str
    type: str
    body: dict[str, Any]


@dataclass(frozen=True)
class Grant:
    """What a bearer token of the simulator stands for."""

    callback: str
    secret: str


class Refused(Exception):
    """An answer that is not 200."""

    def __init__(self, status: int, code: int, text: str, kind: str = "OAuthException") -> None:
        super().__init__(text)
        self.status = status
        trace = secrets.token_urlsafe(8)
        details = {"messaging_product": "whatsapp", "details": text}
        self.body = {
            "error": {
                "message": text,
                "type": kind,
                "code": code,
                "error_data": details,
                "fbtrace_id": trace,
            }
        }


class Cut(Exception):
    """The connection ends without an answer."""


class WhatsAppSimulator:
    """Start it, send to `url`, stop it."""

    def __init__(
        self,
        port: int = 0,
        *,
        callback_base: str = "http://127.0.0.1:8000",
        pace_seconds: float = 0.5,
        silence_seconds: float = 15.0,
    ) -> None:
        self.callback_base = callback_base.rstrip("/")
        self.pace_seconds = pace_seconds
        self.silence_seconds = silence_seconds
        self.journal: deque[Accepted] = deque(maxlen=200_000)
        self.courier = Courier()
        self._faults: deque[str] = deque()
        self._wrote_at: dict[str, float] = {}
        self._server = _Server(("127.0.0.1", port), _Talk)
        self._server.simulator = self

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def start(self) -> WhatsAppSimulator:
        self.courier.start()
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def stop(self) -> None:
        self.courier.stop()
        self._server.shutdown()
        self._server.server_close()

    def add_fault(self, fault: str, times: int = 1) -> None:
        """The next messages meet this fault, whoever they are for."""
        if fault not in FAULTS:
            raise Refused(400, 100, f"There is no fault {fault!r}")
        self._faults.extend([fault] * times)

    def accept(self, number_id: str, token: str, message: dict[str, Any]) -> dict[str, Any]:
        """Take a message and promise its webhooks, or raise Refused or Cut."""
        grant = read_token(token)
        to = _checked(message)
        fault = self._faults.popleft() if self._faults else to[-4:]
        if fault in AT_ONCE:
            raise Refused(*AT_ONCE[fault])
        known_as = _known_as(to, fault)
        accepted = Accepted(
            id=f"wamid.{base64.b64encode(secrets.token_bytes(24)).decode()}",
            key=str(message.get("biz_opaque_callback_data", "")),
            to=to,
            type=message["type"],
            body=message,
        )
        self.journal.append(accepted)
        self._promise(number_id, grant, accepted, known_as, fault)
        if fault == "0408":
            time.sleep(self.silence_seconds)
            raise Cut
        if fault == "0409":
            raise Cut
        if fault == "0599":
            raise Refused(500, 131000, "(#131000) Something went wrong")
        return {
            "messaging_product": "whatsapp",
            "contacts": [{"input": message["to"], **known_as}],
            "messages": [{"id": accepted.id, "message_status": "accepted"}],
        }

    def hear(self, token: str, person: str, text: str) -> None:
        """A person writes to the business: its webhook, and 24 hours for free texts."""
        self._wrote_at[person] = time.time()
        message = {
            "from": person,
            "id": f"wamid.{secrets.token_urlsafe(24)}",
            "timestamp": str(int(time.time())),
            "type": "text",
            "text": {"body": text},
        }
        contact = {"profile": {"name": "Simulated"}, "wa_id": person}
        self._post(read_token(token), "1", {"contacts": [contact], "messages": [message]}, 0)

    def _promise(
        self, number_id: str, grant: Grant, taken: Accepted, known_as: dict[str, str], fault: str
    ) -> None:
        code = LATER.get(fault, 0)
        if not code and taken.type == "text" and not self._may_write_freely(taken.to):
            code = 131047
        steps = ["failed"] if code else ["sent", "delivered", "read"]
        if fault == "0003":
            steps.reverse()
        if fault == "0004":
            grant = Grant(grant.callback, "a wrong secret")
        for place, step in enumerate(steps, 1):
            value = {"statuses": [_status(taken, step, known_as, code)]}
            if not code:
                value["contacts"] = [{"profile": {"name": "Simulated"}, **known_as}]
            for _ in range(2 if fault == "0002" else 1):
                self._post(grant, number_id, value, place * self.pace_seconds)

    def _may_write_freely(self, person: str) -> bool:
        return time.time() - self._wrote_at.get(person, 0) < DAY_SECONDS

    def _post(self, grant: Grant, number_id: str, value: dict[str, Any], seconds: float) -> None:
        url = grant.callback if "://" in grant.callback else self.callback_base + grant.callback
        metadata = {"display_phone_number": "15550783881", "phone_number_id": number_id}
        change = {"messaging_product": "whatsapp", "metadata": metadata, **value}
        payload = {
            "object": "whatsapp_business_account",
            "entry": [
                {"id": "102290129340398", "changes": [{"value": change, "field": "messages"}]}
            ],
        }
        self.courier.post_later(Callback(url, grant.secret, payload), seconds)


def read_token(token: str) -> Grant:
    """What the token stands for, or the error of an expired one."""
    try:
        kind, _, packed = token.partition(".")
        found = json.loads(base64.urlsafe_b64decode(packed + "=" * (-len(packed) % 4)))
        if kind == "SIM":
            return Grant(str(found["callback"]), str(found["secret"]))
    except (ValueError, KeyError, TypeError, binascii.Error):
        pass
    raise Refused(401, 190, "Invalid OAuth access token - Cannot parse access token")


def _checked(message: Any) -> str:
    """The recipient of a well-formed message."""
    if not isinstance(message, dict) or message.get("messaging_product") != "whatsapp":
        raise Refused(400, 100, "(#100) The parameter messaging_product is required.")
    to = re.sub(r"\D", "", str(message.get("to", "")))
    if not to:
        raise Refused(400, 131009, "(#131009) Parameter value is not valid")
    if message.get("type") == "text":
        text = message.get("text")
        body = text.get("body") if isinstance(text, dict) else None
        if not isinstance(body, str) or not 0 < len(body) <= 4096:  # noqa: PLR2004
            raise Refused(400, 100, "(#100) Param text['body'] must be 1 to 4096 characters")
    elif message.get("type") == "template":
        _check_template(message.get("template"))
    else:
        raise Refused(400, 131051, "(#131051) Unsupported message type")
    if len(str(message.get("biz_opaque_callback_data", ""))) > 512:  # noqa: PLR2004
        raise Refused(400, 100, "(#100) biz_opaque_callback_data is too long")
    return to


def _check_template(template: Any) -> None:
    found = template if isinstance(template, dict) else {}
    language = found.get("language")
    if not found.get("name") or not isinstance(language, dict) or not language.get("code"):
        raise Refused(400, 131008, "(#131008) Required parameter is missing")
    if str(found["name"]).startswith("missing"):
        raise Refused(404, 132001, "(#132001) Template name does not exist in the translation")
    for component in found.get("components", []):
        for parameter in component.get("parameters", []):
            text = parameter.get("text", "")
            if parameter.get("type") == "text" and (not text or re.search(r"[\n\t]| {5}", text)):
                raise Refused(400, 132012, "(#132012) Parameter format does not match")


def _known_as(to: str, fault: str) -> dict[str, str]:
    if fault == "0009" and to.startswith("55") and len(to) == 13:  # noqa: PLR2004
        return {"wa_id": to[:4] + to[5:]}
    if fault == "0010":
        return {"wa_id": "", "user_id": f"user.{to}"}
    return {"wa_id": to}


def _status(taken: Accepted, step: str, known_as: dict[str, str], code: int) -> dict[str, Any]:
    status: dict[str, Any] = {
        "id": taken.id,
        "status": step,
        "timestamp": str(int(time.time())),
        "recipient_id": known_as["wa_id"],
    }
    if "user_id" in known_as:
        status["recipient_user_id"] = known_as["user_id"]
    if taken.key:
        status["biz_opaque_callback_data"] = taken.key
    if code:
        error_data = {"details": TITLES[code]}
        error = {
            "code": code,
            "title": TITLES[code],
            "message": TITLES[code],
            "error_data": error_data,
        }
        status["errors"] = [error]
    else:
        kind = "utility" if taken.type == "template" else "service"
        status["pricing"] = {
            "billable": True,
            "pricing_model": "PMP",
            "type": "regular",
            "category": kind,
        }
    return status


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    simulator: WhatsAppSimulator


class _Talk(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def setup(self) -> None:
        super().setup()
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def do_POST(self) -> None:
        simulator = self.server.simulator
        try:
            body = self._json()
            if found := SEND.match(self.path):
                token = self.headers.get("Authorization", "").removeprefix("Bearer ")
                self._answer(200, simulator.accept(found[1], token, body))
            elif self.path == "/_simulator/faults":
                simulator.add_fault(str(body.get("fault")), int(body.get("times", 1)))
                self._answer(200, {"success": True})
            elif self.path == "/_simulator/inbound":
                simulator.hear(str(body["token"]), str(body["from"]), str(body["text"]))
                self._answer(200, {"success": True})
            else:
                self._answer(404, Refused(404, 2500, "Unknown path components").body)
        except Refused as refusal:
            self._answer(refusal.status, refusal.body)
        except Cut:
            self.close_connection = True

    def do_GET(self) -> None:
        if self.path == "/_simulator/journal":
            self._answer(200, [asdict(each) for each in self.server.simulator.journal])
        else:
            self._answer(200, {"simulator": "whatsapp", "faults": FAULTS})

    def _json(self) -> Any:
        length = int(self.headers.get("Content-Length") or 0)
        if length > LARGEST_BODY:
            raise Refused(413, 100, "(#100) The body is too large")
        try:
            return json.loads(self.rfile.read(length))
        except (ValueError, RecursionError) as error:
            raise Refused(400, 100, "(#100) Invalid JSON") from error

    def _answer(self, status: int, body: object) -> None:
        raw = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json; charset=UTF-8")
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        """Say nothing: numbers of people would end in the log."""
