from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.cache import cache
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from clients.kernel.tenancy import acting_for
from clients.models import Tenant
from clients.testing import make_client, make_member
from messaging.models import ChannelAccount, Message, MessageStatus, Template
from messaging.services.delivery import deliver_one
from messaging.services.templates import save_template
from messaging.testing import GREETING, make_channel_account, make_message

EMAIL = "amina@example.com"


@pytest.fixture(autouse=True)
def _place(settings: Settings, tmp_path: Path) -> Iterator[None]:
    settings.MAILBOX_FOLDER = str(tmp_path)
    settings.LANGUAGE_CODE = "en"
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def office(acacia: Tenant) -> Browser:
    browser = Browser(headers={"accept-language": "en"})
    browser.force_login(
        make_member(tenant=acacia, language="en"), "django.contrib.auth.backends.ModelBackend"
    )
    return browser


def page(model: str, verb: str = "changelist", *args: object) -> str:
    return reverse(f"admin:messaging_{model}_{verb}", args=args)


def test_every_page_opens(acacia: Tenant, office: Browser) -> None:
    account = make_channel_account(tenant=acacia)
    template = save_template(GREETING.key, "email", body="Oi {nome}", subject="Oi")
    client = make_client(tenant=acacia, email=EMAIL)
    message = make_message(client=client)
    deliver_one(acacia.pk, message.pk)

    answers = {
        address: office.get(address)
        for address in (
            page("message"),
            page("message", "change", message.public_id),
            page("template"),
            page("template", "add"),
            page("template", "change", template.public_id),
            page("channelaccount"),
            page("channelaccount", "add"),
            page("channelaccount", "change", account.public_id),
            reverse("admin:clients_client_panel", args=[client.public_id, "mensagens"]),
            reverse("admin:clients_client_change", args=[client.public_id]),
            reverse("admin:index"),
        )
    }

    assert {address: answer.status_code for address, answer in answers.items()} == dict.fromkeys(
        answers, 200
    )
    assert "The provider took it" in answers[page("message")].content.decode()


def test_a_template_is_saved_as_the_next_version(acacia: Tenant, office: Browser) -> None:
    first = save_template(GREETING.key, "email", body="Oi {nome}", subject="Oi")
    address = page("template", "change", first.public_id)

    wrong = office.post(address, {"subject": "Oi", "body": "Oi {{ client.secret }}"})
    right = office.post(address, {"subject": "Oi", "body": "Bom dia {{nome}}", "provider_name": ""})

    assert wrong.status_code == 200
    assert "cannot be filled in here" in wrong.content.decode()
    assert right.status_code == 302
    assert [(t.version, t.is_current, t.body) for t in Template.objects.order_by("version")] == [
        (1, False, "Oi {nome}"),
        (2, True, "Bom dia {{nome}}"),
    ]


def test_secrets_are_kept_when_left_empty_and_never_shown(acacia: Tenant, office: Browser) -> None:
    added = office.post(
        page("channelaccount", "add"),
        {
            "kind": "email",
            "name": "Mail",
            "sender": "Acacia <a@acacia.example>",
            "is_active": "on",
            "host": "mail.acacia.example",
            "port": "587",
            "security": "starttls",
            "username": "a",
            "password": "s3cret-word",
        },
    )
    account = ChannelAccount.objects.get()
    address = page("channelaccount", "change", account.public_id)
    shown = office.get(address).content.decode()
    changed = office.post(
        address,
        {"name": "Mail", "is_active": "on", "host": "mx.acacia.example", "security": "tls"},
    )

    account = ChannelAccount.objects.get()
    assert (added.status_code, changed.status_code) == (302, 302)
    assert "s3cret-word" not in shown
    assert account.credentials["password"] == "s3cret-word"
    assert account.credentials["host"] == "mx.acacia.example"


def test_an_incomplete_account_is_refused_with_what_is_missing(
    acacia: Tenant, office: Browser
) -> None:
    answer = office.post(
        page("channelaccount", "add"), {"kind": "whatsapp", "name": "W", "is_active": "on"}
    )

    assert "access_token" in answer.content.decode()
    assert ChannelAccount.objects.count() == 0


def test_a_message_is_cancelled_and_sent_again_by_verbs(acacia: Tenant, office: Browser) -> None:
    make_channel_account(tenant=acacia)
    message = make_message(
        client=make_client(tenant=acacia, email=EMAIL), due_at=timezone.now() + timedelta(days=1)
    )

    for verb in ("cancel", "again"):
        address = reverse(f"admin:messaging_message_{verb}", args=[message.public_id])
        office.post(address, {"_form_submitted": "1"}, headers={"HX-Request": "true"})
        message.refresh_from_db()
        assert message.status == {"cancel": "cancelled", "again": "queued"}[verb]

    assert Message.objects.get().trail[-1]["reason"] == "sent_again"


def test_a_viewer_sees_messages_and_changes_nothing(acacia: Tenant) -> None:
    make_channel_account(tenant=acacia)
    message = make_message(client=make_client(tenant=acacia, email=EMAIL))
    browser = Browser()
    browser.force_login(
        make_member(tenant=acacia, role="viewer"), "django.contrib.auth.backends.ModelBackend"
    )

    seen = browser.get(page("message", "change", message.public_id))
    address = reverse("admin:messaging_message_cancel", args=[message.public_id])
    refused = browser.post(address, {"_form_submitted": "1"}, headers={"HX-Request": "true"})

    message.refresh_from_db()
    assert (seen.status_code, refused.status_code) == (200, 403)
    assert message.status == MessageStatus.QUEUED


def test_what_did_not_go_waits_on_the_home_page(acacia: Tenant, office: Browser) -> None:
    make_message(client=make_client(tenant=acacia))

    assert "1 message did not go" in office.get(reverse("admin:index")).content.decode()


@pytest.mark.commits
def test_another_tenants_rows_answer_as_missing_ones(tenants: dict[str, Tenant]) -> None:
    with acting_for(tenants["acacia"].pk):
        message = make_message(client=make_client(tenant=tenants["acacia"], email=EMAIL))
    with acting_for(tenants["baobab"].pk):
        stranger = make_member(tenant=tenants["baobab"])
    browser = Browser()
    browser.force_login(stranger, "django.contrib.auth.backends.ModelBackend")

    theirs = browser.get(page("message", "change", message.public_id))
    missing = browser.get(page("message", "change", "0198c0de-0000-7000-8000-000000000001"))

    assert (theirs.status_code, theirs.content) == (404, missing.content)
