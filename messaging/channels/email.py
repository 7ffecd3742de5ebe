"""E-mail: any SMTP server, or a folder of .eml files when the account names no server."""

from __future__ import annotations

import os
import re
import smtplib
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import localtime, parseaddr
from pathlib import Path
from typing import ClassVar

from clients.kernel import egress
from clients.kernel.breaker import guarded
from clients.kernel.egress import AddressRefused
from clients.kernel.http import Unanswered
from messaging.channels.base import (
    Account,
    AddressKind,
    Envelope,
    Notice,
    SendResult,
    translated,
)
from messaging.errors import Advice, Forged, SendDeferred, SendRefused

DEADLINE_SECONDS = 30.0
TRANSIENT = 4  # the first digit of an SMTP code
_PORTS = {25, 465, 587, 2525}
_THROTTLED = re.compile(rb"throttl|too many|rate", re.IGNORECASE)


class Email:
    """Mail leaves through the tenant's own server; nobody reports its delivery."""

    address_kind: ClassVar[AddressKind] = AddressKind.EMAIL
    reports_delivery: ClassVar[bool] = False
    has_html: ClassVar[bool] = True
    longest_body: ClassVar[int] = 16_000
    required: ClassVar[tuple[str, ...]] = ()

    def send(self, account: Account, envelope: Envelope) -> SendResult:
        reply_to = account.credentials.get("reply_to", "")
        letter = compose(account.sender, envelope, reply_to)
        if not account.credentials.get("host"):
            return _keep(letter, Path(account.credentials["folder"]), envelope.key)
        refusal: SendDeferred | SendRefused | None = None
        with translated(), guarded(account.key):
            try:
                _hand_over(letter, account, envelope)
            except (SendDeferred, SendRefused) as error:
                refusal = error  # the server works, so its breaker must not count this
        if refusal is not None:
            raise refusal
        return SendResult(str(letter["Message-ID"]))

    def verify(self, account: Account, raw: bytes, headers: Mapping[str, str]) -> None:
        raise Forged("nobody calls back about mail")

    def answer_challenge(self, account: Account, query: Mapping[str, str]) -> str:
        raise Forged("nobody calls back about mail")

    def notices(self, payload: object) -> list[Notice]:
        return []


def compose(sender: str, envelope: Envelope, reply_to: str = "") -> EmailMessage:
    """The letter, with a Message-ID that stays the same however often it is tried."""
    name, sent_from = parseaddr(sender)
    letter = EmailMessage(policy=SMTP)
    try:
        letter["From"] = Address(name, addr_spec=sent_from)
        letter["To"] = Address(addr_spec=envelope.to)
        if answered_by := parseaddr(reply_to)[1]:
            letter["Reply-To"] = Address(addr_spec=answered_by)
    except (ValueError, IndexError) as error:
        raise SendRefused(Advice.FALL_BACK, "bad_address") from error
    letter["Subject"] = " ".join(envelope.subject.split())
    letter["Date"] = localtime()
    letter["Message-ID"] = f"<{envelope.key}@{sent_from.rpartition('@')[2]}>"
    letter["Auto-Submitted"] = "auto-generated"
    letter.set_content(envelope.body)
    if envelope.html:
        letter.add_alternative(envelope.html, subtype="html")
    return letter


def _keep(letter: EmailMessage, folder: Path, key: str) -> SendResult:
    """Put the letter into the local mailbox. The same key again replaces the same letter."""
    folder.mkdir(parents=True, exist_ok=True)
    unfinished = folder / f".{key}.{os.getpid()}"
    unfinished.write_bytes(letter.as_bytes())
    unfinished.replace(folder / f"{key}.eml")
    return SendResult(str(letter["Message-ID"]))


def _hand_over(letter: EmailMessage, account: Account, envelope: Envelope) -> None:
    egress.start_clock(DEADLINE_SECONDS)
    sent_from = parseaddr(account.sender)[1]
    with _session(account) as server:
        with _before_the_letter():
            _expect(server.mail(sent_from, [f"size={len(letter.as_bytes())}"]), 250)
            _expect(server.rcpt(envelope.to), 250, 251)
        try:
            # From here on silence means that nobody knows.
            _expect(server.data(letter.as_bytes()), 250)
        except smtplib.SMTPDataError as error:
            raise _refusal(error.smtp_code, error.smtp_error) from error
        except (OSError, smtplib.SMTPException) as error:
            raise Unanswered("The mail server did not confirm the letter.") from error


@contextmanager
def _session(account: Account) -> Iterator[smtplib.SMTP]:
    """A greeted, secured and signed-in connection that cannot outlast the deadline."""
    settings = account.credentials
    host, port = settings["host"], int(settings.get("port") or 587)
    if port not in _PORTS and not egress.is_listed(host, port):
        raise AddressRefused("Mail servers do not listen on this port.")
    security = settings.get("security") or "starttls"
    us = parseaddr(account.sender)[1].rpartition("@")[2]
    server = _Secured(local_hostname=us) if security == "tls" else _Plain(local_hostname=us)
    # A server that drips bytes would outlast every time-out of a single read.
    guard = threading.Timer(egress.time_left(), _cut, [server])
    guard.daemon = True
    guard.start()
    try:
        with _before_the_letter():
            _expect(server.connect(host, port), 220)
            server.ehlo_or_helo_if_needed()
            if security == "starttls":
                server.starttls(context=ssl.create_default_context())
            if settings.get("username"):
                server.login(settings["username"], settings.get("password", ""))
        yield server
    finally:
        guard.cancel()
        server.close()


@contextmanager
def _before_the_letter() -> Iterator[None]:
    """Until the letter itself is sent, whatever goes wrong leaves nothing behind."""
    try:
        yield
    except smtplib.SMTPAuthenticationError as error:
        raise SendRefused(Advice.PAUSE_ACCOUNT, str(error.smtp_code)) from error
    except smtplib.SMTPResponseException as error:
        raise _refusal(error.smtp_code, error.smtp_error) from error
    except (smtplib.SMTPNotSupportedError, UnicodeError) as error:
        raise SendRefused(Advice.FALL_BACK, "not_supported") from error
    except (OSError, smtplib.SMTPException) as error:
        raise egress.Unreachable("The mail server hung up.") from error


def _expect(answer: tuple[int, bytes], *accepted: int) -> None:
    code, text = answer
    if code not in accepted:
        raise _refusal(code, text)


def _refusal(code: int, text: bytes | str) -> SendDeferred | SendRefused:
    said = text if isinstance(text, bytes) else text.encode()
    if code // 100 == TRANSIENT:
        # SES says "454 Throttling failure": being told to slow down is not a failure.
        advice = Advice.PACE if _THROTTLED.search(said) else Advice.RETRY
        return SendDeferred(advice, str(code))
    if code in {530, 534, 535, 538}:
        return SendRefused(Advice.PAUSE_ACCOUNT, str(code))
    return SendRefused(Advice.FALL_BACK, str(code))


def _cut(server: smtplib.SMTP) -> None:
    if server.sock is not None:
        with suppress(OSError):  # it may have ended by itself
            server.sock.shutdown(socket.SHUT_RDWR)


class _Plain(smtplib.SMTP):
    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        self._host = host  # what STARTTLS compares the certificate with
        return egress.dial(host, port)


class _Secured(smtplib.SMTP_SSL):
    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        return self.context.wrap_socket(egress.dial(host, port), server_hostname=host)
