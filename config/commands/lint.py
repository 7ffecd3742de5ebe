"""`manage.py lint`: every static check, two at a time, one line each."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from config.bootstrap import ROOT
from config.commands.installation import database_variables
from config.roles import create_roles
from config.services import Postgres

AT_ONCE = 2


@dataclass(frozen=True)
class Result:
    name: str
    status: int
    output: str
    seconds: float


def tools() -> dict[str, list[str]]:
    """The slowest first, so that the others fit beside it."""
    python, module = sys.executable, [sys.executable, "-m"]
    return {
        "mypy": [*module, "mypy", "."],
        "migration linter": [*module, "config.commands.lint_migrations"],
        "makemigrations": [python, "manage.py", "makemigrations", "--check", "--dry-run"],
        "check": [python, "manage.py", "check"],
        "lint-imports": [str(Path(python).with_name("lint-imports"))],
        "ruff check": [*module, "ruff", "check"],
        "ruff format": [*module, "ruff", "format", "--check"],
        "translations": [*module, "config.commands.lint_files", "translations"],
        "files": [*module, "config.commands.lint_files", "files"],
    }


def run(arguments: list[str]) -> int:
    """1 when any tool complains, after showing what it said."""
    if arguments:
        sys.stderr.write("manage.py lint takes no arguments; it checks everything.\n")
        return 2
    bad: list[Result] = []
    with throwaway_database() as variables, ThreadPoolExecutor(AT_ONCE) as pool:
        environment = {**os.environ, **variables}
        running = [pool.submit(timed, name, tool, environment) for name, tool in tools().items()]
        for finished in as_completed(running):
            result = finished.result()
            mark = "FAIL" if result.status else "ok  "
            print(f"{mark} {result.seconds:6.1f} s  {result.name}", flush=True)
            bad += [result] if result.status else []
    for result in bad:
        print(f"\n{result.name}:\n{result.output.strip()}")
    return 1 if bad else 0


def timed(name: str, program: list[str], environment: dict[str, str]) -> Result:
    began = time.monotonic()
    done = subprocess.run(
        program, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    output = done.stdout.decode(errors="replace")
    return Result(name, done.returncode, output, time.monotonic() - began)


@contextmanager
def throwaway_database() -> Iterator[dict[str, str]]:
    """An empty database: the migration checks ask one what it can do."""
    with (
        tempfile.TemporaryDirectory(prefix="pulso-") as folder,
        Postgres(Path(folder) / "postgres", durable=False) as postgres,
    ):
        variables = database_variables(create_roles(postgres.superuser_url(), "pulso"))
        yield {**variables, "REDIS_URL": "redis://127.0.0.1:1/0", "LOG_LEVEL": "WARNING"}
