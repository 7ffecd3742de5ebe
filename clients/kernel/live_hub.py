"""One reader per process for all open live pages: reads every tenant's stream once, fans out."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Final

import redis
import redis.asyncio
from django.conf import settings

from clients.kernel.live import stream_of

logger = logging.getLogger(__name__)
BLOCK_MS = 300  # also how long the first page of a tenant may wait for its first fact
PAUSE_S = 1.0
BACKLOG = 1_100
WAITING = 2_000  # facts that a slow page may leave unread
NOTHING: Final = "0-0"


@dataclass(frozen=True, slots=True)
class Fact:
    """One entry of a stream. `kind` "reset" says that facts were lost: read everything again."""

    id: str
    kind: str
    data: str = "{}"


def place(entry_id: str) -> tuple[int, int]:
    """Where an entry stands; entries are in this order. Raises ValueError."""
    milliseconds, _, serial = entry_id.partition("-")
    return int(milliseconds), int(serial)


class Hub:
    """Queues of the open pages by tenant, and the task that fills them. One per event loop."""

    def __init__(self) -> None:
        self._pages: dict[int, set[asyncio.Queue[Fact]]] = {}
        self._read_to: dict[int, str | None] = {}
        self._task: asyncio.Task[None] | None = None
        self.valkey: Any = redis.asyncio.Redis.from_url(
            settings.REDIS_URL,
            decode_responses=True,
            socket_connect_timeout=1,
            socket_timeout=3,
        )

    @contextlib.asynccontextmanager
    async def page(self, tenant_id: int, last_id: str | None) -> AsyncIterator[asyncio.Queue[Fact]]:
        """A queue that gets the facts after `last_id`, or from now on, in order and once."""
        waiting: asyncio.Queue[Fact] = asyncio.Queue(WAITING)
        self._read_to.setdefault(tenant_id, None)
        self._pages.setdefault(tenant_id, set()).add(waiting)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._read())
        try:
            await self._begin(tenant_id, last_id, waiting)
            yield waiting
        finally:
            self._pages[tenant_id].discard(waiting)
            if not self._pages[tenant_id]:
                del self._pages[tenant_id], self._read_to[tenant_id]

    async def _begin(self, tenant_id: int, last_id: str | None, waiting: Any) -> None:
        """Put what the page missed in front. Live facts may be in both; readers compare ids."""
        try:
            newest = await self._newest(tenant_id)
            self._read_to[tenant_id] = self._read_to.get(tenant_id) or newest
            missed = None if last_id is None else await self._after(tenant_id, last_id)
        except redis.RedisError:
            _put_first(waiting, [Fact("", "reset")])
            return
        if last_id is not None and missed is not None:
            _put_first(waiting, [Fact(last_id, "hello"), *missed])
        else:
            kind = "hello" if last_id is None else "reset"
            _put_first(waiting, [Fact(newest, kind)])

    async def _newest(self, tenant_id: int) -> str:
        entries = await self.valkey.xrevrange(stream_of(tenant_id), count=1)
        return str(entries[0][0]) if entries else NOTHING

    async def _after(self, tenant_id: int, last_id: str) -> list[Fact] | None:
        """The facts after `last_id`, or None when some are gone."""
        stream = stream_of(tenant_id)
        if last_id == NOTHING:
            entries = await self.valkey.xrange(stream, count=BACKLOG)
            whole = not entries or (await self.valkey.xinfo_stream(stream))["entries-added"]
            return [_fact(entry) for entry in entries] if whole in {True, len(entries)} else None
        entries = await self.valkey.xrange(stream, min=last_id, count=BACKLOG)
        if not entries or entries[0][0] != last_id:
            return None
        return [_fact(entry) for entry in entries[1:]]

    async def _read(self) -> None:
        is_broken = False
        while self._pages:
            try:
                for tenant_id, read_to in list(self._read_to.items()):
                    if read_to is None:
                        newest = await self._newest(tenant_id)
                        self._read_to[tenant_id] = self._read_to.get(tenant_id) or newest
                answer = await self._next()
            except (redis.RedisError, OSError):
                is_broken = True
                await asyncio.sleep(PAUSE_S)
                continue
            if is_broken:  # what was published meanwhile is lost
                is_broken = False
                logger.warning("live feed answers again", extra={"pages": len(self._pages)})
                for tenant_id in list(self._pages):
                    self._deliver(tenant_id, Fact("", "reset"))
            for name, entries in answer:
                tenant_id = int(name.rpartition(":")[2])
                for entry in entries:
                    self._deliver(tenant_id, _fact(entry))

    async def _next(self) -> list[Any]:
        streams = {stream_of(tenant): at for tenant, at in self._read_to.items() if at}
        if not streams:
            return []
        found: list[Any] = await self.valkey.xread(streams, count=500, block=BLOCK_MS)
        return found or []

    def _deliver(self, tenant_id: int, fact: Fact) -> None:
        if fact.id and tenant_id in self._read_to:
            self._read_to[tenant_id] = fact.id
        for waiting in self._pages.get(tenant_id, ()):
            if waiting.full():  # too slow: start over, with what is new
                while not waiting.empty():
                    waiting.get_nowait()
                fact = Fact(fact.id, "reset")
            waiting.put_nowait(fact)


def _put_first(waiting: asyncio.Queue[Fact], facts: list[Fact]) -> None:
    later = [waiting.get_nowait() for _ in range(waiting.qsize())]
    for fact in [*facts, *later]:
        waiting.put_nowait(fact)


def _fact(entry: tuple[str, dict[str, str]]) -> Fact:
    entry_id, fields = entry
    return Fact(entry_id, fields.get("kind", ""), fields.get("data", "{}"))
