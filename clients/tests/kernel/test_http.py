"""The safe HTTP client against real servers that misbehave."""

from __future__ import annotations

import gzip
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from ipaddress import ip_address

import pytest
from django.core.cache import cache
from pytest_django import Settings

from clients.kernel import egress
from clients.kernel.breaker import FAILURES_TO_OPEN, CircuitOpen
from clients.kernel.egress import AddressRefused, Unreachable, is_public
from clients.kernel.http import Answer, Unanswered, call

SHORT = timedelta(seconds=0.4)
INSIDE = [
    "0.0.0.0",  # noqa: S104
    "10.0.0.1",
    "100.64.0.1",
    "127.0.0.1",
    "127.255.255.254",
    "169.254.169.254",
    "172.16.0.1",
    "192.0.0.192",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.0.1",
    "198.18.0.1",
    "224.0.0.1",
    "239.1.1.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::1",
    "2001::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "fc00::1",
    "fe80::1",
    "fec0::1",
    "ff02::1",
]
OPEN = ["1.1.1.1", "8.8.8.8", "::ffff:8.8.8.8", "2606:4700:4700::1111"]
LOOPBACK_IN_DISGUISE = [
    "127.0.0.1",
    "0x7f.1",
    "2130706433",
    "127.1",
    "017700000001",
    "0",
    "localhost",
    "[::1]",
]

Conversation = Callable[[socket.socket], None]


@contextmanager
def server(talk: Conversation) -> Iterator[str]:
    """A server on loopback that says whatever `talk` says, in raw bytes."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                threading.Thread(target=answer, args=(connection,), daemon=True).start()

        def answer(connection: socket.socket) -> None:
            with connection:
                try:
                    connection.recv(65536)
                    talk(connection)
                except OSError:
                    pass

        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/"


def says(answer: bytes) -> Conversation:
    def talk(connection: socket.socket) -> None:
        connection.sendall(answer)

    return talk


def reply(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def drip(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    for _ in range(1000):
        connection.sendall(b"x")
        time.sleep(0.05)


def endless_headers(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    while True:
        connection.sendall(b"X-More: " + b"y" * 4000 + b"\r\n")


def silence(connection: socket.socket) -> None:
    connection.recv(1)


def huge(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        connection.sendall(b"10000\r\n" + b"z" * 0x10000 + b"\r\n")


@pytest.fixture(autouse=True)
def _loopback_allowed(settings: Settings) -> Iterator[None]:
    settings.HTTP_ALLOWED_PRIVATE = ["127.0.0.1"]
    cache.clear()
    yield
    cache.clear()


def get(url: str, *, account: str = "", deadline: timedelta = SHORT) -> Answer:
    return call("GET", url, service="test", account=account, deadline=deadline)


@pytest.mark.parametrize("address", INSIDE)
def test_inner_addresses_are_not_public(address: str) -> None:
    assert not is_public(ip_address(address))


@pytest.mark.parametrize("address", OPEN)
def test_addresses_of_the_internet_are_public(address: str) -> None:
    assert is_public(ip_address(address))


@pytest.mark.parametrize("host", LOOPBACK_IN_DISGUISE)
def test_loopback_is_refused_however_it_is_written(settings: Settings, host: str) -> None:
    settings.HTTP_ALLOWED_PRIVATE = []

    with pytest.raises(AddressRefused):
        get(f"http://{host}/")


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.com/",
        "gopher://127.0.0.1/",
        "file:///etc/passwd",
        "http://user@example.com/",
        "http://example.com\\@127.0.0.1/",
        "http://example.com/\t",
        "http://example.com:22/",
        "http://example.com:5432/",
        "http://example.com:6379/",
        "http:///",
        "//example.com/",
        "http://①②⑦.⓪.⓪.①:9/",
        "",
    ],
)
def test_misleading_addresses_are_refused_before_anything_is_dialled(
    monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setattr(egress, "look_up", lambda *_: pytest.fail("dialled"))

    with pytest.raises(AddressRefused):
        get(url)


def test_an_answer_arrives_whole() -> None:
    with server(says(reply(b'{"ok": true}', "X-Kind: Good"))) as url:
        answer = get(url)

    assert (answer.status, answer.json(), answer.headers["x-kind"]) == (200, {"ok": True}, "Good")


def test_a_packed_answer_is_unpacked() -> None:
    with server(says(reply(gzip.compress(b"hello"), "Content-Encoding: gzip"))) as url:
        assert get(url).body == b"hello"


@pytest.mark.parametrize("talk", [silence, drip, huge, endless_headers], ids=lambda t: t.__name__)
def test_no_answer_lasts_longer_than_the_deadline_or_grows_without_end(talk: Conversation) -> None:
    with server(talk) as url:
        began = time.monotonic()
        with pytest.raises(Unanswered):
            get(url, deadline=timedelta(seconds=0.6))

    assert time.monotonic() - began < 2


def test_a_gzip_bomb_is_not_unpacked() -> None:
    bomb = gzip.compress(b"\0" * 50_000_000)

    with server(says(reply(bomb, "Content-Encoding: gzip"))) as url, pytest.raises(Unanswered):
        get(url, deadline=timedelta(seconds=5))


def test_an_unknown_packing_is_refused() -> None:
    with server(says(reply(b"?", "Content-Encoding: br"))) as url, pytest.raises(Unanswered):
        get(url)


def test_a_redirect_is_an_answer_and_is_not_followed() -> None:
    moved = reply(b"", "Location: http://127.0.0.1:1/", status="302 Found")

    with server(says(moved)) as url:
        assert get(url).status == 302


def test_a_name_that_changes_its_address_is_dialled_where_it_was_checked(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter([["1.1.1.1"], ["127.0.0.1"]])
    dialled: list[str] = []
    monkeypatch.setattr(egress, "look_up", lambda *_: next(answers))

    def refuse(address: tuple[str, int], timeout: float) -> socket.socket:
        dialled.append(address[0])
        raise OSError("closed")

    monkeypatch.setattr("clients.kernel.egress.socket.create_connection", refuse)

    with pytest.raises(Unreachable):
        get("http://rebinding.example/")
    with pytest.raises(AddressRefused):
        get("http://rebinding.example/")

    assert dialled == ["1.1.1.1"]


def test_one_inner_address_among_several_refuses_the_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(egress, "look_up", lambda *_: ["1.1.1.1", "10.0.0.1"])

    with pytest.raises(AddressRefused):
        get("http://mixed.example/")


def test_a_closed_port_means_that_nothing_happened() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

    with pytest.raises(Unreachable):
        get(f"http://127.0.0.1:{port}/")


def test_a_connection_cut_in_the_middle_leaves_the_outcome_open() -> None:
    with server(lambda _: None) as url, pytest.raises(Unanswered):
        get(url)


def test_repeated_trouble_opens_the_breaker_of_that_account_only() -> None:
    with server(says(reply(b"", status="503 Busy"))) as url:
        statuses = [get(url, account="1:1").status for _ in range(FAILURES_TO_OPEN)]
        with pytest.raises(CircuitOpen):
            get(url, account="1:1")
        other = get(url, account="1:2").status

    assert (statuses, other) == ([503] * FAILURES_TO_OPEN, 503)


def test_refusals_do_not_open_the_breaker() -> None:
    with server(says(reply(b"", status="429 Slow down"))) as url:
        statuses = {get(url, account="1:1").status for _ in range(FAILURES_TO_OPEN + 3)}

    assert statuses == {429}


def test_after_a_rest_one_good_answer_closes_the_breaker(monkeypatch: pytest.MonkeyPatch) -> None:
    with server(says(reply(b"", status="500 Oh"))) as url:
        for _ in range(FAILURES_TO_OPEN):
            get(url, account="1:1")
    later = time.time() + 61
    monkeypatch.setattr("purgatory.domain.model.time.time", lambda: later)

    with server(says(reply(b"fine"))) as url:
        answers = [get(url, account="1:1").status for _ in range(2)]

    assert answers == [200, 200]


def test_connections_are_kept_between_calls() -> None:
    accepted: list[int] = []

    def talk(connection: socket.socket) -> None:
        accepted.append(1)
        for _ in range(3):
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            if not connection.recv(65536):
                return

    with server(talk) as url:
        bodies = [get(url).body for _ in range(3)]

    assert (bodies, len(accepted)) == ([b"ok"] * 3, 1)
