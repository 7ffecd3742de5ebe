"""Processes that `up` starts once a company uses them, and not before."""

from __future__ import annotations

import os
import sys
import threading
import time
from dataclasses import dataclass
from typing import Final

import psycopg

from config.commands.children import Children

LOOK_EVERY_S: Final = 10.0
LONGEST_PAUSE_S: Final = 300.0
# Drivers that are asked: the keys of meters.drivers.DRIVERS, which would load Django here.
POLLED: Final = ("modbus", "tuya", "tuya_cloud")


@dataclass(frozen=True, slots=True)
class OnDemand:
    """A process, and the question to the database whether somebody uses it."""

    name: str
    question: str
    parameters: tuple[object, ...]
    program: tuple[str, ...]


ON_DEMAND: Final = (
    OnDemand(
        "poller",
        "SELECT pulso.meters_next_connection_due(%s) IS NOT NULL",
        (list(POLLED),),
        (sys.executable, "manage.py", "poll"),
    ),
    OnDemand(
        "mqtt",  # a broker that nobody listens to: claimed for no time at all
        "SELECT EXISTS (SELECT FROM pulso.meters_claim_brokers(%s, 1, interval '0 s'))",
        ("up",),
        (sys.executable, "manage.py", "mqtt"),
    ),
)


@dataclass
class Keeper:
    """Starts one such process when it is used, and again, ever later, should it end."""

    what: OnDemand
    pause_s: float = LOOK_EVERY_S
    started_at: float | None = None
    again_at: float | None = None  # set while it has ended

    def look(self, children: Children, now: float) -> None:
        status = children.has_ended(self.what.name)
        if self.started_at is None:
            if is_used(self.what, children.environment):
                self._start(children, now)
        elif status is None:
            return
        elif self.again_at is None:
            self._plan(status, now)
        elif now >= self.again_at:
            self._start(children, now)

    def _start(self, children: Children, now: float) -> None:
        self.started_at, self.again_at = now, None
        children.start(self.what.name, list(self.what.program), is_vital=False)

    def _plan(self, status: int, now: float) -> None:
        """Say that it ended. One that lived long starts soon."""
        assert self.started_at is not None  # noqa: S101 # it ended, so it was started
        if now - self.started_at > LONGEST_PAUSE_S:
            self.pause_s = LOOK_EVERY_S
        self.again_at, said = now + self.pause_s, f"ended with status {status}; the rest goes on"
        print(f"{self.what.name:10} | {said}. Again in {self.pause_s:g} s.", flush=True)
        self.pause_s = min(self.pause_s * 2, LONGEST_PAUSE_S)


def start_when_used(children: Children) -> None:
    """Look again and again, in a thread of its own, until the children are stopped."""
    keepers = [Keeper(each) for each in ON_DEMAND]
    threading.Thread(target=_look, args=(children, keepers), name="on demand", daemon=True).start()


def _look(children: Children, keepers: list[Keeper]) -> None:
    while not children.is_stopping:
        for keeper in keepers:
            keeper.look(children, time.monotonic())
        time.sleep(LOOK_EVERY_S)


def is_used(each: OnDemand, environment: dict[str, str]) -> bool:
    """Whether somebody uses it; a database that does not answer says no."""
    url = environment.get("DATABASE_URL") or os.environ.get("DATABASE_URL", "")
    try:
        with psycopg.connect(url, connect_timeout=5) as connection:
            found = connection.execute(each.question.encode(), each.parameters).fetchone()
    except psycopg.Error:
        return False
    return bool(found and found[0])
