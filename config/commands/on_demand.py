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


def start_when_used(children: Children) -> None:
    """Look again and again, in a thread of its own, until everything is started or over."""
    threading.Thread(target=_look, args=(children,), name="on demand", daemon=True).start()


def _look(children: Children) -> None:
    waiting = list(ON_DEMAND)
    while waiting and not children.is_over():
        for each in [each for each in waiting if is_used(each, children.environment)]:
            children.start(each.name, list(each.program))
            waiting.remove(each)
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
