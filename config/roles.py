"""The database's roles: who may do what before any table exists.

None of the five is superuser or passes row-level security, so hosted PostgreSQL will do. Each
table's own rights are granted by the migration that makes it; there are no default privileges.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from urllib.parse import quote, urlsplit

import psycopg
from psycopg.sql import SQL, Composed, Identifier, Literal

ROLES = ("owner", "app", "ingest", "ops", "backup")
PREFIX = "pulso_"
SCHEMA = "pulso"
SETTINGS: dict[str, dict[str, str]] = {
    "owner": {"lock_timeout": "2s"},
    "app": {
        "statement_timeout": "10s",
        "lock_timeout": "2s",
        "idle_in_transaction_session_timeout": "15s",
    },
    "ingest": {"statement_timeout": "10s"},
    "ops": {},
    "backup": {"default_transaction_read_only": "on"},
}


class DangerousRole(Exception):
    """A role of ours can pass row-level security; nothing was changed."""


def role_names(prefix: str = PREFIX) -> dict[str, str]:
    return {role: f"{prefix}{role}" for role in ROLES}


def create_roles(
    admin_url: str,
    database: str,
    *,
    passwords: Mapping[str, str] | None = None,
    prefix: str = PREFIX,
) -> dict[str, str]:
    """One URL for each role; makes the database, the roles and the schema where they are missing.

    `admin_url` is of any role with CREATEROLE that owns the database, or may create it. Safe to
    call twice: a role gets the password given here, or else a new one.
    """
    chosen = chosen_passwords(passwords)
    names = role_names(prefix)
    make_database(admin_url, database)
    with psycopg.connect(at_database(admin_url, database), autocommit=True) as connection:
        existing = existing_roles(connection, names)
        verifiers = {role: scram(connection, names[role], chosen[role]) for role in ROLES}
        with connection.transaction():
            for statement in statements(database, verifiers, prefix=prefix, existing=existing):
                connection.execute(statement)
    return {role: role_url(admin_url, database, names[role], chosen[role]) for role in ROLES}


def roles_sql(
    database: str, *, passwords: Mapping[str, str] | None = None, prefix: str = PREFIX
) -> str:
    """The same as SQL, for whoever prefers to run it by hand in that database."""
    lines = [
        statement.as_string(None)
        for statement in statements(database, chosen_passwords(passwords), prefix=prefix)
    ]
    return "".join(f"{line};\n" for line in lines)


def statements(
    database: str,
    passwords: Mapping[str, str],
    *,
    prefix: str = PREFIX,
    existing: frozenset[str] = frozenset(),
) -> Iterator[Composed]:
    """Everything in its order. Passwords may be SCRAM verifiers, which no log can give away."""
    names = {role: Identifier(name) for role, name in role_names(prefix).items()}
    schema, owner = Identifier(SCHEMA), names["owner"]
    for role, name in names.items():
        start = (
            "ALTER ROLE {} PASSWORD {}"
            if role in existing
            else f"CREATE ROLE {{}} {ATTRIBUTES} PASSWORD {{}}"
        )
        yield SQL(start).format(name, Literal(passwords[role]))
        yield SQL("ALTER ROLE {} SET search_path = {}").format(name, schema)
        for setting, value in SETTINGS[role].items():
            yield SQL("ALTER ROLE {} SET {} = {}").format(name, Identifier(setting), Literal(value))
    yield SQL("GRANT CREATE, TEMPORARY, CONNECT ON DATABASE {} TO {}").format(
        Identifier(database), owner
    )
    # A schema can be given only to a role that we could be; for this moment we can.
    yield SQL("GRANT {} TO CURRENT_USER").format(owner)
    yield SQL("CREATE SCHEMA IF NOT EXISTS {} AUTHORIZATION {}").format(schema, owner)
    others = SQL(", ").join(name for role, name in names.items() if role != "owner")
    yield SQL("GRANT USAGE ON SCHEMA {} TO {}").format(schema, others)
    yield SQL("REVOKE {} FROM CURRENT_USER").format(owner)
    yield SQL("REVOKE CREATE ON SCHEMA public FROM PUBLIC").format()


ATTRIBUTES = "LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS"


def make_database(admin_url: str, database: str) -> None:
    """Create the database where it is missing; an existing one needs no right to create."""
    for known in (database, "postgres"):
        try:
            connection = psycopg.connect(at_database(admin_url, known), autocommit=True)
        except psycopg.OperationalError:
            if known == "postgres":
                raise
            continue
        with connection:
            if known != database:
                connection.execute(SQL("CREATE DATABASE {}").format(Identifier(database)))
            return


def existing_roles(connection: psycopg.Connection, names: Mapping[str, str]) -> frozenset[str]:
    """Which of our roles the server has; refuses one that somebody made too strong."""
    rows = connection.execute(
        "SELECT rolname, rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = ANY(%s)",
        [list(names.values())],
    ).fetchall()
    if strong := sorted(name for name, is_strong in rows if is_strong):
        raise DangerousRole(
            f"{', '.join(strong)} may pass row-level security: alter it, or use another prefix."
        )
    found = {name for name, _ in rows}
    return frozenset(role for role, name in names.items() if name in found)


def scram(connection: psycopg.Connection, name: str, password: str) -> str:
    """What the server would store for the password, so that the password itself is never sent."""
    return connection.pgconn.encrypt_password(
        password.encode(), name.encode(), b"scram-sha-256"
    ).decode()


def chosen_passwords(given: Mapping[str, str] | None) -> dict[str, str]:
    return {role: (given or {}).get(role) or secrets.token_urlsafe(24) for role in ROLES}


def at_database(url: str, database: str) -> str:
    return urlsplit(url)._replace(path=f"/{quote(database)}").geturl()


def role_url(admin_url: str, database: str, name: str, password: str) -> str:
    """The same server and options, another role."""
    parts = urlsplit(admin_url)
    place = parts.netloc.rpartition("@")[2]
    netloc = f"{quote(name)}:{quote(password, safe='')}@{place}"
    return parts._replace(netloc=netloc, path=f"/{quote(database)}").geturl()
