"""Throw-away PostgreSQL and Valkey for the suite, and a database for each worker."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest

TEMPLATE = "pulso_template"
ENOUGH_BYTES = 4 * 1024**3
ALIASES = ("default", "owner", "ingest", "ops", "backup")


def pytest_configure(config: pytest.Config) -> None:
    """The controller starts the servers once; workers read where they are. Then Django can load."""
    if not os.environ.get("PULSO_TEST_SERVERS"):
        _start_servers(config)
    _take_own_cache()
    os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
    import django

    django.setup()
    config.pluginmanager.import_plugin("clients.testing")


def _take_own_cache() -> None:
    """A Valkey database for each worker: their tenants have the same numbers, and would share
    counters."""
    servers = json.loads(os.environ["PULSO_TEST_SERVERS"])
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")
    number = int(worker.removeprefix("gw")) + 1 if worker else 0
    os.environ["REDIS_URL"] = urlsplit(servers["valkey"])._replace(path=f"/{number}").geturl()


def _start_servers(config: pytest.Config) -> None:
    from config.services import Postgres, Valkey

    folder = Path(tempfile.mkdtemp(prefix="pulso-test-", dir=_quick_folder()))
    postgres = Postgres(folder / "postgres", durable=False)
    valkey = Valkey(folder / "valkey", durable=False)
    config.stash[_SERVERS] = (folder, postgres, valkey)
    postgres.start()
    valkey.start()
    _make_template(postgres, valkey)


def _quick_folder() -> str | None:
    """Memory, where there is enough: a clone of the template is more than a thousand files."""
    memory = Path("/dev/shm")  # noqa: S108 - the folder made there is our own
    is_roomy = memory.is_dir() and shutil.disk_usage(memory).free > ENOUGH_BYTES
    return str(memory) if is_roomy and os.access(memory, os.W_OK) else None


def pytest_unconfigure(config: pytest.Config) -> None:
    if _SERVERS in config.stash:
        folder, postgres, valkey = config.stash[_SERVERS]
        postgres.stop()
        valkey.stop()
        shutil.rmtree(folder, ignore_errors=True)


_SERVERS: pytest.StashKey[Any] = pytest.StashKey()


def _make_template(postgres: Any, valkey: Any) -> None:
    from config.roles import create_roles

    urls = create_roles(postgres.superuser_url(), TEMPLATE)
    urls["default"] = urls.pop("app")
    os.environ.update(_environment(urls, valkey.url(0), TEMPLATE))
    os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
    import django
    from django.core.management import call_command
    from django.db import connections

    django.setup()
    call_command("migrate", database="owner", verbosity=0, interactive=False)
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "CREATE TABLE tests_tenant AS WITH made AS (INSERT INTO clients_tenant "
            "(public_id, name, slug, trade, status, legal_name, document, address, city, state, "
            "currency, locale, time_zone, is_demo, created_at) "
            "SELECT gen_random_uuid(), initcap(slug) || ' Energia', slug, 'energy', 'active', "
            "initcap(slug) || ' Energia Ltda.', '', 'Rua Um, 1', 'Jundiaí', 'SP', 'BRL', 'pt-br', "
            "'America/Sao_Paulo', false, now() FROM unnest(ARRAY['acacia', 'baobab']) AS slug "
            "RETURNING id, slug) SELECT id AS tenant_id, slug FROM made"
        )
        cursor.execute(f"GRANT SELECT ON tests_tenant TO {urlsplit(urls['default']).username}")
    connections.close_all()
    os.environ["PULSO_TEST_SERVERS"] = json.dumps(
        {"superuser": postgres.superuser_url(), "urls": urls, "valkey": valkey.url(0)}
    )


def _environment(urls: dict[str, str], valkey: str, database: str) -> dict[str, str]:
    renamed = {
        name: urlsplit(url)._replace(path=f"/{database}").geturl() for name, url in urls.items()
    }
    return {
        "DATABASE_URL": renamed["default"],
        **{f"DATABASE_{name.upper()}_URL": renamed[name] for name in ALIASES[1:]},
        "REDIS_URL": valkey,
        "NUDGES_ENABLED": "0",
    }


class Databases:
    """This worker's databases: clones of the template, made and dropped by the superuser."""

    def __init__(self, worker: str) -> None:
        self.servers = json.loads(os.environ["PULSO_TEST_SERVERS"])
        self.name = f"pulso_{worker}"

    def clone(self) -> None:
        """Put a fresh clone in place and point Django's connections at it."""
        from django.db import connections

        connections.close_all()
        with psycopg.connect(self.servers["superuser"], autocommit=True) as server:
            server.execute(f'DROP DATABASE IF EXISTS "{self.name}" WITH (FORCE)')
            server.execute(f'CREATE DATABASE "{self.name}" TEMPLATE {TEMPLATE} STRATEGY FILE_COPY')
        for alias in connections:
            connections[alias].settings_dict["NAME"] = self.name
            connections[alias].settings_dict["CONN_MAX_AGE"] = 0
            connections.settings[alias]["NAME"] = self.name

    def environment(self) -> dict[str, str]:
        """Variables for a process of its own that works on this worker's database."""
        return _environment(self.servers["urls"], os.environ["REDIS_URL"], self.name)


@pytest.fixture(scope="session")
def databases(worker_id: str) -> Databases:
    return Databases(worker_id)


@pytest.fixture(scope="session")
def django_db_setup(databases: Databases, django_db_blocker: Any) -> None:
    """Replaces pytest-django's: a clone of the migrated template instead of test_* databases."""
    with django_db_blocker.unblock():
        databases.clone()
        _assert_app_role()


@pytest.fixture
def fresh_database(
    databases: Databases, django_db_setup: None, django_db_blocker: Any
) -> Iterator[Databases]:
    """A clone that the test may commit to; the next test gets another. Used by `commits`."""
    with django_db_blocker.unblock():
        yield databases
        databases.clone()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.get_closest_marker("commits"):
            item.fixturenames.insert(0, "fresh_database")  # type: ignore[attr-defined] # pytest's own


@pytest.fixture
def db(request: pytest.FixtureRequest) -> None:
    """pytest-django's `db`, unless the test commits: then the fresh database stands in."""
    if not request.node.get_closest_marker("commits"):
        request.getfixturevalue("_django_db_helper")


def _assert_app_role() -> None:
    from django.conf import settings
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user")
        assert cursor.fetchone() == (settings.DATABASE_ROLES["app"],)
