"""This checkout's own servers, secrets and passwords: everything under `.pulso/`."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import secrets
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

import psycopg

from config.bootstrap import ROOT
from config.launcher import is_alive
from config.processes import kept_secret, write_private
from config.roles import PREFIX, ROLES, create_roles, role_names
from config.services import AlreadyRunning, Postgres, ServiceError, Valkey

DATABASE = "pulso"
SECRETS = {
    "SECRET_KEY": lambda: secrets.token_urlsafe(48),
    "JWT_SIGNING_KEY": lambda: secrets.token_urlsafe(48),
    "FIELD_KEYS": lambda: base64.b64encode(secrets.token_bytes(32)).decode(),
}


def default_folder() -> Path:
    return Path(os.environ.get("PULSO_FOLDER") or ROOT / ".pulso")


@dataclass
class Installation:
    """Servers of our own where the environment names none, and the variables that describe all."""

    folder: Path = field(default_factory=default_folder)
    postgres: Postgres | None = None
    valkey: Valkey | None = None

    def __post_init__(self) -> None:
        self.folder.mkdir(mode=0o755, parents=True, exist_ok=True)

    @property
    def description(self) -> Path:
        """Where the process that runs the servers tells others how to reach them."""
        return self.folder / "environment.json"

    def secrets(self) -> dict[str, str]:
        """Keys made up once for this checkout; production names its own."""
        if os.environ.get("ENVIRONMENT") == "production":
            return {}
        folder = self._secret_folder()
        made = {name: kept_secret(folder / name, make) for name, make in SECRETS.items()}
        return {name: os.environ.get(name) or value for name, value in made.items()}

    def start_database(self) -> dict[str, str]:
        """The variables of a database that answers: the one in DATABASE_URL, or else our own."""
        if given := os.environ.get("DATABASE_URL"):
            return self.given_database(given)
        self.postgres = Postgres(self.folder / "postgres").start()
        passwords = {role: kept_secret(self._secret_folder() / f"role-{role}") for role in ROLES}
        return database_variables(
            create_roles(self.postgres.superuser_url(), DATABASE, passwords=passwords)
        )

    def given_database(self, url: str) -> dict[str, str]:
        """Roles made by the role of this URL when it may make them; else it is the app's own."""
        with connected(url) as connection:
            is_strong, is_owner = connection.execute(
                "SELECT rolsuper OR rolcreaterole, pg_has_role(datdba, 'MEMBER')"
                " FROM pg_roles, pg_database"
                " WHERE rolname = current_user AND datname = current_database()"
            ).fetchone() or (False, False)
            prefix = os.environ.get("DATABASE_ROLE_PREFIX", PREFIX)
            names = list(role_names(prefix).values())
            known = connection.execute(
                "SELECT count(*) FROM pg_roles WHERE rolname = ANY(%s)", [names]
            ).fetchone() or (0,)
        if is_strong:
            return self._make_roles(url, prefix, some_exist=known[0] > 0)
        if is_owner:
            raise ServiceError(
                "The role in DATABASE_URL owns the database but may not create roles: run the SQL"
                " of `manage.py roles --print` with one that may, then set the URLs it prints."
            )
        return {}

    def _make_roles(self, url: str, prefix: str, *, some_exist: bool) -> dict[str, str]:
        place = urlsplit(url)
        database = unquote(place.path.lstrip("/"))
        folder = self._secret_folder() / f"{place.hostname}-{place.port or 5432}-{database}"
        if some_exist and not folder.exists():
            raise ServiceError(
                f"Roles named {prefix}… exist already and their passwords are not known here: set"
                " DATABASE_ROLE_PREFIX for others, or run `manage.py roles` for new passwords."
            )
        folder.mkdir(mode=0o700, exist_ok=True)
        passwords = {role: kept_secret(folder / f"role-{role}") for role in ROLES}
        return database_variables(create_roles(url, database, passwords=passwords, prefix=prefix))

    def start_cache(self) -> dict[str, str]:
        """The variables of a Valkey that answers: the one in REDIS_URL, or else our own."""
        if given := os.environ.get("REDIS_URL"):
            return {"REDIS_URL": given}
        self.valkey = Valkey(self.folder / "valkey").start()
        return {"REDIS_URL": self.valkey.url()}

    def stop(self) -> None:
        self.description.unlink(missing_ok=True)
        for server in (self.valkey, self.postgres):
            if server:
                server.stop()

    def describe(self, environment: dict[str, str]) -> None:
        """Let other commands use what this process started, for as long as it lives."""
        text = json.dumps({"process": os.getpid(), "environment": environment}, indent=1)
        write_private(self.description, text)

    def described(self) -> dict[str, str]:
        """The variables of servers that another process runs; empty when none does."""
        with suppress(OSError, ValueError, KeyError):
            found = json.loads(self.description.read_text())
            if is_alive(found["process"]):
                return dict(found["environment"])
        return {}

    @contextmanager
    def held(self) -> Iterator[None]:
        """Be the only process that runs this folder's servers."""
        with (self.folder / "running.lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                address = self.described().get("PUBLIC_URL", "")
                raise AlreadyRunning(
                    f"The servers in {self.folder} are already running {address}".strip() + "."
                ) from error
            yield

    def _secret_folder(self) -> Path:
        folder = self.folder / "secrets"
        folder.mkdir(mode=0o700, exist_ok=True)
        return folder


def connected(url: str) -> psycopg.Connection:
    try:
        return psycopg.connect(url)
    except psycopg.OperationalError as error:
        raise ServiceError(f"The database in DATABASE_URL does not answer: {error}") from error


def database_variables(urls: dict[str, str]) -> dict[str, str]:
    """`DATABASE_URL` is the app's; the others name their role."""
    return {
        "DATABASE_URL" if role == "app" else f"DATABASE_{role.upper()}_URL": url
        for role, url in urls.items()
    }


@contextmanager
def servers() -> Iterator[None]:
    """Have a database and a cache for one command: given, running already, or started for it."""
    installation = Installation()
    with ExitStack() as stack:
        variables = installation.secrets()
        if not (os.environ.get("DATABASE_URL") and os.environ.get("REDIS_URL")):
            if running := installation.described():
                variables |= running
            else:
                stack.enter_context(installation.held())
                stack.callback(installation.stop)
                variables |= installation.start_database() | installation.start_cache()
                installation.describe(variables)
        os.environ.update(variables)
        yield
