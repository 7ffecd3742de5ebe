from __future__ import annotations

import threading
import time
from typing import Any

import pytest
from django.db import transaction

from clients.kernel import events
from clients.kernel.events import Event, Nudges


class Task:
    """Stands for a Celery task: remembers what was published."""

    name = "tests.task"

    def __init__(self, error: Exception | None = None) -> None:
        self.published: list[dict[str, int]] = []
        self.arrived = threading.Event()
        self.error = error

    def apply_async(self, *, kwargs: dict[str, int], **options: Any) -> None:
        assert options == {"retry": False, "ignore_result": True}
        self.published.append(kwargs)
        self.arrived.set()
        if self.error:
            raise self.error


@pytest.fixture(autouse=True)
def own_queue(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Nudges:
    settings.NUDGES_ENABLED = True
    nudges = Nudges(2)
    monkeypatch.setattr(events, "nudges", nudges)
    return nudges


@pytest.mark.commits
def test_it_rings_after_the_commit_and_not_at_all_after_a_rollback(fresh_database: Any) -> None:
    task, event = Task(), Event("tests.happened")
    event.subscribe(task)

    with transaction.atomic():
        event.announce(tenant_id=1, row_id=2)
        time.sleep(0.05)
        assert task.published == []
    assert task.arrived.wait(5)
    with transaction.atomic():
        event.announce(tenant_id=1, row_id=3)
        transaction.set_rollback(True)
    time.sleep(0.05)

    assert task.published == [{"tenant_id": 1, "row_id": 2}]


def test_a_broker_that_is_away_is_nobodys_error(own_queue: Nudges) -> None:
    broken, good = Task(OSError("no broker")), Task()
    own_queue.put(broken, {"id": 1})
    own_queue.put(good, {"id": 2})
    assert good.arrived.wait(5)
    assert (broken.published, good.published) == ([{"id": 1}], [{"id": 2}])


def test_a_full_queue_loses_the_ring_and_nobody_waits(
    own_queue: Nudges, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(own_queue, "_ensure_thread", lambda: None)  # nobody publishes
    task, began = Task(), time.monotonic()
    for number in range(5):
        own_queue.put(task, {"id": number})
    assert time.monotonic() - began < 0.2
    assert own_queue._waiting.qsize() == 2
