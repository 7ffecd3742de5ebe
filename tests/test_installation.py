"""The servers that `up` and the other commands work with: their own, or those that are given."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from config.commands.django import with_owner
from config.commands.installation import Installation
from config.commands.roles import run as run_roles
from config.roles import create_roles
from config.services import AlreadyRunning, Postgres, ServiceError

NAMES = {f"DATABASE{part}_URL" for part in ("", "_OWNER", "_INGEST", "_OPS", "_BACKUP")}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    with Postgres(tmp_path_factory.mktemp("given"), durable=False) as postgres:
        yield postgres


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An environment that names no server, as on a fresh machine."""
    for name in list(os.environ):
        if name.startswith(("DATABASE", "REDIS", "SECRET", "FIELD", "JWT")):
            monkeypatch.delenv(name)
    return monkeypatch


def user_of(url: str) -> str:
    with psycopg.connect(url) as connection:
        return connection.info.user


def test_a_given_administrator_makes_roles_and_keeps_their_passwords(
    server: Postgres, tmp_path: Path, bare: pytest.MonkeyPatch
) -> None:
    bare.setenv("DATABASE_ROLE_PREFIX", "one_")

    first = Installation(tmp_path).given_database(server.superuser_url("postgres"))
    again = Installation(tmp_path).given_database(server.superuser_url("postgres"))

    assert set(first) == NAMES
    assert again == first
    assert user_of(first["DATABASE_URL"]) == "one_app"


def test_roles_of_another_checkout_keep_their_passwords(
    server: Postgres, tmp_path: Path, bare: pytest.MonkeyPatch
) -> None:
    theirs = create_roles(server.superuser_url(), "postgres", prefix="other_")
    bare.setenv("DATABASE_ROLE_PREFIX", "other_")

    with pytest.raises(ServiceError, match="DATABASE_ROLE_PREFIX"):
        Installation(tmp_path).given_database(server.superuser_url("postgres"))

    assert user_of(theirs["app"]) == "other_app"


def test_the_apps_own_url_is_used_as_it_is(
    server: Postgres, tmp_path: Path, bare: pytest.MonkeyPatch
) -> None:
    urls = create_roles(server.superuser_url(), "postgres", prefix="plain_")

    assert Installation(tmp_path).given_database(urls["app"]) == {}


def test_an_owner_that_may_not_create_roles_is_told_what_to_do(
    server: Postgres, tmp_path: Path, bare: pytest.MonkeyPatch
) -> None:
    with psycopg.connect(server.superuser_url(), autocommit=True) as connection:
        connection.execute("CREATE ROLE landlord LOGIN PASSWORD 'x'")
        connection.execute("CREATE DATABASE house OWNER landlord")

    with pytest.raises(ServiceError, match=r"manage\.py roles --print"):
        Installation(tmp_path).given_database(server.url("landlord", "x", "house"))


def test_a_silent_database_is_named(tmp_path: Path, bare: pytest.MonkeyPatch) -> None:
    with pytest.raises(ServiceError, match="DATABASE_URL does not answer"):
        Installation(tmp_path).given_database("postgres://app:x@127.0.0.1:1/pulso")


def test_secrets_are_made_once_and_the_environments_own_come_first(
    tmp_path: Path, bare: pytest.MonkeyPatch
) -> None:
    first = Installation(tmp_path).secrets()
    bare.setenv("SECRET_KEY", "chosen")

    again = Installation(tmp_path).secrets()

    assert again == {**first, "SECRET_KEY": "chosen"}
    assert len(base64.b64decode(first["FIELD_KEYS"])) == 32
    bare.setenv("ENVIRONMENT", "production")
    assert Installation(tmp_path).secrets() == {}


def test_one_process_at_a_time_runs_the_servers(tmp_path: Path, bare: pytest.MonkeyPatch) -> None:
    installation = Installation(tmp_path)
    with installation.held():
        installation.describe({"PUBLIC_URL": "http://127.0.0.1:8000"})

        with pytest.raises(AlreadyRunning, match=r"already running http://127\.0\.0\.1:8000"):
            Installation(tmp_path).held().__enter__()

        assert Installation(tmp_path).described() == {"PUBLIC_URL": "http://127.0.0.1:8000"}


def test_what_a_dead_process_described_is_not_believed(
    tmp_path: Path, bare: pytest.MonkeyPatch
) -> None:
    installation = Installation(tmp_path)
    text = json.dumps({"process": 2**22 + 1, "environment": {"DATABASE_URL": "gone"}})
    installation.description.write_text(text)

    assert installation.described() == {}


def test_roles_command_gives_each_role_the_password_in_its_url(
    server: Postgres, bare: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    bare.setenv("DATABASE_URL", "postgres://cmd_app:chosen@elsewhere/postgres")

    status = run_roles([server.superuser_url(), "--prefix", "cmd_"])

    printed = capsys.readouterr().out
    assert status == 0
    assert user_of(server.url("cmd_app", "chosen", "postgres")) == "cmd_app"
    assert "DATABASE_URL=" not in printed
    assert printed.count("postgres://cmd_") == 4


def test_roles_command_prints_sql_and_changes_nothing(
    bare: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_roles(["--print", "--prefix", "shown_"]) == 0
    assert capsys.readouterr().out.count("CREATE ROLE") == 5


def test_only_the_owner_migrates(bare: pytest.MonkeyPatch) -> None:
    with pytest.raises(SystemExit):
        with_owner("migrate", ["manage.py", "migrate"])

    bare.setenv("DATABASE_OWNER_URL", "postgres://pulso_owner@/pulso")

    assert with_owner("migrate", ["manage.py", "migrate"])[-2:] == ["--database", "owner"]
    assert with_owner("shell", ["manage.py", "shell"]) == ["manage.py", "shell"]
