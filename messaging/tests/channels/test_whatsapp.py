from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.core.cache import cache
from pytest_django import Settings

from clients.kernel.http import Answer
from messaging.channels.base import Account, Envelope, Notice, Progress, ProviderTemplate
from messaging.channels.whatsapp import WhatsApp, advice_for, message_body
from messaging.errors import Advice, Forged, OutcomeUnknown, SendDeferred, SendRefused
from messaging.services.simulation import simulated_token
from messaging.simulators.whatsapp import WhatsAppSimulator
from messaging.tests.channels.places import Listener, webhook_listener

FIXTURES = Path(__file__).parent.parent / "fixtures" / "whatsapp"
KEY = "0198c0de-0000-7000-8000-000000000001"
WAMID = "wamid.HBgLNTUxMTk5OTk5ODg4OBUCABEYEjk3N0M2MEY0RTdBOEIzMzY3NwA="
SIGNATURE = "sha256=ac7b1407735170a6e9fdcf72c8a08ec0b6bb85013173cdfd452b8938d31da7da"
SECRET = "app-secret"
TEXT = Envelope(key=KEY, to="+5511999998888", body="Olá, Maria.")
TEMPLATE = dataclasses.replace(TEXT, template=ProviderTemplate("fatura_aviso", "pt_BR", ("Maria",)))


def fixture(name: str) -> object:
    return json.loads((FIXTURES / f"{name}.json").read_bytes())


@pytest.fixture(autouse=True)
def _loopback_allowed(settings: Settings) -> Iterator[None]:
    settings.HTTP_ALLOWED_PRIVATE = ["127.0.0.1"]
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def listener() -> Iterator[Listener]:
    with webhook_listener() as listening:
        yield listening


@pytest.fixture
def simulator() -> Iterator[WhatsAppSimulator]:
    running = WhatsAppSimulator(pace_seconds=0.01, silence_seconds=0.1).start()
    yield running
    running.stop()


def account(api_url: str, callback: str = "http://127.0.0.1:1/") -> Account:
    return Account(
        "1:1",
        "",
        {
            "api_url": api_url,
            "phone_number_id": "106540352242922",
            "access_token": simulated_token(callback, SECRET),
            "app_secret": SECRET,
            "verify_token": "ours",
        },
    )


def notices_in(listener: Listener, account: Account) -> list[Notice]:
    """What arrived, each with a signature that holds."""
    found = []
    for headers, raw in listener.heard:
        WhatsApp().verify(account, raw, headers)
        found += WhatsApp().notices(json.loads(raw))
    return found


@pytest.mark.parametrize(("envelope", "name"), [(TEXT, "send_text"), (TEMPLATE, "send_template")])
def test_what_is_posted_is_what_the_documents_say(envelope: Envelope, name: str) -> None:
    assert message_body(envelope) == fixture(name)


def test_a_parameter_is_one_line() -> None:
    lines = dataclasses.replace(
        TEXT, template=ProviderTemplate("x", "pt_BR", ("a\n b\t\tc      d",))
    )

    template = message_body(lines)["template"]

    assert isinstance(template, dict)
    assert template["components"][0]["parameters"] == [{"type": "text", "text": "a b c d"}]


def test_statuses_are_read_as_the_documents_say() -> None:
    at = datetime(2025, 6, 15, 23, 27, 53, tzinfo=UTC)
    common = {"at": at, "key": KEY, "provider_id": WAMID}

    assert [
        WhatsApp().notices(fixture(f"status_{name}")) for name in ("delivered", "failed", "user_id")
    ] == [
        [Notice(f"{WAMID}:delivered", Progress.DELIVERED, address="5511999998888", **common)],
        [
            Notice(
                f"{WAMID}:failed",
                Progress.FAILED,
                address="5511999998888",
                error_code="131047",
                advice=Advice.FALL_BACK,
                **common,
            )
        ],
        [Notice(f"{WAMID}:read", Progress.READ, address="user.93731", **common)],
    ]


@pytest.mark.parametrize(
    "payload",
    [None, [], {}, {"entry": 1}, {"entry": [{"changes": [{"field": "messages", "value": []}]}]}]
    + [
        {"entry": [{"changes": [{"field": "messages", "value": {"statuses": [status]}}]}]}
        for status in (
            {},
            {"id": "x", "status": "warped", "timestamp": "1"},
            {"id": "x", "status": "sent", "timestamp": "9" * 40},
            {"id": "x", "status": "sent", "timestamp": None},
            7,
        )
    ],
)
def test_unknown_payloads_say_nothing(payload: object) -> None:
    assert WhatsApp().notices(payload) == []


def test_the_signature_is_over_the_raw_bytes() -> None:
    raw = (FIXTURES / "status_delivered.json").read_bytes()
    ours = account("http://127.0.0.1:1")

    WhatsApp().verify(ours, raw, {"x-hub-signature-256": SIGNATURE})
    for changed, header in [
        (json.dumps(json.loads(raw)).encode(), SIGNATURE),
        (raw, SIGNATURE.upper()),
        (raw, ""),
        (raw, "sha256="),
        (raw, "sha1=" + SIGNATURE[7:]),
        (raw, "é" * 100),
        (raw, SIGNATURE + "0" * 1_000_000),
    ]:
        with pytest.raises(Forged):
            WhatsApp().verify(ours, changed, {"x-hub-signature-256": header})


def test_the_challenge_is_answered_only_to_who_knows_our_token() -> None:
    query = {"hub.mode": "subscribe", "hub.challenge": "42", "hub.verify_token": "ours"}
    ours = account("http://127.0.0.1:1")

    assert WhatsApp().answer_challenge(ours, query) == "42"
    for wrong in ({"hub.verify_token": "theirs"}, {"hub.mode": "unsubscribe"}):
        with pytest.raises(Forged):
            WhatsApp().answer_challenge(ours, query | wrong)


@pytest.mark.parametrize(
    ("code", "status", "advice"),
    [
        (4, 400, Advice.PACE),
        (130429, 429, Advice.PACE),
        (131056, 400, Advice.PACE_PERSON),
        (131000, 500, Advice.RETRY),
        (134101, 400, Advice.RETRY_LATER),
        (131049, 200, Advice.TOMORROW),
        (131047, 200, Advice.FALL_BACK),
        (131026, 200, Advice.FALL_BACK),
        (131050, 200, Advice.SUPPRESS),
        (190, 401, Advice.PAUSE_ACCOUNT),
        (200, 403, Advice.PAUSE_ACCOUNT),
        (131042, 400, Advice.PAUSE_ACCOUNT),
        (133010, 400, Advice.PAUSE_ACCOUNT),
        (132001, 404, Advice.PAUSE_TEMPLATE),
        (132012, 400, Advice.FIX),
        (999999, 400, Advice.FIX),
        (999999, 502, Advice.RETRY),
        (-503, 503, Advice.RETRY),
    ],
)
def test_each_code_has_its_advice(code: int, status: int, advice: Advice) -> None:
    assert advice_for(code, status) is advice


def test_a_message_is_taken_and_its_way_is_told(
    simulator: WhatsAppSimulator, listener: Listener
) -> None:
    ours = account(f"{simulator.url}/v23.0", listener.url)

    result = WhatsApp().send(ours, TEMPLATE)
    assert simulator.courier.wait_until_idle()

    (taken,) = simulator.journal
    notices = notices_in(listener, ours)
    assert (result.provider_id, result.address) == (taken.id, "5511999998888")
    assert [(n.progress, n.key, n.provider_id) for n in notices] == [
        ("sent", KEY, taken.id),
        ("delivered", KEY, taken.id),
        ("read", KEY, taken.id),
    ]


def test_a_free_text_needs_a_word_from_the_person(
    simulator: WhatsAppSimulator, listener: Listener
) -> None:
    ours = account(simulator.url, listener.url)

    WhatsApp().send(ours, TEXT)
    simulator.courier.wait_until_idle()
    simulator.hear(ours.credentials["access_token"], "5511999998888", "oi")
    WhatsApp().send(ours, TEXT)
    simulator.courier.wait_until_idle()

    told = [(n.progress, n.error_code) for n in notices_in(listener, ours)]
    assert told == [("failed", "131047"), ("sent", ""), ("delivered", ""), ("read", "")]


@pytest.mark.parametrize(
    ("digits", "advice", "code"),
    [
        ("0429", Advice.PACE, "130429"),
        ("1056", Advice.PACE_PERSON, "131056"),
        ("0500", Advice.RETRY, "131000"),
        ("0599", Advice.RETRY, "131000"),
    ],
)
def test_passing_faults_are_worth_waiting(
    simulator: WhatsAppSimulator, digits: str, advice: Advice, code: str
) -> None:
    with pytest.raises(SendDeferred) as deferral:
        WhatsApp().send(
            account(simulator.url), dataclasses.replace(TEMPLATE, to=f"+551199999{digits}")
        )

    assert (deferral.value.advice, deferral.value.provider_code) == (advice, code)


@pytest.mark.parametrize("digits", ["0408", "0409"])
def test_a_message_taken_without_an_answer_is_unknown_until_its_webhook(
    simulator: WhatsAppSimulator, listener: Listener, digits: str
) -> None:
    ours = account(simulator.url, listener.url)

    with pytest.raises(OutcomeUnknown):
        WhatsApp().send(ours, dataclasses.replace(TEMPLATE, to=f"+551199999{digits}"))
    simulator.courier.wait_until_idle()

    assert {notice.key for notice in notices_in(listener, ours)} == {KEY}


def test_an_expired_token_pauses_the_account(simulator: WhatsAppSimulator) -> None:
    ours = account(simulator.url)
    expired = dataclasses.replace(ours, credentials=ours.credentials | {"access_token": "EAAG"})

    with pytest.raises(SendRefused) as refusal:
        WhatsApp().send(expired, TEMPLATE)

    assert refusal.value.advice is Advice.PAUSE_ACCOUNT


@pytest.mark.parametrize(
    ("digits", "address"), [("0009", "551199990009"), ("0010", "user.5511999990010")]
)
def test_a_person_may_be_known_by_another_name(
    simulator: WhatsAppSimulator, digits: str, address: str
) -> None:
    sent = WhatsApp().send(
        account(simulator.url), dataclasses.replace(TEMPLATE, to=f"+551199999{digits}")
    )

    assert sent.address == address


@pytest.mark.parametrize("body", [b"{}", b"<html>", b'{"messages": []}', b'{"messages": [7]}'])
def test_an_answer_without_an_id_is_unknown(monkeypatch: pytest.MonkeyPatch, body: bytes) -> None:
    monkeypatch.setattr("messaging.channels.whatsapp.call", lambda *_, **__: Answer(200, {}, body))

    with pytest.raises(OutcomeUnknown):
        WhatsApp().send(account("https://graph.facebook.com/v23.0"), TEXT)


def test_a_wait_that_the_provider_names_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    slow_down = Answer(429, {"retry-after": "30"}, b"busy")
    monkeypatch.setattr("messaging.channels.whatsapp.call", lambda *_, **__: slow_down)

    with pytest.raises(SendDeferred) as deferral:
        WhatsApp().send(account("https://graph.facebook.com/v23.0"), TEXT)

    assert (deferral.value.advice, deferral.value.wait) == (Advice.PACE, timedelta(seconds=30))
