from __future__ import annotations

import json
import logging
import logging.config
from collections.abc import Iterator
from io import StringIO
from typing import Any

import pytest
from django.conf import settings
from django.test import Client as Browser

from clients.kernel.tenancy import acting_for
from clients.models import Tenant
from clients.testing import PASSWORD, make_client, make_member

SECRETS = (
    "+5511987654321",
    "amina@example.com",
    "529.982.247-25",
    PASSWORD,
    "eyJhbGciOi",
    "s3cr3t",
)


@pytest.fixture
def log() -> Iterator[StringIO]:
    """What the process would have written, in the format that production uses."""
    stream = StringIO()
    handler = logging.StreamHandler(stream)
    formatter = settings.LOGGING["formatters"]["json"]
    made: Any = logging.config.DictConfigurator({"version": 1})
    handler.setFormatter(made.configure_formatter(dict(formatter)))
    root = logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    yield stream
    root.removeHandler(handler)
    root.setLevel(before)


def lines(log: StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.getvalue().splitlines()]


def test_a_line_names_the_tenant_whose_work_it_is(db: None, acacia: Tenant, log: StringIO) -> None:
    logging.getLogger("pulso.test").warning("message refused", extra={"message_id": 7})
    [line] = lines(log)
    assert (line["event"], line["tenant_id"], line["message_id"]) == (
        "message refused",
        acacia.pk,
        7,
    )


@pytest.mark.commits
def test_a_finished_request_names_request_user_and_tenant(acacia: Tenant, log: StringIO) -> None:
    with acting_for(acacia.pk):
        user = make_member(tenant=acacia)
    browser = Browser()
    browser.force_login(user, backend="django.contrib.auth.backends.ModelBackend")

    browser.get("/nowhere?q=+5511987654321&token=s3cr3t")

    [line] = [line for line in lines(log) if line["event"] == "request_finished"]
    assert (line["user_id"], line["tenant_id"], line["code"]) == (user.pk, acacia.pk, 404)
    assert len(line["request_id"]) == 36
    assert line["request"] == "GET /nowhere?…"


@pytest.mark.parametrize(
    "address",
    [
        "/api/v1/nowhere?q=529.982.247-25&hub.verify_token=s3cr3t",
        "/nowhere?q=s3cr3t",
        f"/api/v1/messaging/webhooks/{'s3cr3t' * 7}",
        f"/api/v1/webhooks/pix/{'s3cr3t' * 7}/pix",
    ],
)
def test_a_refused_request_keeps_its_secrets_to_itself(
    db: None, address: str, log: StringIO
) -> None:
    Browser().post(address)
    assert "django.request" in {line["logger"] for line in lines(log)}
    assert [secret for secret in SECRETS if secret in log.getvalue()] == []


@pytest.mark.parametrize(
    "extra",
    [
        {"phone": "+5511987654321"},
        {"detail": "sent to +5511987654321 and amina@example.com"},
        {"detail": "CPF 529.982.247-25 refused"},
        {"headers": {"Authorization": "Bearer s3cr3t-s3cr3t"}},
        {"detail": "Authorization: Bearer s3cr3t.s3cr3t"},
        {"token": "eyJhbGciOi"},
        {"detail": "got eyJhbGciOi.eyJzdWIi.c2ln"},
        {"password": PASSWORD},
        {"url": "postgres://app:s3cr3t@db/pulso"},
    ],
)
def test_no_phone_address_document_or_secret_is_written(
    extra: dict[str, Any], log: StringIO
) -> None:
    logging.getLogger("pulso.test").warning("something happened", extra=extra)
    assert log.getvalue().count("\n") == 1
    assert [secret for secret in SECRETS if secret in log.getvalue()] == []


def test_a_traceback_is_scrubbed_too(log: StringIO) -> None:
    try:
        int("+5511987654321.")
    except ValueError:
        logging.getLogger("pulso.test").exception("delivery failed")
    [line] = lines(log)
    assert "<phone>" in line["exception"]
    assert "+5511" not in line["exception"]


def test_a_task_names_itself(acacia: Tenant, log: StringIO) -> None:
    from celery import shared_task

    from config.celery import app

    @shared_task(name="monitoring.tests.rename")
    def rename() -> None:
        make_client(tenant=acacia, name="By a task")

    app.tasks["monitoring.tests.rename"].apply()

    from monitoring.selectors.audit import AuditQuestion, audit_entries

    [entry] = audit_entries(AuditQuestion(model="clients.client"))
    assert (entry.task, entry.who) == ("monitoring.tests.rename", "rename")
