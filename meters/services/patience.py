"""A worker may wait longer for the database than a page may."""

from __future__ import annotations

from django.db import connection


def let_long_queries_run() -> None:
    """Give the open transaction two minutes for a statement and for the work between two."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = '120s'")
        cursor.execute("SET LOCAL idle_in_transaction_session_timeout = '120s'")
