"""Places for channel tests: a mail server and a listener for webhooks, both real."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session


@dataclass
class Mailroom:
    """An SMTP server that keeps what it gets, and answers as told."""

    letters: list[Envelope] = field(default_factory=list)
    rcpt_answer: str = "250 OK"
    data_answer: str = "250 OK"
    drops_after_data: bool = False

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.rcpt_answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return self.rcpt_answer

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        if self.data_answer.startswith("250"):
            self.letters.append(envelope)
        if self.drops_after_data:
            server.transport.close()
        return self.data_answer


def _authenticate(
    server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any
) -> AuthResult:
    return AuthResult(success=data.password == b"right", handled=False)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


@contextmanager
def mail_server(mailroom: Mailroom) -> Iterator[int]:
    """The port of a running SMTP server."""
    controller = Controller(
        mailroom,
        hostname="127.0.0.1",
        port=_free_port(),
        authenticator=_authenticate,
        auth_require_tls=False,
        ready_timeout=10,
    )
    controller.start()
    try:
        yield controller.server.sockets[0].getsockname()[1]
    finally:
        controller.stop()


@dataclass
class Listener:
    """What arrived at the webhook address, in order."""

    url: str = ""
    heard: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)


@contextmanager
def webhook_listener() -> Iterator[Listener]:
    listener = Listener()

    class Talk(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers["Content-Length"]))
            listener.heard.append(({k.lower(): v for k, v in self.headers.items()}, raw))
            self.send_response(listener.answers.pop(0) if listener.answers else 200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Talk)
    listener.url = f"http://127.0.0.1:{server.server_address[1]}/hook"
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield listener
    finally:
        server.shutdown()
        server.server_close()
