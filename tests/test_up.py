"""`manage.py up`: one command starts everything, and whatever ends it ends everything."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from config.processes import free_port

REPOSITORY = Path(__file__).resolve().parents[1]
pytestmark = pytest.mark.xdist_group("up")  # one at a time: each is the whole product


class Up:
    """A running `manage.py up` with a folder of its own, and everything that it started."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        self.process = subprocess.Popen(
            [sys.executable, "manage.py", "up", "--no-demo", "--port", str(self.port)],
            cwd=REPOSITORY,
            env=environment(folder),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert self.process.stdout is not None
        self.said = ""
        for line in self.process.stdout:
            self.said += line
            if line.startswith("Pulso is at"):
                break
        self.children = psutil.Process(self.process.pid).children(recursive=True)
        self.ports = {port for child in self.children for port in listened(child)}

    def names(self) -> set[str]:
        found = set()
        for child in self.children:
            with suppress(psutil.NoSuchProcess):
                found.add(child.name())
        return found

    def left(self) -> list[str]:
        """What still runs or listens: the processes' command lines and the ports."""
        _gone, alive = psutil.wait_procs(self.children, timeout=20)
        ports = [f"port {port}" for port in sorted(self.ports) if is_answered(port)]
        return [" ".join(child.cmdline()) for child in alive] + ports


def arguments_of(child: psutil.Process) -> list[str]:
    with suppress(psutil.NoSuchProcess):
        return child.cmdline()
    return []


def listened(child: psutil.Process) -> set[int]:
    """The ports a process listens at. One that served a single question may be gone already."""
    try:
        connections = child.net_connections("tcp")
    except psutil.NoSuchProcess:
        return set()
    return {each.laddr.port for each in connections if each.status == psutil.CONN_LISTEN}


def is_answered(port: int) -> bool:
    """Whether somebody listens. Binding would not tell: any connection out may hold the number."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def environment(folder: Path) -> dict[str, str]:
    """None of the suite's own servers: `up` brings its own."""
    ours = ("DATABASE", "REDIS", "PULSO", "DJANGO", "NUDGES", "CELERY")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return {**kept, "PULSO_FOLDER": str(folder), "PYTHONUNBUFFERED": "1"}


def manage(up: Up, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=REPOSITORY,
        env=environment(up.folder),
        capture_output=True,
        text=True,
    )


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Up]:
    running = Up(tmp_path)
    yield running
    for process in (*running.children, running.process):
        if process.pid and psutil.pid_exists(process.pid):
            process.kill()
    running.process.communicate()


def test_up_serves_until_a_signal_and_other_commands_share_its_servers(up: Up) -> None:
    assert {"postgres", "valkey-server"} <= up.names()
    assert len(up.ports) >= 3

    again = manage(up, "up", "--port", str(free_port()))
    assert again.returncode == 2
    assert "already running" in again.stderr

    question = "from django.db import connection as c; c.connect(); print(c.connection.info.user)"
    assert "pulso_app" in manage(up, "shell", "-c", question).stdout

    private = [*(up.folder / "secrets").iterdir(), up.folder / "environment.json"]
    assert {path.stat().st_mode & 0o077 for path in private} == {0}

    up.process.send_signal(signal.SIGTERM)
    assert up.process.wait(30) == 0
    assert up.left() == []
    assert not (up.folder / "environment.json").exists()


def test_one_childs_death_stops_everything_with_status_1(up: Up) -> None:
    worker = next(child for child in up.children if "worker" in arguments_of(child))

    worker.kill()

    assert up.process.wait(30) == 1
    assert up.left() == []


def test_kill_9_leaves_nothing(up: Up) -> None:
    up.process.kill()
    up.process.wait()

    assert up.left() == []
