"""The live feed over a real granian process and a real Valkey, which is killed in the middle."""

from __future__ import annotations

import http.client
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import pytest

from clients.kernel import live
from clients.kernel.tenancy import acting_for
from clients.models import Membership, Tenant
from clients.services.sign_in import end_sessions, issue_tokens
from clients.testing import make_member, sign_in
from config.services import Valkey, free_port

pytestmark = pytest.mark.commits
PATIENCE_S = 20.0


@dataclass
class Place:
    """A running feed: its port, and the Valkey behind it."""

    port: int
    valkey: Valkey
    streams: list[http.client.HTTPConnection] = field(default_factory=list)

    def open(self, token: str, *, last_id: str = "", tenant: str = "") -> http.client.HTTPResponse:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        headers = {"Authorization": f"Bearer {token}"}
        if last_id:
            headers["Last-Event-ID"] = last_id
        connection.request(
            "GET", f"/api/v1/live{f'?tenant={tenant}' if tenant else ''}", headers=headers
        )
        self.streams.append(connection)
        return connection.getresponse()


def next_event(stream: http.client.HTTPResponse) -> dict[str, str]:
    """The next event with a name; comments and `retry` are passed over."""
    event: dict[str, str] = {}
    while True:
        line = stream.readline().decode()
        assert line, "the stream ended"
        name, _, value = line.strip().partition(": ")
        if line == "\n":
            if "event" in event:
                return event
            event = {}
        else:
            event[name] = value


@pytest.fixture
def place(
    databases: Any, tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Place]:
    port = free_port()
    with Valkey(tmp_path / "valkey", durable=False) as valkey:
        settings.REDIS_URL = valkey.url(0)
        settings.NUDGES_ENABLED = True
        monkeypatch.setattr(live, "_feed", live.Feed())
        server = subprocess.Popen(
            [
                str(Path(sys.executable).parent / "granian"),
                *("--interface", "asgi", "--host", "127.0.0.1", "--port", str(port)),
                *(
                    "--workers-kill-timeout",
                    "2",
                    "--no-ws",
                    "clients.tests.live_server:application",
                ),
            ],
            env={
                **os.environ,
                **databases.environment(),
                "REDIS_URL": valkey.url(0),
                "LIVE_CHECK_S": "1",
            },
            stdout=(tmp_path / "log").open("wb"),
            stderr=subprocess.STDOUT,
        )
        found = Place(port, valkey)
        try:
            _wait_until_it_answers(port)
            yield found
        finally:
            for stream in found.streams:
                stream.close()
            server.terminate()
            server.wait(10)


def _wait_until_it_answers(port: int) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", "/api/v1/live")
            assert connection.getresponse().status == 401
        except OSError:
            time.sleep(0.1)
        else:
            return
    pytest.fail("the live process did not start")


def member_token(tenant: Tenant, role: str = "owner") -> tuple[Any, str]:
    with acting_for(tenant.pk):
        user = make_member(tenant=tenant, role=role)
    return user, issue_tokens(user).access


def test_a_page_gets_its_tenants_facts_and_resumes_where_it_was(
    place: Place, acacia: Tenant, baobab: Tenant
) -> None:
    _, token = member_token(acacia)
    first = place.open(token)
    hello = next_event(first)
    assert (first.status, first.headers["content-type"], hello["event"]) == (
        200,
        "text/event-stream; charset=utf-8",
        "hello",
    )

    live.publish(baobab.pk, "meters.readings_stored", {"meter": "theirs"})
    live.publish(acacia.pk, "meters.readings_stored", {"meter": "ours", "rows": 2})
    event = next_event(first)
    assert event["event"] == "meters.readings_stored"
    assert orjson.loads(event["data"]) == {"meter": "ours", "rows": 2}

    first.close()
    live.publish(acacia.pk, "billing.invoice_paid", {"number": 1})
    live.publish(acacia.pk, "billing.invoice_paid", {"number": 2})
    second = place.open(token, last_id=event["id"])
    assert next_event(second)["event"] == "hello"
    assert [orjson.loads(next_event(second)["data"])["number"] for _ in range(2)] == [1, 2]


def test_a_session_watches_too_until_it_ends(place: Place, acacia: Tenant) -> None:
    with acting_for(acacia.pk):
        browser = sign_in(acacia)
    connection = http.client.HTTPConnection("127.0.0.1", place.port, timeout=PATIENCE_S)
    cookie = f"sessionid={browser.cookies['sessionid'].value}"
    connection.request("GET", "/api/v1/live", headers={"Cookie": cookie})
    place.streams.append(connection)
    stream = connection.getresponse()
    assert (stream.status, next_event(stream)["event"]) == (200, "hello")
    browser.logout()
    assert next_event(stream)["event"] == "end"


def test_an_id_that_is_gone_gets_a_reset(place: Place, acacia: Tenant) -> None:
    _, token = member_token(acacia)
    stream = place.open(token, last_id="1600000000000-0")
    assert next_event(stream)["event"] == "reset"


def test_facts_of_an_app_that_the_role_may_not_see_stay_away(place: Place, acacia: Tenant) -> None:
    _, token = member_token(acacia, "professional")
    stream = place.open(token)
    assert next_event(stream)["event"] == "hello"
    live.publish(acacia.pk, "billing.invoice_paid", {})
    live.publish(acacia.pk, "meters.readings_stored", {})
    assert next_event(stream)["event"] == "meters.readings_stored"


def test_valkey_killed_in_the_middle_costs_a_reset_and_nothing_else(
    place: Place, acacia: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "PAUSE_S", 0.1)
    _, token = member_token(acacia)
    stream = place.open(token)
    assert next_event(stream)["event"] == "hello"

    place.valkey.process.kill()
    place.valkey.process.wait()
    began = time.monotonic()
    live.publish(acacia.pk, "billing.invoice_paid", {"number": 1})  # lost, and nobody waits
    assert time.monotonic() - began < 0.2
    place.valkey.start()

    assert next_event(stream)["event"] == "reset"
    time.sleep(0.2)
    live.publish(acacia.pk, "billing.invoice_paid", {"number": 2})
    assert orjson.loads(next_event(stream)["data"]) == {"number": 2}


def test_a_revoked_token_ends_the_stream(place: Place, acacia: Tenant) -> None:
    user, token = member_token(acacia)
    stream = place.open(token)
    next_event(stream)
    end_sessions(user)
    live.publish(acacia.pk, "meters.readings_stored", {})
    events = [next_event(stream)["event"]]
    if events[-1] != "end":
        events.append(next_event(stream)["event"])
    assert events[-1] == "end"
    assert stream.read() == b""
    assert place.open(token).status == 401


def test_a_lost_membership_ends_the_stream(place: Place, acacia: Tenant) -> None:
    user, token = member_token(acacia)
    stream = place.open(token)
    next_event(stream)
    with acting_for(acacia.pk):
        Membership.objects.filter(user=user).update(is_active=False)
    assert next_event(stream)["event"] == "end"


def test_a_member_of_two_companies_names_the_one_to_watch(
    place: Place, acacia: Tenant, baobab: Tenant
) -> None:
    user, token = member_token(acacia)
    with acting_for(baobab.pk):
        Membership.objects.create(user=user, role="viewer")
    stream = place.open(token, tenant=str(baobab.public_id))
    next_event(stream)
    live.publish(acacia.pk, "meters.readings_stored", {"whose": "acacia"})
    live.publish(baobab.pk, "meters.readings_stored", {"whose": "baobab"})
    assert orjson.loads(next_event(stream)["data"]) == {"whose": "baobab"}


@pytest.mark.parametrize(
    ("token", "options", "status"),
    [("nonsense", {}, 401), ("", {"tenant": "1"}, 403), ("", {"last_id": "x"}, 400)],
)
def test_a_wrong_request_is_refused_in_the_one_shape(
    place: Place, acacia: Tenant, token: str, options: dict[str, str], status: int
) -> None:
    answer = place.open(token or member_token(acacia)[1], **options)
    assert answer.status == status
    assert set(orjson.loads(answer.read())) == {"code", "detail"}


def test_one_user_has_six_streams_at_most(place: Place, acacia: Tenant) -> None:
    _, token = member_token(acacia)
    streams = [place.open(token) for _ in range(6)]
    for stream in streams:
        next_event(stream)
    seventh = place.open(token)
    assert (seventh.status, seventh.headers["retry-after"]) == (429, "30")
    place.streams[0].close()
    streams[0].close()
    deadline = time.monotonic() + 10
    while place.open(token).status == 429 and time.monotonic() < deadline:
        time.sleep(0.1)
    assert time.monotonic() < deadline
