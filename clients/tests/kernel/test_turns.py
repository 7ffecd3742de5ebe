from __future__ import annotations

from typing import Any

import pytest
from django.core.cache import cache

from clients.kernel import events, turns
from clients.kernel.events import Nudges
from clients.kernel.turns import in_turns
from clients.tests.kernel.test_events import Task


class EndlessTask(Task):
    rung_once = True


@pytest.fixture(autouse=True)
def own_queue(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Nudges:
    settings.NUDGES_ENABLED = True
    cache.clear()
    nudges = Nudges()
    monkeypatch.setattr(events, "nudges", nudges)
    return nudges


def test_work_that_ends_is_not_rung_again() -> None:
    task, left = EndlessTask(), [2, 1, 0]
    in_turns(task, lambda: left.pop(0), tenant_id=1)
    assert left == []
    assert not task.arrived.wait(0.1)


def test_work_without_end_stops_after_its_turn_and_queues_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(turns, "TURN_S", 0.02)
    task = EndlessTask()
    in_turns(task, lambda: 1, tenant_id=1)
    assert task.arrived.wait(5)
    assert task.published == [{"tenant_id": 1}]


def test_without_rings_it_goes_on_for_longer(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.NUDGES_ENABLED = False
    monkeypatch.setattr(turns, "TURN_S", 0.0)
    left = [1] * 50 + [0]
    in_turns(EndlessTask(), lambda: left.pop(0), tenant_id=1)
    assert left == []


def test_a_task_waits_in_the_queue_once_for_each_tenant(own_queue: Nudges) -> None:
    task = EndlessTask()
    last = Task()
    for tenant_id in (1, 1, 2, 1):
        own_queue.put(task, {"tenant_id": tenant_id})
    own_queue.put(last, {})
    assert last.arrived.wait(5)
    assert task.published == [{"tenant_id": 1}, {"tenant_id": 2}]


def test_once_it_has_begun_it_may_be_rung_again(own_queue: Nudges) -> None:
    task, last = EndlessTask(), Task()
    own_queue.put(task, {"tenant_id": 1})
    assert task.arrived.wait(5)

    def ring_while_working() -> int:
        own_queue.put(task, {"tenant_id": 1})
        return 0

    in_turns(task, ring_while_working, tenant_id=1)
    own_queue.put(last, {})
    assert last.arrived.wait(5)
    assert task.published == [{"tenant_id": 1}] * 2


def test_other_tasks_are_rung_each_time(own_queue: Nudges) -> None:
    task, last = Task(), Task()
    for _ in range(3):
        own_queue.put(task, {"tenant_id": 1})
    own_queue.put(last, {})
    assert last.arrived.wait(5)
    assert len(task.published) == 3
