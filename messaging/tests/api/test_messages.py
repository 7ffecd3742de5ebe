from __future__ import annotations

from typing import Any

import pytest
from django.test import Client as Browser

from clients.kernel.tenancy import acting_for
from clients.models import Tenant
from clients.testing import make_client, sign_in
from messaging.models import ChannelAccount, ChannelKind, Message, MessageStatus, Template
from messaging.testing import make_channel_account, make_message

EMAIL = "amina@example.com"
MISSING = "0198c0de-0000-7000-8000-000000000001"


def post(browser: Browser, path: str, body: Any = None, **headers: str) -> Any:
    return browser.post(
        f"/api/v1/{path}", body or {}, content_type="application/json", headers=headers
    )


def patch(browser: Browser, path: str, body: Any) -> Any:
    return browser.patch(f"/api/v1/{path}", body, content_type="application/json")


def get(browser: Browser, path: str) -> Any:
    return browser.get(f"/api/v1/{path}")


def test_a_message_is_queued_and_explained(acacia: Tenant) -> None:
    make_channel_account(tenant=acacia)
    client = make_client(tenant=acacia, email=EMAIL)
    body = {"client": str(client.public_id), "kind": "greeting", "values": {"day": "terça"}}

    answer = post(sign_in(acacia), "messages", body)

    message = Message.objects.get()
    found = answer.json()
    assert answer.status_code == 201
    assert (found["id"], found["status"]) == (str(message.public_id), "queued")
    assert (found["address"], found["body"]) == (EMAIL, "Olá, Amina. Boa terça!")
    assert [line["reason"] for line in found["trail"]] == ["queued"]


def test_a_free_text_is_queued_once_per_key(acacia: Tenant) -> None:
    make_channel_account(tenant=acacia)
    client = make_client(tenant=acacia, email=EMAIL)
    body = {"client": str(client.public_id), "text": "Olá {name}", "subject": "Oi"}
    browser = sign_in(acacia)

    answers = [post(browser, "messages", {**body, "dedupe_key": "a"}) for _ in range(2)]
    repeated = [post(browser, "messages", body, **{"Idempotency-Key": "b"}) for _ in range(2)]

    assert {answer.json()["id"] for answer in answers} == {answers[0].json()["id"]}
    assert {answer.json()["id"] for answer in repeated} == {repeated[0].json()["id"]}
    assert Message.objects.count() == 2


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"kind": "nonsense"},
        {"kind": "greeting", "text": "x"},
        {"text": 7},
        {"text": "x", "channel": "pigeon"},
        {"text": "x", "due_at": "2026-01-01T00:00:00"},
        {"text": "x", "status": "sent"},
        {"text": "x", "client": MISSING},
        {"kind": "greeting", "values": {"day": {"a": 1}}},
        {"text": "x" * 16_001},
    ],
)
def test_a_wrong_message_is_refused_and_nothing_is_kept(
    acacia: Tenant, wrong: dict[str, Any]
) -> None:
    client = make_client(tenant=acacia, email=EMAIL)

    answer = post(sign_in(acacia), "messages", {"client": str(client.public_id), **wrong})

    assert answer.status_code in {400, 422}
    assert {"code", "detail"} <= set(answer.json())
    assert Message.objects.count() == 0


def test_a_message_is_cancelled_and_sent_again(acacia: Tenant) -> None:
    make_channel_account(tenant=acacia)
    message = make_message(client=make_client(tenant=acacia, email=EMAIL))
    browser = sign_in(acacia)

    cancelled = post(browser, f"messages/{message.public_id}/cancel")
    again = post(browser, f"messages/{message.public_id}/send-again")
    Message.objects.update(status=MessageStatus.SENT)
    gone = post(browser, f"messages/{message.public_id}/cancel")

    assert cancelled.json()["status"] == "cancelled"
    assert again.json()["status"] == "queued"
    assert (gone.status_code, gone.json()["code"]) == (409, "message_gone")


def test_the_list_is_filtered(acacia: Tenant) -> None:
    make_channel_account(tenant=acacia)
    client = make_client(tenant=acacia, email=EMAIL)
    make_message(client=client)
    make_message(client=make_client(tenant=acacia, name="Nobody"))
    browser = sign_in(acacia)

    def found(query: str) -> int:
        return len(get(browser, f"messages?{query}").json()["results"])

    assert [found(""), found("status=failed"), found(f"client={client.public_id}")] == [2, 1, 1]
    assert get(browser, "messages?nonsense=1").status_code == 400


def test_a_template_is_versioned_and_refuses_unknown_names(acacia: Tenant) -> None:
    browser = sign_in(acacia)
    words = {"key": "greeting", "channel": "email", "language": "pt-br", "body": "Oi {nome}"}

    first = post(browser, "message-templates", words)
    second = patch(browser, f"message-templates/{first.json()['id']}", {"body": "Bom dia {nome}"})
    wrong = patch(browser, f"message-templates/{first.json()['id']}", {"body": "{senha}"})
    gone = browser.delete(f"/api/v1/message-templates/{second.json()['id']}")

    assert (first.status_code, first.json()["version"]) == (201, 1)
    assert (second.json()["version"], second.json()["body"]) == (2, "Bom dia {nome}")
    assert (wrong.status_code, wrong.json()["code"]) == (422, "unknown_variable")
    assert "first_name" in wrong.json()["detail"]
    assert gone.status_code == 204
    assert list(Template.objects.values_list("is_current", flat=True)) == [False, False]


def test_secrets_are_written_and_never_read(acacia: Tenant) -> None:
    browser = sign_in(acacia)
    credentials = {"host": "mx.acacia.example", "port": "587", "password": "s3cret-word"}

    made = post(
        browser,
        "channel-accounts",
        {"kind": "email", "name": "Mail", "credentials": credentials},
    )
    changed = patch(
        browser, f"channel-accounts/{made.json()['id']}", {"credentials": {"port": "465"}}
    )
    shown = get(browser, f"channel-accounts/{made.json()['id']}")

    assert made.status_code == 201
    assert "s3cret-word" not in made.content.decode() + shown.content.decode()
    assert shown.json()["has_secrets"] == ["password"]
    assert shown.json()["settings"] == {"host": "mx.acacia.example", "port": "465"}
    assert changed.status_code == 200
    assert ChannelAccount.objects.get().credentials["password"] == "s3cret-word"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"kind": "whatsapp", "name": "W", "credentials": {}}, "account_incomplete"),
        ({"kind": "email", "name": "M", "credentials": {"port": "x"}}, "account_incomplete"),
        ({"kind": "email", "name": "M", "credentials": {"security": "SSL"}}, "account_incomplete"),
        (
            {"kind": "email", "name": "M", "credentials": {"api_url": "http://10.0.0.1"}},
            "unknown_setting",
        ),
    ],
)
def test_a_wrong_account_is_refused(acacia: Tenant, body: Any, code: str) -> None:
    answer = post(sign_in(acacia), "channel-accounts", body)

    assert (answer.json()["code"], ChannelAccount.objects.count()) == (code, 0)


def test_the_kinds_name_their_variables(acacia: Tenant) -> None:
    kinds = {kind["key"]: kind for kind in get(sign_in(acacia), "message-kinds").json()}

    assert {"day", "name", "nome"} <= set(kinds["greeting"]["variables"])


@pytest.mark.parametrize(
    ("role", "path", "status"),
    [
        ("viewer", "messages", 403),
        ("operator", "channel-accounts", 403),
        ("operator", "message-templates", 400),
        ("manager", "channel-accounts", 400),
    ],
)
def test_roles_decide(acacia: Tenant, role: str, path: str, status: int) -> None:
    assert post(sign_in(acacia, role=role), path).status_code == status


def test_what_belongs_to_another_tenant_answers_as_missing(tenants: dict[str, Tenant]) -> None:
    with acting_for(tenants["acacia"].pk):
        account = make_channel_account(tenant=tenants["acacia"], kind=ChannelKind.WHATSAPP)
        message = make_message(client=make_client(tenant=tenants["acacia"]))
    with acting_for(tenants["baobab"].pk):
        browser = sign_in(tenants["baobab"])
        pairs = {
            f"{path}/{row.public_id}{verb}": f"{path}/{MISSING}{verb}"
            for path, row, verbs in [
                ("messages", message, ("", "/cancel", "/send-again")),
                ("channel-accounts", account, ("", "/resume")),
            ]
            for verb in verbs
        }
        for theirs, missing in pairs.items():
            ask = get if theirs.count("/") == 1 else post
            answers = [ask(browser, path) for path in (theirs, missing)]
            assert [a.status_code for a in answers] == [404, 404]
            assert answers[0].content == answers[1].content
