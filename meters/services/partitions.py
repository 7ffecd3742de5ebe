"""A table for each month of readings, made before it is needed."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from django.db import connections

from meters.services.copying import next_month
from meters.services.ingest import INGEST, MAKE_PARTITION

MONTHS_AHEAD: Final = 3


def make_partitions(now: datetime) -> None:
    """Have this month's table and those of the next three. Safe to call twice."""
    month = now.date().replace(day=1)
    with connections[INGEST].cursor() as cursor:
        for _ in range(MONTHS_AHEAD + 1):
            cursor.execute(MAKE_PARTITION, [month])
            month = next_month(month)
