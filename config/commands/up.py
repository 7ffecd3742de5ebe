"""`manage.py up`: everything that Pulso is, from one command, until Ctrl-C."""

from __future__ import annotations

import argparse
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from config.bootstrap import ROOT
from config.commands.installation import Installation
from config.processes import free_port, spawn, wait_until
from config.services import ServiceError

READY_SECONDS = 60.0
PATH_SECONDS = 300.0
GRACE_SECONDS = 8.0  # for a request or a task to finish after Ctrl-C
# Ours is a root's container or a developer's machine, and static files come from the apps.
EXPECTED_WARNINGS = "ignore:You're running the worker with superuser,ignore:No directory at"
# Stand-ins for the outside world: what each is called, its command and its usual port.
SIMULATORS = {"whatsapp": ("simulate_whatsapp", 8990)}


@dataclass
class Steps:
    """What was done and how long it took: printed as it happens, and again as a summary."""

    done: list[tuple[bool, str, str, float]] = field(default_factory=list)
    started: float = field(default_factory=time.monotonic)

    @contextmanager
    def step(self, name: str) -> Iterator[list[str]]:
        """Time one step; what it puts in the list is shown beside it."""
        began, detail = time.monotonic(), list[str]()
        try:
            yield detail
        except BaseException:
            self._note(False, name, detail, began)
            raise
        self._note(True, name, detail, began)

    def _note(self, is_good: bool, name: str, detail: list[str], began: float) -> None:
        self.done.append((is_good, name, " ".join(detail), time.monotonic() - began))
        print(self._line(*self.done[-1]), flush=True)

    def _line(self, is_good: bool, name: str, detail: str, seconds: float) -> str:
        return f"{'ok  ' if is_good else 'FAIL'} {seconds:6.1f} s  {name:10} {detail}".rstrip()

    def summary(self) -> str:
        total = time.monotonic() - self.started
        lines = [self._line(*step) for step in self.done]
        return "\n".join(["", *lines, f"     {total:6.1f} s  together"])


@dataclass
class Children:
    """The running processes. `events` says when one ends or a signal asks us to stop."""

    environment: dict[str, str]
    events: queue.SimpleQueue[str] = field(default_factory=queue.SimpleQueue)
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, name: str, program: list[str]) -> None:
        process = spawn(
            program,
            # Celery's SIGQUIT does not wait for the running task, and there is nobody left to wait.
            last_signal=signal.SIGQUIT if "celery" in program else signal.SIGTERM,
            env={**os.environ, **self.environment},
            cwd=ROOT,
            output=subprocess.PIPE,
        )
        self.running[name] = process
        threading.Thread(target=self._relay, args=(name, process), daemon=True).start()

    def _relay(self, name: str, process: subprocess.Popen[bytes]) -> None:
        """Print what the process says behind its name, and report its end."""
        assert process.stdout is not None  # noqa: S101 # we asked for a pipe
        try:
            for line in process.stdout:
                text = line.decode(errors="replace").rstrip()
                print(f"{name:10} | {text}", flush=True)
        except OSError:
            self.events.put("nobody reads what is printed here")
        self.events.put(f"{name} ended with status {process.wait()}")

    def is_over(self) -> bool:
        """Whether something happened after which we must stop."""
        return not self.events.empty()

    def stop(self) -> None:
        """Ask all of them to finish, and end those that do not, with everything they started."""
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


def run(arguments: list[str]) -> int:
    options = argparse.ArgumentParser("manage.py up", description=__doc__)
    options.add_argument("--port", type=int, default=None, help="default: 8000")
    options.add_argument("--no-demo", action="store_true", help="no demonstration tenants")
    options.add_argument(
        "--check", action="store_true", help="start, walk the main path once, stop, exit 0 or 1"
    )
    chosen = options.parse_args(arguments)
    port = free_port() if chosen.check and chosen.port is None else chosen.port or 8000
    if not is_free(port):
        options.error(f"port {port} is in use; choose another with --port")
    installation = Installation()
    steps = Steps()
    with installation.held():
        children = Children({})
        for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(each, lambda number, _: children.events.put(f"signal {number}"))
        try:
            bring_up(installation, children, steps, port, with_demo=not chosen.no_demo)
            if chosen.check:
                return check(children, steps)
            return watch(children)
        except Interrupted as reason:
            print(f"Stopping: {reason}.", flush=True)
            return 1
        except ServiceError as reason:
            print(f"Stopping: {reason}", flush=True)
            return 1
        finally:
            children.stop()
            installation.stop()
            if chosen.check:
                print(steps.summary(), flush=True)
            print("Stopped.", flush=True)


class Interrupted(Exception):
    """A signal or a child's end came before everything stood."""


def bring_up(
    installation: Installation, children: Children, steps: Steps, port: int, *, with_demo: bool
) -> None:
    """Start everything in the order in which one needs the other."""
    address = f"http://127.0.0.1:{port}"
    environment = children.environment
    environment.update(installation.secrets())
    environment.update(
        PUBLIC_URL=address,
        PULSO_FOLDER=str(installation.folder),
        PYTHONUNBUFFERED="1",
        PYTHONWARNINGS=EXPECTED_WARNINGS,
    )
    with steps.step("database") as detail:
        environment.update(installation.start_database())
        detail.append(whose(installation.postgres))
    with steps.step("cache") as detail:
        environment.update(installation.start_cache())
        detail.append(whose(installation.valkey))
    sign_ins = installation.folder / f"sign-ins-{'own' if installation.postgres else 'given'}"
    with steps.step("tables"):
        prepare(children, sign_ins if with_demo else None)
    environment.update(start_simulators(children))
    installation.describe(environment)
    with steps.step("web") as detail:
        children.start("edge", edge(port))
        children.start("worker", worker())
        children.start("scheduler", scheduler())
        wait_for(f"{address}/health/live", children)
        detail.append(address)
    print(f"\nPulso is at {address}/admin/\n")
    if sign_ins.exists():
        print(sign_ins.read_text().rstrip() + "\n", flush=True)


def whose(server: Any) -> str:
    return f"on port {server.port}" if server else "as given in the environment"


def prepare(children: Children, sign_ins: Path | None) -> None:
    """Migrate, and load the demonstration tenants when their sign-ins are not written yet."""
    program = [
        sys.executable,
        "-m",
        "config.commands.prepare",
        *([str(sign_ins)] if sign_ins else []),
    ]
    running = spawn(program, env={**os.environ, **children.environment}, cwd=ROOT)
    if running.wait() != 0:
        raise ServiceError("the tables could not be made; the reason is above.")


def edge(port: int) -> list[str]:
    """One process that is a whole front door: ingest, live events, and Django behind them."""
    options = ["--interface", "asgi", "--host", "127.0.0.1", "--port", str(port)]
    # Open event streams would hold a graceful stop for ever.
    options += ["--workers", "1", "--workers-kill-timeout", "5", "--log-level", "warning"]
    return [str(Path(sys.executable).with_name("granian")), *options, "config.asgi:application"]


def worker() -> list[str]:
    queues = ["--queues", "critical,default,bulk", "--concurrency", "2"]
    quiet = ["--without-gossip", "--without-mingle", "--loglevel", "INFO"]
    return [*celery(), "worker", *queues, *quiet]


def scheduler() -> list[str]:
    return [*celery(), "beat", "--pidfile="]


def celery() -> list[str]:
    return [sys.executable, "-m", "celery", "--quiet", "--app", "config.celery"]


def start_simulators(children: Children) -> dict[str, str]:
    """Start those that exist; the variables say where they listen and let the adapters go there."""
    variables: dict[str, str] = {}
    allowed: list[str] = []
    for name, (command, usual_port) in SIMULATORS.items():
        if not any(ROOT.glob(f"*/management/commands/{command}.py")):
            continue
        port = usual_port if is_free(usual_port) else free_port()
        children.start(name, [sys.executable, "manage.py", command, "--port", str(port)])
        variables[f"{name.upper()}_SIMULATOR_URL"] = f"http://127.0.0.1:{port}"
        allowed.append(f"127.0.0.1:{port}")
    return variables | {"HTTP_ALLOWED_PRIVATE": ",".join(allowed)}


def wait_for(url: str, children: Children) -> None:
    """Return when the page answers; a child that ends first is told instead."""
    if not wait_until(
        lambda: answers(url), lambda: not children.events.empty(), READY_SECONDS, 0.2
    ):
        happened = children.events.get() if children.is_over() else f"{url} is silent"
        raise Interrupted(happened)


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 # our own address
            return int(answer.status) == 200  # noqa: PLR2004
    except OSError:
        return False


def watch(children: Children) -> int:
    """Wait for a signal, which is a good end, or for a child's end, which is not."""
    happened = children.events.get()
    print(f"Stopping: {happened}.", flush=True)
    return 0 if happened.startswith("signal") else 1


def check(children: Children, steps: Steps) -> int:
    """Walk the main path once: the health checks, then the demonstration."""
    address = children.environment["PUBLIC_URL"]
    with steps.step("health"):
        wait_for(f"{address}/health/ready", children)
    with steps.step("main path"):
        program = [sys.executable, "manage.py", "demo", "--once"]
        walked = spawn(program, env={**os.environ, **children.environment}, cwd=ROOT)
        wait_until(lambda: walked.poll() is not None, children.is_over, PATH_SECONDS)
        if walked.poll() is None:
            walked.kill()
        if status := walked.wait():
            raise ServiceError(f"the main path ended with status {status}.")
    return 0


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def end_group(leader: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(leader, signal.SIGKILL)
