"""Programs that end with the process that started them, and the small files they are given."""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO

LAUNCHER = Path(__file__).with_name("launcher.py")
IS_LINUX = sys.platform.startswith("linux")
NEEDS_WATCHER = not IS_LINUX  # only Linux itself tells a process that its parent has ended
# Linux tells a child that its parent ended when the *thread* that started it does: this one stays.
_LASTING = ThreadPoolExecutor(1, thread_name_prefix="spawn")
PLAIN_ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C"}


def spawn(
    program: Sequence[str],
    *,
    last_signal: signal.Signals = signal.SIGTERM,
    identity: str = "self",
    lock: Path | None = None,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    output: int | IO[bytes] | None = None,
) -> subprocess.Popen[bytes]:
    """Start a program that gets `last_signal` when this process ends, even by kill -9.

    It leads a session of its own, so Ctrl-C in the terminal reaches only us. Any thread may call
    this, and end.
    """
    options = [
        "--parent",
        str(os.getpid()),
        "--signal",
        str(int(last_signal)),
        "--identity",
        identity,
    ]
    if lock:
        options += ["--lock", str(lock)]
    if NEEDS_WATCHER:
        options += ["--watcher"]

    def start() -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-I", "-S", str(LAUNCHER), *options, "--", *program],
            env=env,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT if output is not None else None,
            start_new_session=True,
        )

    is_lasting = threading.current_thread() is threading.main_thread()
    return start() if is_lasting else _LASTING.submit(start).result()


def free_port() -> int:
    """A port that nobody used a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def is_free(port: int) -> bool:
    """Whether a server could listen there now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read; readers see the old text or the new."""
    unfinished = path.with_name(f"{path.name}.{os.getpid()}")
    with contextlib.suppress(FileNotFoundError):
        unfinished.unlink()
    handle = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write(text)
    unfinished.replace(path)


def new_password() -> str:
    return secrets.token_urlsafe(24)


def kept_secret(path: Path, make: Callable[[], str] = new_password) -> str:
    """The secret in this file; made up the first time."""
    with contextlib.suppress(FileNotFoundError):
        if secret := path.read_text().strip():
            return secret
    write_private(path, make())
    return path.read_text().strip()


def lock_holder(lock: Path) -> tuple[int, int] | None:
    """The running server and the process that started it; None when the lock is free."""
    try:
        file = lock.open("r+")
    except FileNotFoundError:
        return None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            numbers = file.read().split()
            return (int(numbers[0]), int(numbers[1])) if numbers else (0, 0)
    return None


def wait_until(
    done: Callable[[], bool], hopeless: Callable[[], bool], seconds: float, pause: float = 0.02
) -> bool:
    """Ask again and again, gently; False when it is hopeless or took too long."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if hopeless():
            return False
        if done():
            return True
        time.sleep(pause)
    return False
