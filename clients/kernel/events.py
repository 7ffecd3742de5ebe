"""Doorbells: how a lower app lets a higher one know, without knowing it (STYLE §1).

The ring goes through a bounded queue and a background thread, so that a request never touches the
broker's socket. It may be lost; whoever answers also sweeps. A `rung_once` task is not queued again
while it waits there (`kernel.turns`).
"""

from __future__ import annotations

import logging
import os
import queue
import threading
from typing import Any, Final

from django.conf import settings
from django.core.cache import cache
from django.db import transaction

logger = logging.getLogger(__name__)
WAITING_S: Final = 10  # a ring that was lost on its way is not waited for longer


class Event:
    """A fact, announced once its transaction has committed. It carries ids only."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.subscribers: list[Any] = []

    def subscribe(self, task: Any) -> Any:
        """Ring `task` (a Celery task) whenever this is announced. Use above @shared_task."""
        self.subscribers.append(task)
        return task

    def announce(self, **ids: int) -> None:
        """Ring every subscriber after the open transaction commits, or not at all."""
        transaction.on_commit(lambda: self._ring(ids))

    def _ring(self, ids: dict[str, int]) -> None:
        for task in self.subscribers:
            nudges.put(task, ids)


class Nudges:
    """A bounded queue of task calls and the thread that publishes them."""

    def __init__(self, size: int = 10_000) -> None:
        self._waiting: queue.Queue[tuple[Any, dict[str, int]]] = queue.Queue(size)
        self._pid = 0
        self._starting = threading.Lock()

    def put(self, task: Any, ids: dict[str, int]) -> None:
        """Publish soon. When the queue is full the nudge is dropped: a sweep will find the row."""
        if not settings.NUDGES_ENABLED:
            return
        self._ensure_thread()
        try:
            self._waiting.put_nowait((task, ids))
        except queue.Full:
            logger.warning("nudge dropped", extra={"task": task.name})

    def _ensure_thread(self) -> None:
        with self._starting:
            if self._pid != os.getpid():  # first use, or a fork that left the thread behind
                self._pid = os.getpid()
                threading.Thread(target=self._publish, name="nudges", daemon=True).start()

    def _publish(self) -> None:
        while True:
            task, ids = self._waiting.get()
            try:
                if not _waits_already(task, ids):
                    task.apply_async(kwargs=ids, retry=False, ignore_result=True)
            except Exception:
                logger.warning("nudge not published", extra={"task": task.name}, exc_info=True)


def waiting_key(task: Any, ids: dict[str, int]) -> str:
    """Where the cache notes that the task waits in the queue with these ids."""
    return ":".join(("waiting", task.name, *(f"{name}={ids[name]}" for name in sorted(ids))))


def _waits_already(task: Any, ids: dict[str, int]) -> bool:
    is_rung_once = getattr(task, "rung_once", False)
    return is_rung_once and not cache.add(waiting_key(task, ids), True, WAITING_S)


nudges = Nudges()
