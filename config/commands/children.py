"""The processes that `up` runs, and how they end together."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from config.bootstrap import ROOT
from config.processes import free_port, spawn

GRACE_SECONDS = 8.0  # for a request or a task to finish after Ctrl-C
# Stand-ins for the outside world: what each is called, and its command.
SIMULATORS = {"whatsapp": "simulate_whatsapp", "pix": "simulate_pix"}


@dataclass
class Children:
    """The running processes. `events` says when one ends that nothing works without, or a signal
    asks us to stop."""

    environment: dict[str, str]
    events: queue.SimpleQueue[str] = field(default_factory=queue.SimpleQueue)
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    is_stopping: bool = False
    _starting: threading.Lock = field(default_factory=threading.Lock)

    def start(self, name: str, program: list[str], *, is_vital: bool = True) -> None:
        """Run it until we stop; when a vital one ends by itself, that is an event."""
        with self._starting:
            if not self.is_stopping:
                self._start(name, program, is_vital=is_vital)

    def _start(self, name: str, program: list[str], *, is_vital: bool) -> None:
        process = spawn(
            program,
            # Celery waits for its broker before it obeys, and the broker has gone with us.
            last_signal=signal.SIGKILL if "celery" in program else signal.SIGTERM,
            env={**os.environ, **self.environment},
            cwd=ROOT,
            output=subprocess.PIPE,
        )
        self.running[name] = process
        threading.Thread(target=self._relay, args=(name, process, is_vital), daemon=True).start()

    def _relay(self, name: str, process: subprocess.Popen[bytes], is_vital: bool) -> None:
        """Print what the process says behind its name, and report its end."""
        assert process.stdout is not None  # noqa: S101 # we asked for a pipe
        try:
            for line in process.stdout:
                text = line.decode(errors="replace").rstrip()
                print(f"{name:10} | {text}", flush=True)
        except OSError:
            self.events.put("nobody reads what is printed here")
        if is_vital:
            self.events.put(f"{name} ended with status {process.wait()}")

    def has_ended(self, name: str) -> int | None:
        """The status with which this one ended; None when it runs, or never did."""
        process = self.running.get(name)
        return process.poll() if process else None

    def is_over(self) -> bool:
        """Whether something happened after which we must stop."""
        return not self.events.empty()

    def stop(self) -> None:
        """Ask all of them to finish, and end those that do not, with everything they started."""
        with self._starting:
            self.is_stopping = True
        for process in self.running.values():
            if process.poll() is None:
                process.terminate()
        deadline = time.monotonic() + GRACE_SECONDS
        for process in self.running.values():
            try:
                process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
            # Each leads a session of its own; whoever is still in it goes too.
            end_group(process.pid)
            process.wait()


def edge(port: int) -> list[str]:
    """One process that is a whole front door: ingest, live events, and Django behind them."""
    options = ["--interface", "asgi", "--host", "127.0.0.1", "--port", str(port)]
    # Open event streams would hold a graceful stop for ever.
    options += ["--workers", "1", "--workers-kill-timeout", "5", "--log-level", "warning"]
    return [str(Path(sys.executable).with_name("granian")), *options, "config.asgi:application"]


def worker() -> list[str]:
    queues = ["--queues", "critical,default,bulk", "--concurrency", "2"]
    quiet = ["--without-gossip", "--without-mingle", "--loglevel", "WARNING"]
    return [*celery(), "worker", *queues, *quiet]


def scheduler() -> list[str]:
    return [*celery(), "beat", "--pidfile="]


def celery() -> list[str]:
    return [sys.executable, "-m", "celery", "--quiet", "--app", "config.celery"]


def simulator_ports() -> dict[str, int]:
    """Where each simulator will listen. A usual port could be taken by another checkout's `up`
    in the time that the tables need."""
    return {name: free_port() for name in SIMULATORS}


def simulator_variables(ports: dict[str, int], allowed: str) -> dict[str, str]:
    """Where the adapters find the simulators, and the leave to go to such private addresses beside
    those that are `allowed` already."""
    places = {name: f"127.0.0.1:{port}" for name, port in ports.items()}
    urls = {f"{name.upper()}_SIMULATOR_URL": f"http://{place}" for name, place in places.items()}
    private = ",".join(each for each in (allowed.strip(" ,"), *places.values()) if each)
    return {**urls, "HTTP_ALLOWED_PRIVATE": private}


def simulator(name: str, port: int) -> list[str]:
    return [sys.executable, "manage.py", SIMULATORS[name], "-v0", "--port", str(port)]


def end_group(leader: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(leader, signal.SIGKILL)
