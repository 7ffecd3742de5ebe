"""`manage.py demo`: the main path on real measurements, through everything that `up` runs."""

from __future__ import annotations

import csv
import os
import re
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from fractions import Fraction
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connections

from config.commands.children import (
    Children,
    edge,
    simulator_ports,
    simulator_variables,
    worker,
)
from config.processes import free_port, wait_until

REPOSITORY = Path(__file__).resolve().parents[1]
COMMANDS = {"whatsapp": "simulate_whatsapp", "pix": "simulate_pix"}
pytestmark = [pytest.mark.commits, pytest.mark.xdist_group("up")]


def django(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "django", *arguments]


class House:
    """Everything that the main path needs, on this worker's database."""

    def __init__(self, variables: dict[str, str], folder: Path) -> None:
        port, simulators = free_port(), {name: free_port() for name in simulator_ports()}
        self.address = f"http://127.0.0.1:{port}"
        self.environment = {
            **os.environ,
            **variables,
            **simulator_variables(simulators, ""),
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "NUDGES_ENABLED": "1",
            "REDIS_URL": variables["REDIS_URL"].rsplit("/", 1)[0] + "/9",
            "PUBLIC_URL": self.address,
            "PULSO_FOLDER": str(folder),
            "LOG_LEVEL": "WARNING",
        }
        self.children = Children(self.environment)
        self.children.start("edge", edge(port))
        self.children.start("worker", worker())
        for name, simulator_port in simulators.items():
            program = django(COMMANDS[name], "--port", str(simulator_port))
            self.children.start(name, program)

    def is_up(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.address}/health/live", timeout=5):  # noqa: S310
                return True
        except OSError:
            return False

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            django(*arguments),
            cwd=REPOSITORY,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )


@pytest.fixture
def house(databases: Any, tmp_path: Path) -> Iterator[House]:
    with connections["owner"].cursor() as cursor:
        cursor.execute("DROP TABLE tests_tenant")  # the suite's own, and no invariant's business
    call_command("load_demo", stdout=StringIO())
    running = House(databases.environment(), tmp_path)
    assert wait_until(running.is_up, running.children.is_over, 60)
    yield running
    running.children.stop()


def step(said: str, name: str) -> str:
    [line] = re.findall(rf"^ok +[\d.]+ s  {name} +(.+)$", said, re.MULTILINE)
    return str(line)


def own_integral_wh() -> int:
    """The file's energy, computed here: each minute's mean power for 60 seconds, rounded once."""
    with (REPOSITORY / "meters/data/household_power_1min.csv").open() as file:
        joules = sum(Fraction(row["power_w"]) * 60 for row in csv.DictReader(file))
    return int(joules / 3600 + Fraction(1, 2))


def test_the_main_path_holds_and_a_second_walk_changes_nothing(house: House) -> None:
    first = house.run("demo")
    again = house.run("demo", "--once")
    proved = house.run("invariants")

    assert (first.returncode, again.returncode) == (0, 0), first.stderr + again.stderr
    assert "household: 2,880 accepted, 0 duplicates" in first.stdout
    assert "household: 0 accepted, 2,880 duplicates" in again.stdout
    energy = step(first.stdout, "energy")
    assert energy.startswith(f"{own_integral_wh():,} Wh of two days = the file's own integral")
    assert "60 seconds" in energy
    invoices = [re.findall(r"household's is (\d+)", said.stdout) for said in (first, again)]
    assert invoices[0] == invoices[1] != []
    assert "6 issued now" in step(first.stdout, "invoice")
    assert "0 issued now" in step(again.stdout, "invoice")
    assert "received by Pix" in step(first.stdout, "payment")
    assert "was paid" in step(again.stdout, "payment")
    assert proved.returncode == 0, proved.stdout


def test_a_missing_reading_makes_the_demonstration_deviate(house: House) -> None:
    broken = house.run("shell", "-c", LOSE_A_READING)

    assert "The main path deviates: readings of the household: 2,879 instead of 2,880" in (
        broken.stderr
    )
    assert broken.returncode == 1


LOSE_A_READING = """
import sys
from django.core.management import ManagementUtility
from monitoring.services import demo_series
whole = demo_series.household
def without_one(*args):
    made = whole(*args)
    del made.rows[7]
    return made
demo_series.household = without_one
ManagementUtility(["manage.py", "demo"]).execute()
"""


def test_without_a_running_house_it_says_so(databases: Any, tmp_path: Path) -> None:
    environment = {
        **os.environ,
        **databases.environment(),
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "PUBLIC_URL": f"http://127.0.0.1:{free_port()}",
        "PULSO_FOLDER": str(tmp_path),
    }
    ended = subprocess.run(
        django("demo"), cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 2
    assert "Start the house with “manage.py up” first." in ended.stderr
