"""Every address of the project, asked by a member of one company for the rows of another.

The routes are read from the URL configuration and the bodies from the OpenAPI document: a new
route is tried by itself, or the test says that it has no case.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import pytest
from django.apps import apps
from django.contrib.contenttypes.models import ContentType
from django.test import Client as Browser
from django.urls import URLPattern, get_resolver
from drf_spectacular.generators import SchemaGenerator

from clients.kernel.keys import uuid7
from clients.kernel.panels import panels_of
from clients.kernel.tenancy import acting_for
from clients.models import Tenant
from clients.testing import make_user, sign_in
from tests.rows import CANARY, Rows, owner

pytestmark = pytest.mark.commits
NOBODYS_KEY = 999_999_999
PLATFORM = "platform/"
API_ROW = re.compile(r"api/v1/[\w/-]+/<uuid:id>(/[\w-]+)?")
ADMIN_ROW = re.compile(r"admin/(\w+)/(\w+)/<(?:path|uuid):object_id>/")
ADMIN_LISTS = re.compile(r"admin/\^\(\?P<app_label>([\w|]+)\)/\$")
VARYING = {"Set-Cookie", "X-Request-ID", "Date", "Expires", "Last-Modified"}  # the clock
# Routes with something to fill in that is not the id of a tenant's row.
OTHER_CASES = {
    "api/v1/messaging/webhooks/<str:token>": "a secret; messaging tests forged ones",
    "api/v1/webhooks/chirpstack": "a device key; meters tests unknown ones",
    "api/v1/webhooks/chirpstack/<str:token>": "a device key; meters tests unknown ones",
    "api/v1/webhooks/pix/<str:token>/pix": "a secret; billing tests forged ones",
    "admin/(?P<url>.*)$": "answers what no other route does",
    "admin/r/<path:content_type_id>/<path:object_id>/": "has a test of its own",
}
# Questions that would find the other company's rows if anything did.
QUESTIONS = {
    "admin/search/": {"s": CANARY},
    "admin/autocomplete/": {
        "app_label": "meters",
        "model_name": "meteringpoint",
        "field_name": "site",
        "term": CANARY,
    },
}
PARAMETER = re.compile(r"[<(]")


@dataclass(frozen=True)
class Route:
    path: str
    view: Any


@cache
def routes() -> list[Route]:
    return list(_walk(get_resolver().url_patterns))


def _walk(patterns: Any, before: str = "") -> Iterator[Route]:
    for pattern in patterns:
        path = before + str(pattern.pattern)
        if isinstance(pattern, URLPattern):
            yield Route(path, pattern.callback)
        else:
            yield from _walk(pattern.url_patterns, path)


@dataclass
class World:
    """A browser of acacia's owner, and one row of baobab's in every table."""

    browser: Browser
    rows: Rows
    theirs: int

    def id_in(self, table: str) -> str:
        row = self.rows.made[table, self.theirs]
        return str(row.get("public_id") or row["id"])

    def secrets(self) -> set[str]:
        """What identifies baobab's rows, and must appear nowhere."""
        ids = {str(row["public_id"]) for row in self.rows.made.values() if "public_id" in row}
        return ids | {f"{CANARY}{self.theirs}-"}

    def answer(self, method: str, path: str, body: Any = None, **options: Any) -> tuple[Any, ...]:
        """Status, bytes and headers, without what differs from one request to the next."""
        if path.startswith("/api/"):
            options |= {"content_type": "application/json"}
        found = self.browser.generic(method, path, _encoded(path, body), **options)
        return found.status_code, found.content, _steady(found)


def _encoded(path: str, body: Any) -> bytes:
    return json.dumps({} if body is None else body).encode() if path.startswith("/api/") else b""


def _steady(found: Any) -> dict[str, str]:
    return {name: value for name, value in found.items() if name not in VARYING}


@pytest.fixture
def world(acacia: Tenant, baobab: Tenant) -> Iterator[World]:
    make_user()
    with owner() as database:
        rows = Rows(database)
        rows.fill(baobab.pk)
        with acting_for(acacia.pk):
            browser = sign_in(acacia)
        yield World(browser, rows, baobab.pk)


def test_every_route_has_a_case() -> None:
    without = [
        route.path
        for route in routes()
        if PARAMETER.search(route.path)
        and not route.path.startswith(PLATFORM)
        and route.path not in OTHER_CASES
        and not (API_ROW.fullmatch(route.path) or ADMIN_ROW.match(route.path))
        and not ADMIN_LISTS.fullmatch(route.path)
    ]
    assert without == []
    assert set(OTHER_CASES) <= {route.path for route in routes()}


def test_a_foreign_id_answers_byte_for_byte_as_one_that_does_not_exist(world: World) -> None:
    wrong, tried = [], 0
    for route in routes():
        for method, path, table in _row_requests(route):
            has_public = "public_id" in world.rows.made[table, world.theirs]
            foreign = world.id_in(table)
            missing = str(uuid7()) if has_public else str(NOBODYS_KEY)
            answers = [
                _without(world.answer(method, "/" + path.replace("{id}", one)), one)
                for one in (foreign, missing)
            ]
            tried += 1
            if answers[0] != answers[1] or answers[0][0] == 200:
                wrong.append((method, path, answers[0][0], answers[1][0]))
    assert wrong == []
    assert tried > 50


def _without(answer: tuple[Any, ...], asked: str) -> tuple[Any, ...]:
    """The answer, in which the address that was asked for is told without its id."""
    status, content, headers = answer
    return (
        status,
        content.replace(asked.encode(), b"{id}"),
        {name: value.replace(asked, "{id}") for name, value in headers.items()},
    )


def _row_requests(route: Route) -> Iterator[tuple[str, str, str]]:
    """(method, path with {id}, table) for a route about one row of a tenant."""
    if API_ROW.fullmatch(route.path):
        table = route.view.cls.model._meta.db_table
        for method in list(route.view.actions):  # as_view adds HEAD when first called
            yield method.upper(), route.path.replace("<uuid:id>", "{id}"), table
    elif match := ADMIN_ROW.match(route.path):
        model = apps.get_model(match[1], match[2])
        if model is Tenant:
            return  # a company is the tenant itself; its own test is below
        path = re.sub(r"<(?:path|uuid):object_id>", "{id}", route.path)
        for slug in _panels(model) if "<slug:slug>" in path else [""]:
            for method in ("GET", "POST"):
                yield method, path.replace("<slug:slug>", slug), model._meta.db_table


def _panels(model: Any) -> list[str]:
    return [*(part.slug for part in panels_of(model)), "none"]


def test_another_company_itself_answers_as_one_that_does_not_exist(
    world: World, baobab: Tenant
) -> None:
    wrong = []
    for route in routes():
        match = ADMIN_ROW.match(route.path)
        if match is None or (match[1], match[2]) != ("clients", "tenant"):
            continue
        for method in ("GET", "POST"):
            answers = [
                _without(
                    world.answer(method, "/" + route.path.replace("<path:object_id>", one)), one
                )
                for one in (str(baobab.public_id), str(uuid7()))
            ]
            if answers[0] != answers[1]:
                wrong.append((method, route.path, answers))
    assert wrong == []


def test_pages_and_lists_show_nothing_of_another_company(world: World) -> None:
    wrong = []
    for route in routes():
        if route.path.startswith((PLATFORM, "api/schema", "api/docs")):
            continue
        for path in _plain_paths(route):
            found = world.browser.get(f"/{path}", QUESTIONS.get(path))
            assert found.status_code < 500, path
            text = b"".join(found) if found.streaming else found.content
            if leaked := [secret for secret in world.secrets() if secret.encode() in text]:
                wrong.append((path, leaked))
    assert wrong == []


def _plain_paths(route: Route) -> Iterator[str]:
    if match := ADMIN_LISTS.fullmatch(route.path):
        yield from (f"admin/{app}/" for app in match[1].split("|"))
    elif not PARAMETER.search(route.path) and "logout" not in route.path:
        yield route.path


def test_ids_in_bodies_and_questions_answer_alike_too(world: World) -> None:
    """Every field and parameter that takes an id: another company's, and nobody's."""
    document: Any = SchemaGenerator().get_schema(request=None, public=True)
    foreign = {
        table: str(row["public_id"])
        for (table, _), row in world.rows.made.items()
        if "public_id" in row and not table.endswith("event")
    }
    wrong, tried = [], 0
    for template, item in document["paths"].items():
        path = re.sub(r"\{\w+\}", str(uuid7()), template)
        for method, operation in item.items():
            for name in _id_parameters(operation):
                missing = world.answer("GET", f"{path}?{name}={uuid7()}")
                for one in _candidates(foreign, name):
                    tried += 1
                    if world.answer("GET", f"{path}?{name}={one}") != missing:
                        wrong.append((template, name, one))
            for name in _id_fields(document, operation):
                answers = [
                    world.answer(method.upper(), path, {name: one})
                    for one in (*_candidates(foreign, name), str(uuid7()))
                ]
                tried += 1
                if any(answer != answers[-1] for answer in answers):
                    wrong.append((method, template, name))
    assert wrong == []
    assert tried > 0


def _candidates(foreign: dict[str, str], name: str) -> list[str]:
    """Ids of the table that the name means; of all tables when it means none of them."""
    meant = [one for table, one in foreign.items() if table.endswith("_" + name.replace("_", ""))]
    return meant or list(foreign.values())


def _id_parameters(operation: Any) -> Iterator[str]:
    for parameter in operation.get("parameters", []):
        if parameter["in"] == "query" and parameter["schema"].get("format") == "uuid":
            yield parameter["name"]


def _id_fields(document: Any, operation: Any) -> Iterator[str]:
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    schema = body.get("schema", {})
    if "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    for name, field in schema.get("properties", {}).items():
        if field.get("format") == "uuid":
            yield name


def test_a_member_does_not_enter_the_platform(world: World) -> None:
    entered = []
    for route in routes():
        if not route.path.startswith(PLATFORM) or "log" in route.path.split("/")[1]:
            continue
        path = re.sub(r"<[^>]+>", "1", route.path)
        path = re.sub(r"\^?\(\?P<\w+>([\w.]+)[^)]*\)\*?/?\$?", r"\1/", path).replace("./", "x")
        found = world.browser.get(f"/{path}")
        if found.status_code == 200:
            entered.append(path)
    assert entered == []


def test_the_shortcut_of_the_admin_does_not_tell_foreign_rows_from_missing_ones(
    world: World,
) -> None:
    kind = ContentType.objects.get(app_label="clients", model="client").pk
    key = world.rows.made["clients_client", world.theirs]["id"]
    answers = [world.answer("GET", f"/admin/r/{kind}/{one}/") for one in (key, NOBODYS_KEY)]
    assert answers[0] == answers[1]
