"""Processes that `up` starts when they are used: they outlive the thread that starts them, and
their end ends nothing else. With real processes."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from config.commands import on_demand
from config.commands.children import Children, simulator_variables
from config.commands.on_demand import Keeper, OnDemand
from config.processes import spawn

WAITS = "print('ready', flush=True); import time; time.sleep(60)"


@pytest.fixture
def children() -> Iterator[Children]:
    found = Children({})
    yield found
    found.stop()


@pytest.fixture(autouse=True)
def used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(on_demand, "is_used", lambda *_: True)


def keeper(program: str) -> Keeper:
    return Keeper(OnDemand("mqtt", "", (), (sys.executable, "-c", program)))


def test_a_process_outlives_the_thread_that_started_it() -> None:
    started: list[subprocess.Popen[bytes]] = []

    def start() -> None:
        started.append(spawn([sys.executable, "-c", WAITS], output=subprocess.PIPE))
        assert started[0].stdout is not None
        assert started[0].stdout.readline() == b"ready\n"

    thread = threading.Thread(target=start)
    thread.start()
    thread.join()

    with pytest.raises(subprocess.TimeoutExpired):
        started[0].wait(0.5)
    started[0].kill()
    started[0].communicate()


def test_one_that_ends_starts_again_later_and_stops_nothing(
    children: Children, capsys: pytest.CaptureFixture[str]
) -> None:
    mqtt = keeper("raise SystemExit(3)")

    mqtt.look(children, now=0.0)
    first = children.running["mqtt"]
    first.wait(10)
    mqtt.look(children, now=1.0)
    mqtt.look(children, now=10.0)
    assert children.running["mqtt"] is first
    assert "ended with status 3; the rest goes on. Again in 10 s." in capsys.readouterr().out

    mqtt.look(children, now=11.0)
    second = children.running["mqtt"]
    assert second is not first
    second.wait(10)
    mqtt.look(children, now=12.0)
    assert "Again in 20 s." in capsys.readouterr().out
    assert not children.is_over()


def test_nothing_is_started_once_all_are_stopped(children: Children) -> None:
    mqtt = keeper(WAITS)
    mqtt.look(children, now=0.0)
    children.stop()
    ended = children.running["mqtt"]
    assert ended.poll() is not None

    mqtt.look(children, now=1.0)
    mqtt.look(children, now=100.0)

    assert children.running == {"mqtt": ended}


def test_simulators_are_allowed_beside_what_the_environment_allows() -> None:
    found = [simulator_variables({"pix": 9}, given) for given in ("", "10.0.0.5:8000, pulso.lan")]

    assert [each["HTTP_ALLOWED_PRIVATE"] for each in found] == [
        "127.0.0.1:9",
        "10.0.0.5:8000, pulso.lan,127.0.0.1:9",
    ]
