"""The simulator is held to the same bytes as the adapter, and they never meet."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from messaging.services.simulation import simulated_token
from messaging.simulators.whatsapp import FAULTS, WhatsAppSimulator
from messaging.tests.channels.places import Listener, webhook_listener

FIXTURES = Path(__file__).parent.parent / "fixtures" / "whatsapp"


def fixture(name: str) -> Any:
    return json.loads((FIXTURES / f"{name}.json").read_bytes())


def shape(value: Any) -> Any:
    """Keys and types, without values."""
    if isinstance(value, dict):
        return {key: shape(each) for key, each in value.items()}
    if isinstance(value, list):
        return [shape(each) for each in value[:1]]
    return type(value).__name__


@pytest.fixture
def listener() -> Iterator[Listener]:
    with webhook_listener() as listening:
        yield listening


@pytest.fixture
def simulator() -> Iterator[WhatsAppSimulator]:
    running = WhatsAppSimulator(pace_seconds=0.01, silence_seconds=0.1).start()
    yield running
    running.stop()


def post(url: str, body: object, token: str = "") -> tuple[int, Any]:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    request = urllib.request.Request(  # noqa: S310 - loopback
        url, raw, {"Authorization": f"Bearer {token}"}
    )
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


def send(
    simulator: WhatsAppSimulator, listener: Listener, name: str = "send_template", **changes: Any
) -> tuple[int, Any]:
    token = simulated_token(listener.url, "app-secret")
    return post(f"{simulator.url}/v23.0/106540352242922/messages", fixture(name) | changes, token)


def statuses(listener: Listener) -> list[str]:
    return [
        json.loads(raw)["entry"][0]["changes"][0]["value"]["statuses"][0]["status"]
        for _, raw in listener.heard
    ]


@pytest.mark.parametrize(
    ("to", "name"),
    [
        ("5511999998888", "send_answer"),
        ("5511999990010", "send_answer_user_id"),
        ("5511999990009", "send_answer_without_ninth_digit"),
    ],
)
def test_answers_look_like_the_real_ones(
    simulator: WhatsAppSimulator, listener: Listener, to: str, name: str
) -> None:
    status, answer = send(simulator, listener, to=to)

    assert (status, shape(answer)) == (200, shape(fixture(name)))


def test_errors_look_like_the_real_ones(simulator: WhatsAppSimulator, listener: Listener) -> None:
    slow = send(simulator, listener, to="5511999990429")
    stranger = post(f"{simulator.url}/1/messages", fixture("send_text"), "EAAG")

    assert (slow[0], shape(slow[1])) == (429, shape(fixture("error_rate_limit")))
    assert (stranger[0], shape(stranger[1])) == (401, shape(fixture("error_token")))
    assert len(simulator.journal) == 0


@pytest.mark.parametrize(
    ("to", "place", "name"),
    [
        ("5511999998888", 1, "status_delivered"),
        ("5511999991047", 0, "status_failed"),
    ],
)
def test_webhooks_look_like_the_real_ones(
    simulator: WhatsAppSimulator, listener: Listener, to: str, place: int, name: str
) -> None:
    send(simulator, listener, to=to)
    simulator.courier.wait_until_idle()

    assert shape(json.loads(listener.heard[place][1])) == shape(fixture(name))


def test_webhooks_come_twice_or_in_the_wrong_order_when_asked(
    simulator: WhatsAppSimulator, listener: Listener
) -> None:
    send(simulator, listener, to="5511999990002")
    simulator.courier.wait_until_idle()
    twice = statuses(listener)
    listener.heard.clear()
    send(simulator, listener, to="5511999990003")
    simulator.courier.wait_until_idle()

    assert twice == ["sent", "sent", "delivered", "delivered", "read", "read"]
    assert statuses(listener) == ["read", "delivered", "sent"]


def test_a_webhook_that_is_refused_comes_again(
    simulator: WhatsAppSimulator, listener: Listener
) -> None:
    listener.answers.append(503)

    send(simulator, listener, to="5511999991026")
    simulator.courier.wait_until_idle()

    assert statuses(listener) == ["failed", "failed"]


def test_a_fault_can_be_ordered_for_the_next_messages(
    simulator: WhatsAppSimulator, listener: Listener
) -> None:
    post(f"{simulator.url}/_simulator/faults", {"fault": "0500", "times": 2})

    assert [send(simulator, listener)[0] for _ in range(3)] == [500, 500, 200]
    assert post(f"{simulator.url}/_simulator/faults", {"fault": "9999"})[0] == 400


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"messaging_product": "sms"}, 400, 100),
        ({"to": "x"}, 400, 131009),
        ({"type": "dance"}, 400, 131051),
        ({"template": {}}, 400, 131008),
        ({"template": {"name": "missing_one", "language": {"code": "pt_BR"}}}, 404, 132001),
        ({"biz_opaque_callback_data": "x" * 513}, 400, 100),
        ({"type": "text", "text": {"body": ""}}, 400, 100),
    ],
)
def test_malformed_messages_are_refused_and_not_taken(
    simulator: WhatsAppSimulator, listener: Listener, changes: Any, status: int, code: int
) -> None:
    answer = send(simulator, listener, **changes)

    assert (answer[0], answer[1]["error"]["code"]) == (status, code)
    assert len(simulator.journal) == 0


def test_rubbish_is_answered_not_crashed_on(simulator: WhatsAppSimulator) -> None:
    url = f"{simulator.url}/1/messages"

    assert [post(url, body)[0] for body in (b"{", b"[" * 100_000, b"null")] == [400, 400, 401]
    assert post(f"{simulator.url}/elsewhere", {})[0] == 404


def test_the_index_lists_every_fault(simulator: WhatsAppSimulator) -> None:
    with urllib.request.urlopen(simulator.url, timeout=5) as answer:  # noqa: S310
        assert json.loads(answer.read())["faults"] == FAULTS
