from __future__ import annotations

import email
import email.policy
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.cache import cache
from pytest_django import Settings

from messaging.channels.base import Account, Envelope
from messaging.channels.email import Email
from messaging.errors import Advice, OutcomeUnknown, SendDeferred, SendRefused
from messaging.tests.channels.places import Mailroom, mail_server

LETTER = Envelope(
    key="0198c0de-0000-7000-8000-000000000001",
    to="maria@example.com",
    subject="Sua fatura\r\nBcc: everyone@example.com",
    body="Olá, Maria.\nSua fatura chegou.",
    html="<p>Olá, Maria.</p>",
)


@pytest.fixture(autouse=True)
def _loopback_allowed(settings: Settings) -> Iterator[None]:
    settings.HTTP_ALLOWED_PRIVATE = ["127.0.0.1"]
    cache.clear()
    yield
    cache.clear()


def account(port: int, **credentials: str) -> Account:
    to_server = {"host": "127.0.0.1", "port": str(port), "security": "none", **credentials}
    return Account("1:1", "Acácia Energia <contas@acacia.example>", to_server)


def test_a_letter_arrives_with_both_parts_and_no_extra_recipient() -> None:
    mailroom = Mailroom()

    with mail_server(mailroom) as port:
        result = Email().send(account(port), LETTER)

    (received,) = mailroom.letters
    letter = email.message_from_bytes(received.content, policy=email.policy.default)
    assert received.rcpt_tos == ["maria@example.com"]
    assert letter["Subject"] == "Sua fatura Bcc: everyone@example.com"
    assert letter["From"] == "Acácia Energia <contas@acacia.example>"
    assert letter["Message-ID"] == result.provider_id == f"<{LETTER.key}@acacia.example>"
    assert letter.get_body(("plain",)).get_content().splitlines() == LETTER.body.splitlines()
    assert letter.get_body(("html",)).get_content().strip() == LETTER.html


def test_the_right_password_signs_in() -> None:
    mailroom = Mailroom()

    with mail_server(mailroom) as port:
        Email().send(account(port, username="contas", password="right"), LETTER)

    assert len(mailroom.letters) == 1


def test_a_wrong_password_pauses_the_account() -> None:
    with mail_server(Mailroom()) as port, pytest.raises(SendRefused) as refusal:
        Email().send(account(port, username="contas", password="wrong"), LETTER)

    assert refusal.value.advice is Advice.PAUSE_ACCOUNT


@pytest.mark.parametrize(
    ("answer", "advice"),
    [
        ("450 mailbox busy", Advice.RETRY),
        ("454 Throttling failure: Maximum sending rate exceeded", Advice.PACE),
    ],
)
def test_a_four_hundred_is_worth_waiting(answer: str, advice: Advice) -> None:
    mailroom = Mailroom(data_answer=answer)

    with mail_server(mailroom) as port, pytest.raises(SendDeferred) as deferral:
        Email().send(account(port), LETTER)

    assert deferral.value.advice is advice


def test_an_unknown_person_is_not_tried_again() -> None:
    mailroom = Mailroom(rcpt_answer="550 no such user")

    with mail_server(mailroom) as port, pytest.raises(SendRefused) as refusal:
        Email().send(account(port), LETTER)

    assert (refusal.value.advice, refusal.value.provider_code) == (Advice.FALL_BACK, "550")
    assert mailroom.letters == []


def test_a_server_that_vanishes_after_the_letter_leaves_the_outcome_unknown() -> None:
    mailroom = Mailroom(drops_after_data=True)

    with mail_server(mailroom) as port, pytest.raises(OutcomeUnknown):
        Email().send(account(port), LETTER)


def test_no_server_at_all_is_worth_waiting() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

    with pytest.raises(SendDeferred):
        Email().send(account(port), LETTER)


def test_an_inner_address_is_refused(settings: Settings) -> None:
    settings.HTTP_ALLOWED_PRIVATE = []

    with mail_server(Mailroom()) as port, pytest.raises(SendRefused) as refusal:
        Email().send(account(port), LETTER)

    assert refusal.value.provider_code == "address_refused"


@pytest.mark.parametrize("address", ["", "maria", "maria@example.com\r\nBcc: x@example.com"])
def test_an_address_that_is_none_is_refused(tmp_path: Path, address: str) -> None:
    folder = Account("1:1", "contas@acacia.example", {"folder": str(tmp_path)})

    with pytest.raises(SendRefused):
        Email().send(folder, Envelope(key="k", to=address, body="x"))

    assert list(tmp_path.iterdir()) == []


def test_without_a_server_the_letter_lies_in_the_folder_once(tmp_path: Path) -> None:
    folder = Account("1:1", "contas@acacia.example", {"folder": str(tmp_path / "mailbox")})

    for _ in range(2):
        Email().send(folder, LETTER)

    (kept,) = (tmp_path / "mailbox").iterdir()
    assert kept.name == f"{LETTER.key}.eml"
    assert b"Subject: Sua fatura Bcc" in kept.read_bytes()
