"""Times that are settled for good: their raw readings may be gone, so nothing there is computed.

Intervals and days before `settled_before` stay as they are. A reading that comes late for such a
time goes into quarantine, where a person sees it; it is never counted silently, nor lost.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any, TypeVar

from django.db import connection

from meters.models import Retention
from meters.services.followers import Stretch

R = TypeVar("R", bound=Stretch)
logger = logging.getLogger(__name__)


def settled_before() -> datetime | None:
    """Until when the open tenant's time is settled; None: not at all."""
    return Retention.objects.values_list("settled_before", flat=True).first()


def open_part(runs: Iterable[R], floor: datetime | None) -> list[R]:
    """The stretches, without what is settled."""
    if floor is None:
        return list(runs)
    return [
        run if run.starts_at >= floor else _from(run, floor) for run in runs if run.ends_at > floor
    ]


def _from(run: R, floor: datetime) -> R:
    changed: Any = replace(run, starts_at=floor)  # type: ignore[type-var]  # stretches are dataclasses
    later: R = changed
    return later


def set_apart(runs: Iterable[Stretch], floor: datetime | None) -> int:
    """Put readings that came late for a settled time into quarantine; how many there were."""
    late = [run for run in runs if floor is not None and run.starts_at < floor]
    moved = 0
    with connection.cursor() as cursor:
        for run in late:
            bounds: list[Any] = [run.meter_id, run.starts_at, run.ends_at]
            cursor.execute("SELECT meters_set_apart(%s, %s, %s)", bounds)
            moved += cursor.fetchone()[0]
    if moved:
        logger.warning("readings of a settled time set apart", extra={"readings": moved})
    return moved
