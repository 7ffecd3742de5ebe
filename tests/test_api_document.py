"""The OpenAPI document says what the API does: schemathesis asks it everything it declares."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from django.test import Client as Browser
from drf_spectacular.drainage import reset_generator_stats
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.validation import validate_schema
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as examples
from rest_framework.serializers import ChoiceField
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from clients.kernel.api import ApiView
from clients.kernel.api_fields import StrictSerializer, TenantSerializer
from clients.models import Tenant
from clients.services.sign_in import issue_tokens
from clients.testing import make_client, make_member
from config.wsgi import application
from meters.api.answers import QUERIES, MeterAnswers, PointAnswers
from meters.api.document import EXAMPLES
from meters.services.bodies import read_body

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
FEW = examples(
    max_examples=4,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
# They end the token that asks; the lane answers on the edge, and has tests of its own there.
LEFT_OUT = r"/api/v1/(auth/(password|sign-out-everywhere)|ingest)"


@pytest.fixture
def document(db: None) -> Any:
    return json.loads(json.dumps(SchemaGenerator().get_schema(request=None, public=True)))


@pytest.fixture
def asked(acacia: Tenant, settings: Any) -> Iterator[Any]:
    """The document with a token of acacia's owner; all in the test's own transaction."""
    settings.RATE_LIMITS = dict.fromkeys(settings.RATE_LIMITS, "100000/m")
    make_client(tenant=acacia, phone="+5511987654321")
    token = issue_tokens(make_member(tenant=acacia)).access
    request_started.disconnect(close_old_connections)
    request_finished.disconnect(close_old_connections)
    loaded = schemathesis.openapi.from_wsgi("/api/schema", application)
    yield loaded.exclude(path_regex=LEFT_OUT), token
    request_started.connect(close_old_connections)
    request_finished.connect(close_old_connections)


def test_the_document_is_valid_openapi(document: Any) -> None:
    validate_schema(document)
    assert document["openapi"].startswith("3.1")


def test_every_operation_documents_its_refusals_and_its_id(document: Any) -> None:
    operations = [operation for item in document["paths"].values() for operation in item.values()]
    assert all("4XX" in operation["responses"] for operation in operations)
    names = [operation["operationId"] for operation in operations]
    assert len(set(names)) == len(names)


def test_making_the_document_raises_no_complaint(db: None, capsys: Any) -> None:
    reset_generator_stats()
    SchemaGenerator().get_schema(request=None, public=True)
    assert capsys.readouterr().err == ""


def test_answers_about_data_document_what_may_be_asked_and_their_shape(document: Any) -> None:
    found = [
        (f"/api/v1/{resource}/{{id}}/{each.url_path}", each.__name__)
        for resource, view in (("meters", MeterAnswers), ("metering-points", PointAnswers))
        for each in vars(view).values()
        if hasattr(each, "url_path")
    ]
    assert {name for _path, name in found} == QUERIES.keys()
    for path, name in found:
        operation = document["paths"][path]["get"]
        query = QUERIES[name]()
        said = {each["name"]: each for each in operation["parameters"] if each["in"] == "query"}
        assert said.keys() == query.fields.keys(), path
        for asked_for, field in query.fields.items():
            assert said[asked_for].get("required", False) == field.required, (path, asked_for)
            assert said[asked_for]["description"], (path, asked_for)
            if isinstance(field, ChoiceField):
                assert said[asked_for]["schema"]["enum"] == list(field.choices), (path, asked_for)
        answer = operation["responses"]["200"]["content"]["application/json"]["schema"]
        assert answer["$ref"].rpartition("/")[2] not in ("Meter", "MeteringPoint"), path


def test_the_document_is_english_whoever_asks(db: None) -> None:
    asked = Browser().get("/api/schema", HTTP_ACCEPT="application/json", HTTP_ACCEPT_LANGUAGE="pt")
    properties = asked.json()["components"]["schemas"]["Meter"]["properties"]
    assert properties["serial"]["title"] == "Serial number"


def test_ways_to_sign_in_are_alternatives_and_headers_are_said_once(document: Any) -> None:
    SchemaGenerator().get_schema(request=None, public=True)  # made again, it says the same
    paths = json.loads(json.dumps(SchemaGenerator().get_schema(request=None, public=True)))["paths"]
    for path, item in paths.items():
        for operation in item.values():
            assert all(len(way) <= 1 for way in operation.get("security", [])), path
            names = [each["name"] for each in operation.get("parameters", [])]
            assert len(names) == len(set(names)), path
    ingest = paths["/api/v1/ingest"]["post"]
    assert {each["name"] for each in ingest["parameters"]} == {"strict", "Content-Encoding"}
    assert "application/x-ndjson" in ingest["requestBody"]["content"]
    assert paths["/api/v1/cron/poll"]["post"]["security"] == [{"cronSecret": []}]


def test_examples_of_ingest_are_readings_that_it_takes() -> None:
    now = datetime(2026, 2, 1, 12, tzinfo=UTC)
    for name, example in EXAMPLES.items():
        said = read_body(json.dumps(example["value"]).encode(), now=now)
        assert not said.faults, name


def test_no_description_is_a_base_classs(document: Any) -> None:
    ours = {inspect.getdoc(each) for each in (StrictSerializer, TenantSerializer, ApiView)}
    for name, schema in document["components"]["schemas"].items():
        assert schema.get("description") not in ours, name


def test_the_document_and_its_pages_are_served(acacia: Tenant) -> None:
    assert Browser().get("/api/schema").status_code == 200
    page = Browser().get("/api/docs")
    assert page.status_code == 200
    assert b"<script>" not in page.content
    assert (
        "unsafe-inline" not in page["Content-Security-Policy"].split("script-src")[1].split(";")[0]
    )


def test_whatever_is_asked_the_answer_is_documented_and_never_500(asked: Any) -> None:
    document, token = asked
    tried, wrong = 0, []
    for found in document.get_all_operations():
        operation = found.ok()

        @FEW
        @given(case=operation.as_strategy())
        def ask(case: Any) -> None:
            headers = {"Authorization": f"Bearer {token}"}
            case.headers.pop("X-Tenant-ID", None)
            case.call_and_validate(headers=headers, checks=CHECKS)

        tried += 1
        try:
            ask()
        except FailureGroup as group:
            wrong += [f"{operation.label}: {failure}" for failure in group.exceptions]
    assert wrong == []
    assert tried > 10
