"""The database's roles: each with its own limits, none that could pass row-level security."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from config.roles import ROLES, DangerousRole, create_roles, role_names, roles_sql
from config.services import Postgres


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    with Postgres(tmp_path_factory.mktemp("roles"), durable=False) as postgres:
        yield postgres


@pytest.fixture(scope="module")
def urls(server: Postgres) -> dict[str, str]:
    return create_roles(server.superuser_url(), "pulso")


def ask(url: str, question: str) -> list[tuple[object, ...]]:
    with psycopg.connect(url) as connection:
        return connection.execute(question.encode()).fetchall()


def test_no_role_is_strong(server: Postgres, urls: dict[str, str]) -> None:
    strong = "rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb OR rolreplication"
    rows = ask(
        urls["app"],
        f"SELECT rolname, {strong} FROM pg_roles WHERE rolname LIKE 'pulso%' ORDER BY rolname",
    )
    assert rows == [(name, False) for name in sorted(role_names().values())]


def test_each_role_has_its_own_limits(urls: dict[str, str]) -> None:
    question = """
        SELECT current_user, current_setting('search_path'), current_setting('statement_timeout'),
               current_setting('lock_timeout'),
               current_setting('idle_in_transaction_session_timeout')
    """
    assert [ask(urls[role], question)[0] for role in ROLES] == [
        ("pulso_owner", "pulso", "0", "2s", "0"),
        ("pulso_app", "pulso", "10s", "2s", "15s"),
        ("pulso_ingest", "pulso", "10s", "0", "0"),
        ("pulso_ops", "pulso", "0", "0", "0"),
        ("pulso_backup", "pulso", "0", "0", "0"),
    ]


def test_owner_makes_tables_and_extensions_and_app_sees_none_of_them(
    urls: dict[str, str],
) -> None:
    with psycopg.connect(urls["owner"]) as connection:
        for extension in ("pg_trgm", "unaccent", "btree_gist"):
            connection.execute(f"CREATE EXTENSION {extension}".encode())
        connection.execute("CREATE TABLE secret (n int)")

    assert ask(urls["owner"], "SELECT 'pulso.secret'::regclass::text") == [("secret",)]
    for role in ("app", "ingest", "ops", "backup"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            ask(urls[role], "SELECT * FROM secret")


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("schema", ["public", "pulso"])
def test_nobody_but_owner_creates_anything(role: str, schema: str, urls: dict[str, str]) -> None:
    if (role, schema) == ("owner", "pulso"):
        return
    # The backup role's transactions are read-only besides, and that is told first.
    with pytest.raises(
        (psycopg.errors.InsufficientPrivilege, psycopg.errors.ReadOnlySqlTransaction)
    ):
        ask(urls[role], f"CREATE TABLE {schema}.mine (n int)")


def test_creating_twice_keeps_the_password_given_and_replaces_the_others(
    server: Postgres,
) -> None:
    first = create_roles(server.superuser_url(), "twice", prefix="twice_")
    kept = {"app": psycopg.conninfo.conninfo_to_dict(first["app"])["password"]}

    second = create_roles(server.superuser_url(), "twice", prefix="twice_", passwords=kept)

    assert second["app"] == first["app"]
    assert ask(second["app"], "SELECT current_user") == [("twice_app",)]
    assert ask(second["owner"], "SELECT current_user") == [("twice_owner",)]
    with pytest.raises(psycopg.OperationalError):
        ask(first["owner"], "SELECT 1")


def test_a_hosted_administrator_without_superuser_is_enough(server: Postgres) -> None:
    with psycopg.connect(server.superuser_url(), autocommit=True) as connection:
        connection.execute("CREATE ROLE hosted LOGIN CREATEROLE CREATEDB PASSWORD 'hosted'")
    admin_url = server.url("hosted", "hosted", "postgres")

    create_roles(admin_url, "hosted", prefix="hosted_")
    urls = create_roles(admin_url, "hosted", prefix="hosted_")

    assert ask(
        urls["owner"],
        "SELECT nspowner::regrole::text FROM pg_namespace WHERE nspname = 'pulso'",
    ) == [("hosted_owner",)]


def test_a_role_that_somebody_made_strong_is_refused_and_nothing_changes(
    server: Postgres,
) -> None:
    with psycopg.connect(server.superuser_url(), autocommit=True) as connection:
        connection.execute("CREATE ROLE strong_app LOGIN BYPASSRLS")

    with pytest.raises(DangerousRole, match="strong_app"):
        create_roles(server.superuser_url(), "strong", prefix="strong_")

    assert ask(
        server.superuser_url(),
        "SELECT rolname FROM pg_roles WHERE rolname LIKE 'strong%'",
    ) == [("strong_app",)]


def test_printed_sql_can_be_run_by_hand(server: Postgres) -> None:
    with psycopg.connect(server.superuser_url(), autocommit=True) as connection:
        connection.execute("CREATE DATABASE byhand")
    sql = roles_sql("byhand", prefix="byhand_", passwords={"app": "secret"})

    with psycopg.connect(server.superuser_url("byhand")) as connection:
        connection.execute(sql.encode())

    assert ask(server.url("byhand_app", "secret", "byhand"), "SELECT current_user") == [
        ("byhand_app",)
    ]
