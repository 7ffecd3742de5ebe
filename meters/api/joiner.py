"""Requests that arrive together are stored together: one COPY, one commit, then every answer.

Each worker has a connection of its own. While one waits for its commit the next batch gathers, so
the slower the disk, the larger the batches. Senders who repeat themselves are stored apart, since
a row that exists already fails the COPY of everybody in it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

import msgspec
import psycopg
from django.utils.translation import gettext_noop as _
from psycopg import AsyncConnection

from meters.errors import Overloaded, StorageUnavailable, Unprocessable
from meters.services.copying import Encoded, copy_readings, stream
from meters.services.ingest import (
    INSERT_TOUCHED,
    MAKE_PARTITION,
    QUARANTINE,
    STORE_OR_REPORT,
    Submission,
    as_rows,
    in_reports,
    touched_columns,
)

logger = logging.getLogger(__name__)
BATCH_ROWS: Final = 8_000
MOST_WAITING_ROWS: Final = 200_000
LONGEST_QUEUE_S: Final = 1.0
STORE_TIMEOUT_S: Final = 15.0
PAUSE_S: Final = 0.2
Outcomes = list[str] | None


@dataclass(slots=True)
class _Waiting:
    submission: Submission
    since: float
    stored: asyncio.Future[Outcomes]


@dataclass
class Queue:
    """Submissions waiting for a worker, oldest first."""

    waiting: deque[_Waiting] = field(default_factory=deque)
    rows: int = 0
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    def put(self, submission: Submission) -> asyncio.Future[Outcomes]:
        """A future for the outcomes. Raises Overloaded when the wait would be too long."""
        now = time.monotonic()
        is_late = bool(self.waiting) and now - self.waiting[0].since > LONGEST_QUEUE_S
        if is_late or self.rows > MOST_WAITING_ROWS:
            raise Overloaded(_("Too much is waiting to be stored. Send again in a second."))
        future: asyncio.Future[Outcomes] = asyncio.get_running_loop().create_future()
        self.waiting.append(_Waiting(submission, now, future))
        self.rows += len(submission)
        self.arrived.set()
        return future

    async def take(self) -> list[_Waiting]:
        """Everything that waits, up to a batch."""
        while not self.waiting:
            self.arrived.clear()
            await self.arrived.wait()
        batch, rows = [], 0
        while self.waiting and rows < BATCH_ROWS:
            batch.append(self.waiting.popleft())
            rows += len(batch[-1].submission)
        self.rows -= rows
        return batch


class Joiner:
    """Stores submissions of all senders. `tell` hears of each batch once it is committed."""

    def __init__(self, url: str, *, tell: Callable[[list[Submission]], None]) -> None:
        self._url, self._tell = url, tell
        self._plain, self._doubtful = Queue(), Queue()
        self._months: set[date] = set()
        self._workers: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin to work in the running loop. Safe to call again."""
        if not self._workers:
            queues = (self._plain, self._plain, self._doubtful)
            self._workers = [
                asyncio.create_task(_Worker(self._url, queue, self._months, self._tell).run())
                for queue in queues
            ]

    async def stop(self) -> None:
        for worker in self._workers:
            worker.cancel()
        await asyncio.gather(*self._workers, return_exceptions=True)
        self._workers = []

    async def store(self, submission: Submission, *, apart: bool) -> Outcomes:
        """The outcome of each row, or None when all were new. Answers after the commit.

        Raises Overloaded, Unprocessable (not stored) and StorageUnavailable (unknown: send again).
        """
        queue = self._doubtful if apart else self._plain
        return await queue.put(submission)


class _Worker:
    def __init__(
        self,
        url: str,
        queue: Queue,
        months: set[date],
        tell: Callable[[list[Submission]], None],
    ) -> None:
        self._url, self._queue, self._months, self._tell = url, queue, months, tell
        self._connection: AsyncConnection | None = None

    async def run(self) -> None:
        try:
            while True:
                await self._settle(await self._queue.take())
        finally:
            await self._disconnect()

    async def _settle(self, batch: list[_Waiting]) -> None:
        """Give every waiting request its answer, whatever happens."""
        try:
            async with asyncio.timeout(STORE_TIMEOUT_S):
                await self._store(batch)
        except (psycopg.OperationalError, psycopg.InterfaceError, OSError, TimeoutError) as error:
            logger.warning("readings not stored", extra={"reason": type(error).__name__})
            await self._disconnect()
            _fail(batch, StorageUnavailable("the database did not answer"))
            await asyncio.sleep(PAUSE_S)
        except Exception:
            logger.exception("readings not stored")
            await self._disconnect()
            _fail(batch, StorageUnavailable("the readings could not be stored"))
        else:
            self._tell([waiting.submission for waiting in batch])

    async def _store(self, batch: list[_Waiting]) -> None:
        connection = await self._connected()
        encoded = Encoded()
        strange: list[dict[str, Any]] = []
        for waiting in batch:
            encoded.add(waiting.submission.encoded)
            strange += waiting.submission.quarantine
        if strange:
            await connection.execute(QUARANTINE, [msgspec.json.encode(strange).decode()])
        if not encoded.rows:
            _succeed(batch, None)
            return
        try:
            if await self._copies(connection, encoded):
                _succeed(batch, None)
            else:
                await self._report(connection, batch)
        except (psycopg.errors.UndefinedTable, psycopg.DataError, psycopg.IntegrityError):
            self._months.clear()
            await self._report_one_by_one(connection, batch)

    async def _copies(self, connection: AsyncConnection, encoded: Encoded) -> bool:
        """Store the rows; False, and nothing stored, when one of them is there already."""
        try:
            await self._copy(connection, encoded)
        except psycopg.errors.UniqueViolation:
            return False
        return True

    async def _copy(self, connection: AsyncConnection, encoded: Encoded) -> None:
        for month in encoded.rows.keys() - self._months:
            await connection.execute(MAKE_PARTITION, [month])
            self._months.add(month)
        async with connection.transaction(), connection.cursor() as cursor:
            for month in sorted(encoded.rows):
                async with cursor.copy(copy_readings(month)) as copy:
                    await copy.write(stream(encoded.rows[month]))
            await cursor.execute(INSERT_TOUCHED, touched_columns(encoded))

    async def _report(self, connection: AsyncConnection, batch: list[_Waiting]) -> None:
        """Store what is new and learn what became of every row, in one transaction."""
        rows = []
        for waiting in batch:
            said = waiting.submission
            rows += as_rows(said.tenant_id, said.meter_ids, said.samples)
        outcomes: list[str] = []
        async with connection.transaction():
            for report in in_reports(rows):
                cursor = await connection.execute(STORE_OR_REPORT, [report])
                outcomes += [outcome for _item, outcome in sorted(await cursor.fetchall())]
        start = 0
        for waiting in batch:
            end = start + len(waiting.submission)
            if not waiting.stored.done():
                waiting.stored.set_result(outcomes[start:end])
            start = end

    async def _report_one_by_one(self, connection: AsyncConnection, batch: list[_Waiting]) -> None:
        """The database refused a row that our checks let through: find whose; store the rest."""
        for waiting in batch:
            try:
                for month in waiting.submission.encoded.rows:
                    await connection.execute(MAKE_PARTITION, [month])
                await self._report(connection, [waiting])
            except (psycopg.DataError, psycopg.IntegrityError):
                logger.exception("row refused", extra={"tenant_id": waiting.submission.tenant_id})
                _fail([waiting], Unprocessable(_("The database refused a value.")))

    async def _connected(self) -> AsyncConnection:
        if self._connection is None:
            self._connection = await AsyncConnection.connect(
                self._url, autocommit=True, application_name="pulso-edge"
            )
        return self._connection

    async def _disconnect(self) -> None:
        if self._connection is not None:
            connection, self._connection = self._connection, None
            await connection.close()


def _succeed(batch: list[_Waiting], outcomes: Outcomes) -> None:
    for waiting in batch:
        if not waiting.stored.done():
            waiting.stored.set_result(outcomes)


def _fail(batch: list[_Waiting], error: Exception) -> None:
    for waiting in batch:
        if not waiting.stored.done():
            waiting.stored.set_exception(error)
            waiting.stored.exception()  # its request may have gone away
