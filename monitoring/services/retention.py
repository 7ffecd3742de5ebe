"""Rows that have served their purpose go away, in small bites."""

from __future__ import annotations

from typing import Final

from django.db import connection

BITE: Final = 500
MOST_BITES: Final = 200


def forget_expired() -> int:
    """Delete expired files, and remembered answers of 30 days (those about money stay).

    Of every tenant; returns how many rows went. Safe to call twice.
    """
    gone = 0
    for _ in range(MOST_BITES):
        with connection.cursor() as cursor:
            cursor.execute("SELECT forget_expired(%s)", [BITE])
            [count] = cursor.fetchone()
        gone += count
        if not count:
            break
    return gone


def forget_job_slots() -> int:
    """Delete job slots of two days ago (an hour ago for the heartbeat), never a job's newest."""
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM clients_jobslot old WHERE started_at < clock_timestamp() - "
            "CASE WHEN job = 'monitoring.tasks.heartbeat' THEN interval '1 hour' "
            "ELSE interval '2 days' END "
            "AND slot < (SELECT max(slot) FROM clients_jobslot new WHERE new.job = old.job)"
        )
        return int(cursor.rowcount)
