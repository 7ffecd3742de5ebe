"""Work that may go on and on takes turns: a while each, then behind whatever else is queued.

Without this, a few thousand readings a second would keep every worker at intervals, and alarms,
messages and invoices would wait. Such a task also waits in the queue once only, however often it is
rung: its work is "whatever is there", so a second call would find nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final

from django.conf import settings
from django.core.cache import cache

from clients.kernel import events

TURN_S: Final = 0.5
ALONE_S: Final = 60.0  # where nobody can ring again, until the next sweep


def rung_once(task: Any) -> Any:
    """Let the Celery task below wait in the queue once only; put it above @shared_task."""
    task.rung_once = True
    return task


def in_turns(task: Any, work: Callable[[], int], **ids: int) -> None:
    """Call `work` until it answers 0 or the turn is over; then ring `task` again with `ids`.

    Call it from the task itself, a `rung_once` one: whoever rings from now on is heard again.
    """
    cache.delete(events.waiting_key(task, ids))
    until = time.monotonic() + (TURN_S if settings.NUDGES_ENABLED else ALONE_S)
    while work():
        if time.monotonic() >= until:
            events.nudges.put(task, ids)
            return
