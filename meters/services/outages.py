"""A database that does not answer, said in this app's own words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from django.db import DatabaseError, InterfaceError, OperationalError, close_old_connections
from django.db import connection as database

from meters.errors import StorageUnavailable


@contextmanager
def translated() -> Iterator[None]:
    """Outages inside are StorageUnavailable. For work that is not a request: begins and ends with
    connections that are still good."""
    if not database.in_atomic_block:
        close_old_connections()
    try:
        yield
    except (OperationalError, InterfaceError, psycopg.OperationalError) as error:
        _forget_connection()
        raise StorageUnavailable("the database did not answer") from error


def _forget_connection() -> None:
    try:
        database.close()
    except DatabaseError:
        database.connection = None
