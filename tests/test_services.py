"""The embedded servers: they start anywhere, need a password, and end with their parent."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
import redis

from config import places
from config.launcher import is_alive
from config.places import Place
from config.processes import lock_holder, wait_until
from config.services import AlreadyRunning, Postgres, Valkey

REPOSITORY = Path(__file__).resolve().parents[1]
PYTHONPATH = f"{REPOSITORY}{os.pathsep}{Path(psycopg.__file__).parents[1]}"

# A process that starts both servers, says their pids and ports, and then only waits.
PARENT = """
    import sys, time
    from pathlib import Path
    from config import processes, services
    processes.NEEDS_WATCHER = processes.NEEDS_WATCHER or "--watcher" in sys.argv
    folder = Path(sys.argv[1])
    servers = [services.Postgres(folder / "postgres"), services.Valkey(folder / "valkey")]
    for server in servers:
        server.start()
    print(*(f"{server.process.pid} {server.port}" for server in servers), flush=True)
    time.sleep(600)
"""


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    with Postgres(tmp_path_factory.mktemp("postgres")) as server:
        yield server


@pytest.fixture
def parent_of_servers() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start PARENT in a process of its own; whatever is left of it ends with the test."""
    started: list[subprocess.Popen[str]] = []

    def start(folder: Path, *options: str, user: int | None = None) -> subprocess.Popen[str]:
        started.append(
            subprocess.Popen(
                [
                    python_for(user),
                    "-c",
                    textwrap.dedent(PARENT),
                    str(folder),
                    *options,
                ],
                cwd=REPOSITORY,
                env={
                    "PATH": os.defpath,
                    "PYTHONPATH": PYTHONPATH,
                    "PYTHONDONTWRITEBYTECODE": "1",
                },
                stdout=subprocess.PIPE,
                text=True,
                user=user,
                group=user,
                extra_groups=None if user is None else [],
            )
        )
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


def python_for(user: int | None) -> str:
    """An interpreter that this user may execute: our own may lie in somebody's closed home."""
    if user is None:
        return sys.executable
    for python in (os.path.realpath(sys.executable), "/usr/bin/python3"):
        try:
            subprocess.run(
                [python, "-c", "import enum; enum.StrEnum"],
                user=user,
                check=True,
                stderr=subprocess.DEVNULL,
            )
        except (OSError, subprocess.CalledProcessError):
            continue
        return python
    pytest.skip("no Python 3.11 is open to another user")


def pids_and_ports(parent: subprocess.Popen[str]) -> list[int]:
    assert parent.stdout is not None
    return [int(number) for number in parent.stdout.readline().split()]


def is_gone(pid: int) -> bool:
    return wait_until(lambda: not is_alive(pid), lambda: False, seconds=20)


def test_postgres_asks_for_a_password(postgres: Postgres) -> None:
    for user in ("postgres", "root", "nobody"):
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(f"postgres://{user}:wrong@127.0.0.1:{postgres.port}/postgres")

    with psycopg.connect(postgres.superuser_url()) as connection:
        hba = connection.execute("SELECT DISTINCT auth_method FROM pg_hba_file_rules").fetchall()
        listening = connection.execute("SELECT current_setting('listen_addresses')").fetchall()
        sockets = connection.execute("SELECT current_setting('unix_socket_directories')").fetchall()
    assert (hba, listening, sockets) == (
        [("scram-sha-256",)],
        [("127.0.0.1",)],
        [("",)],
    )
    assert (postgres.folder / "superuser-password").stat().st_mode & 0o777 == 0o600


def test_postgres_knows_letters_and_keeps_utc(postgres: Postgres) -> None:
    with psycopg.connect(postgres.superuser_url()) as connection:
        row = connection.execute("SELECT lower('AÇÃO'), current_setting('timezone')").fetchone()
    assert row == ("ação", "UTC")


def test_valkey_asks_for_a_password(tmp_path: Path) -> None:
    with Valkey(tmp_path) as valkey:
        with pytest.raises(redis.AuthenticationError):
            redis.Redis(host="127.0.0.1", port=valkey.port).ping()

        assert redis.Redis.from_url(valkey.url(1)).ping() is True
        assert (tmp_path / "valkey.conf").stat().st_mode & 0o777 == 0o600


def test_second_start_in_the_same_folder_is_refused(
    postgres: Postgres,
    parent_of_servers: Callable[..., subprocess.Popen[str]],
    tmp_path: Path,
) -> None:
    parent = parent_of_servers(tmp_path)
    pid, *_ = pids_and_ports(parent)

    with pytest.raises(AlreadyRunning, match=f"process {pid}, started by {parent.pid}"):
        Postgres(tmp_path / "postgres").start()

    assert is_alive(pid)


@pytest.mark.parametrize("option", ["--kernel", "--watcher"])
def test_kill_9_of_the_parent_leaves_no_server(
    option: str, parent_of_servers: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    parent = parent_of_servers(tmp_path, option)
    postgres_pid, _, valkey_pid, _ = pids_and_ports(parent)

    parent.kill()
    parent.wait()

    assert is_gone(postgres_pid)
    assert is_gone(valkey_pid)
    assert wait_until(
        lambda: lock_holder(tmp_path / "postgres" / "server.lock") is None,
        lambda: False,
        5,
    )


def test_a_start_right_after_kill_9_of_the_parent_works(
    parent_of_servers: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    parent = parent_of_servers(tmp_path)
    pids_and_ports(parent)
    parent.kill()
    parent.wait()

    with (
        Postgres(tmp_path / "postgres") as server,
        psycopg.connect(server.superuser_url()) as connection,
    ):
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_postgres_comes_back_on_its_port_after_kill_9_with_what_was_committed(
    tmp_path: Path,
) -> None:
    with Postgres(tmp_path) as server:
        port = server.port
        with psycopg.connect(server.superuser_url()) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 1 AS n")

        server.process.send_signal(signal.SIGKILL)
        server.process.wait()
        server.start()

        with psycopg.connect(server.superuser_url()) as connection:
            assert connection.execute("SELECT n FROM kept").fetchall() == [(1,)]
        assert server.port == port


def test_stale_pid_of_a_living_process_does_not_stop_the_start(tmp_path: Path) -> None:
    with Postgres(tmp_path) as server:
        pid_file = server.data / "postmaster.pid"
        crashed = pid_file.read_text().splitlines()
    pid_file.write_text("\n".join([str(os.getpid()), *crashed[1:]]) + "\n")

    with Postgres(tmp_path) as server:
        assert server.is_running


def test_interrupted_first_start_is_made_again(tmp_path: Path) -> None:
    (tmp_path / "data.unfinished").mkdir()
    (tmp_path / "data.unfinished" / "PG_VERSION").write_text("18")

    with (
        Postgres(tmp_path) as server,
        psycopg.connect(server.superuser_url()) as connection,
    ):
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_stop_leaves_no_process_and_no_port(tmp_path: Path) -> None:
    servers = [
        Postgres(tmp_path / "postgres").start(),
        Valkey(tmp_path / "valkey").start(),
    ]
    pids = [server.process.pid for server in servers]
    ports = [server.port for server in servers]

    for server in servers:
        server.stop()
        server.stop()

    assert [is_alive(pid) for pid in pids] == [False, False]
    for port in ports:
        assert socket.socket().connect_ex(("127.0.0.1", port)) != 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can try to be somebody else")
def test_an_ordinary_user_can_run_the_servers(
    parent_of_servers: Callable[..., subprocess.Popen[str]],
) -> None:
    user = int(places.nobody().split(":")[0])
    folder = Path(tempfile.mkdtemp(dir="/var/tmp"))
    shutil.chown(folder, user)
    if not places.can_run(Place(folder, Postgres._executable(), places.nobody())):
        pytest.skip("this environment is closed to other users")
    try:
        parent = parent_of_servers(folder, user=user)
        postgres_pid, *_ = pids_and_ports(parent)
        assert Path(f"/proc/{postgres_pid}").stat().st_uid == user
        parent.kill()
        assert is_gone(postgres_pid)
    finally:
        shutil.rmtree(folder)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to become somebody else")
@pytest.mark.parametrize(
    "missing", [{"namespace"}, {"namespace", places.nobody()}], ids=["nobody", "copy"]
)
def test_root_finds_another_way_where_one_is_closed(
    missing: set[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = Path(tempfile.mkdtemp(dir="/var/tmp"))
    folder.chmod(0o711)
    possible = places.can_run
    monkeypatch.setattr(
        places,
        "can_run",
        lambda place: place.identity not in missing and possible(place),
    )
    if missing == {"namespace"} and not possible(
        Place(folder, Postgres._executable(), places.nobody())
    ):
        pytest.skip("this environment is closed to other users")
    server = Postgres(folder)
    try:
        with server.start(), psycopg.connect(server.superuser_url()) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
            assert server.place.identity == places.nobody()
        is_copy = server.place.folder != folder
        assert is_copy == (len(missing) == 2)
        assert (str(server.place.folder) in capsys.readouterr().err) == is_copy
    finally:
        shutil.rmtree(folder)
        shutil.rmtree(server.place.folder, ignore_errors=True)
