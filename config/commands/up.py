"""`manage.py up`: everything that Pulso is, from one command, until Ctrl-C."""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from config.bootstrap import ROOT
from config.commands.children import (
    Children,
    edge,
    scheduler,
    simulator,
    simulator_ports,
    simulator_variables,
    worker,
)
from config.commands.installation import Installation
from config.commands.on_demand import start_when_used
from config.processes import free_port, is_free, spawn, wait_until
from config.services import ServiceError

READY_SECONDS = 60.0
PATH_SECONDS = 300.0
QUIETLY = {"LOG_LEVEL": "WARNING"}  # for what prints its own line for each step
# In a container one is root, and the worker would say so each time.
EXPECTED_WARNINGS = "ignore:You're running the worker with superuser"
MEASUREMENTS = (
    "`python3 manage.py demo`, in another terminal, sends real measurements of their meters\n"
    "and bills them."
)


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
    children.environment |= start_servers(installation, steps) | {
        "PUBLIC_URL": address,
        "PULSO_FOLDER": str(installation.folder),
        "PROMETHEUS_MULTIPROC_DIR": str(emptied(installation.folder / "metrics")),
        "PYTHONUNBUFFERED": "1",
        "LOG_LEVEL": os.environ.get("LOG_LEVEL", "WARNING"),
        "PYTHONWARNINGS": EXPECTED_WARNINGS,
    }
    # Beside the database's own files: the demonstration tenants go when those do.
    home = installation.postgres.folder if installation.postgres else installation.folder
    sign_ins = home / "sign-ins"
    with steps.step("tables"):
        prepare(children, sign_ins if with_demo else None)
    simulators = simulator_ports()
    allowed = os.environ.get("HTTP_ALLOWED_PRIVATE", "")
    children.environment |= simulator_variables(simulators, allowed)
    installation.describe(children.environment)
    with steps.step("web") as detail:
        children.start("edge", edge(port))
        wait_for(f"{address}/health/live", children)
        detail.append(address)
    # The page first: on a small machine the others would slow its start down.
    children.start("worker", worker())
    children.start("scheduler", scheduler())
    for name, simulator_port in simulators.items():
        children.start(name, simulator(name, simulator_port))
    start_when_used(children)
    print(f"\nPulso is at {address}/admin/\n")
    if sign_ins.exists():
        print(f"{sign_ins.read_text().rstrip()}\n\n{MEASUREMENTS}\n", flush=True)


def start_servers(installation: Installation, steps: Steps) -> dict[str, str]:
    variables = installation.secrets()
    with steps.step("database") as detail:
        variables |= installation.start_database()
        detail.append(whose(installation.postgres))
    with steps.step("cache") as detail:
        variables |= installation.start_cache()
        detail.append(whose(installation.valkey))
    return variables


def emptied(folder: Path) -> Path:
    """The folder with nothing in it: figures of processes that have ended do not count."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return folder


def whose(server: Any) -> str:
    return f"on port {server.port}" if server else "as given in the environment"


def prepare(children: Children, sign_ins: Path | None) -> None:
    """Migrate, and load the demonstration tenants when their sign-ins are not written yet."""
    program = [sys.executable, "-m", "config.commands.prepare"]
    program += [str(sign_ins)] if sign_ins else []
    running = spawn(program, env={**os.environ, **children.environment, **QUIETLY}, cwd=ROOT)
    if running.wait() != 0:
        raise ServiceError("the tables could not be made; the reason is above.")


def wait_for(url: str, children: Children) -> None:
    """Return when the page answers; a child that ends first is told instead."""
    if not wait_until(lambda: answers(url), children.is_over, READY_SECONDS, pause=0.2):
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
        walked = spawn(program, env={**os.environ, **children.environment, **QUIETLY}, cwd=ROOT)
        wait_until(lambda: walked.poll() is not None, children.is_over, PATH_SECONDS)
        if walked.poll() is None:
            walked.kill()
            raise Interrupted(children.events.get() if children.is_over() else "it takes too long")
        if status := walked.wait():
            raise ServiceError(f"the main path ended with status {status}.")
    return 0
