from __future__ import annotations

import threading
from typing import Any

import pytest
from django.db import connection, connections
from django.test import Client as Browser

from clients.api import views
from clients.kernel.tenancy import acting_for
from clients.models import Client, IdempotencyKey, Tenant
from clients.testing import LOGIN_BACKEND, make_member, sign_in

URL = "/api/v1/clients"


def post(browser: Browser, body: Any, key: str = "a-key") -> Any:
    return browser.post(
        URL, body, content_type="application/json", headers={"Idempotency-Key": key}
    )


def test_the_same_request_twice_has_one_effect_and_one_answer(acacia: Tenant) -> None:
    browser = sign_in(acacia)
    first, again = (post(browser, {"name": "Amina"}) for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.content == again.content
    assert (first.get("Idempotency-Replayed"), again["Idempotency-Replayed"]) == (None, "true")
    assert Client.objects.count() == 1


def test_another_body_under_the_same_key_is_refused(acacia: Tenant) -> None:
    browser = sign_in(acacia)
    post(browser, {"name": "Amina"})
    answer = post(browser, {"name": "Bruno"})
    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_mismatch")
    assert Client.objects.count() == 1


def test_a_key_belongs_to_its_user_and_route(acacia: Tenant) -> None:
    for browser in (sign_in(acacia), sign_in(acacia)):
        assert post(browser, {"name": "Amina"}).status_code == 201
    assert Client.objects.count() == 2


def test_a_refusal_is_kept_and_leaves_nothing_else_behind(acacia: Tenant) -> None:
    browser = sign_in(acacia)
    Client.objects.create(name="First", document="52998224725")
    body = {"name": "Second", "document": "52998224725"}

    first = post(browser, body)
    Client.objects.all().delete()
    again = post(browser, body)

    assert (first.status_code, first.json()["code"]) == (409, "document_taken")
    assert (again.status_code, again.content) == (409, first.content)
    assert Client.objects.count() == 0


@pytest.mark.commits
def test_a_kept_refusal_is_committed(acacia: Tenant) -> None:
    with acting_for(acacia.pk):
        browser = sign_in(acacia)
    post(browser, {"name": ""})
    with acting_for(acacia.pk):
        assert [row.status_code for row in IdempotencyKey.objects.all()] == [400]
        assert Client.objects.count() == 0


@pytest.mark.commits
def test_what_broke_is_not_kept(acacia: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    with acting_for(acacia.pk):
        user = make_member(tenant=acacia)
    browser = Browser(raise_request_exception=False)
    browser.force_login(user, LOGIN_BACKEND)

    def break_after_saving(self: Any, serializer: Any) -> None:
        serializer.save()
        raise RuntimeError

    with monkeypatch.context() as patched:
        patched.setattr(views.ClientViewSet, "perform_create", break_after_saving)
        broken = post(browser, {"name": "Amina"})
    retried = post(browser, {"name": "Amina"})

    assert (broken.status_code, broken.json()["code"]) == (500, "server_error")
    assert retried.status_code == 201
    with acting_for(acacia.pk):
        assert Client.objects.count() == 1


@pytest.mark.commits
def test_a_second_request_while_the_first_runs_is_refused(
    acacia: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    with acting_for(acacia.pk):
        user = make_member(tenant=acacia)
    started, may_end = threading.Event(), threading.Event()
    usual = views.ClientViewSet.perform_create
    answers: list[Any] = []

    def slow(self: Any, serializer: Any) -> None:
        started.set()
        may_end.wait(10)
        usual(self, serializer)

    def first() -> None:
        browser = Browser()
        browser.force_login(user, LOGIN_BACKEND)
        answers.append(post(browser, {"name": "Amina"}))
        connections.close_all()

    monkeypatch.setattr(views.ClientViewSet, "perform_create", slow)
    thread = threading.Thread(target=first)
    thread.start()
    assert started.wait(10)
    browser = Browser()
    browser.force_login(user, LOGIN_BACKEND)
    second = post(browser, {"name": "Amina"})
    may_end.set()
    thread.join()
    third = post(browser, {"name": "Amina"})

    assert (second.status_code, second.json()["code"]) == (409, "idempotency_running")
    assert (answers[0].status_code, third.status_code) == (201, 201)
    assert answers[0].content == third.content
    with acting_for(acacia.pk):
        assert Client.objects.count() == 1


@pytest.mark.parametrize("key", ["", "x" * 256, "a\x7f", "é"])
def test_a_key_that_is_not_plain_text_is_refused(acacia: Tenant, key: str) -> None:
    answer = post(sign_in(acacia), {"name": "Amina"}, key)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_idempotency_key")
    assert connection.in_atomic_block
    assert Client.objects.count() == 0
