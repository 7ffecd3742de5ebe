"""The edge: the ingest lane and live events on an event loop, and Django for everything else.

Alone it is a complete front door. Django gets at most two requests at a time here, so that the
lane keeps breathing; behind a proxy, web serves the rest (DESIGN §7).
"""

from __future__ import annotations

import asyncio
import gc
import os
from collections.abc import AsyncIterator, Iterator
from typing import Any, Final

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

import django

django.setup(set_prefix=False)  # type: ignore[call-arg]  # the stubs do not know it

from asgiref.sync import sync_to_async  # noqa: E402 - Django must be set up first
from django.conf import settings  # noqa: E402
from django.core.handlers.asgi import ASGIHandler  # noqa: E402
from psycopg.conninfo import make_conninfo  # noqa: E402

from clients.api.live import live_application  # noqa: E402
from meters.api import clock  # noqa: E402
from meters.api.lane import PATH, Lane  # noqa: E402

DJANGO_AT_ONCE: Final = 2
LIVE: Final = "/api/v1/live"


def database_url(alias: str) -> str:
    """What libpq needs to connect as the alias does."""
    found = settings.DATABASES[alias]
    return make_conninfo(
        "",
        host=found["HOST"],
        port=found["PORT"] or 5432,
        dbname=found["NAME"],
        user=found["USER"],
        password=found["PASSWORD"],
        **found["OPTIONS"],
    )


def rest_collector() -> None:
    """Leave what was loaded at the start out of every later collection, and collect less often:
    the lane makes many small objects and no cycles."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 50, 100)


class StreamingHandler(ASGIHandler):
    """Django, sending files piece by piece: by itself it would read them whole, and complain."""

    async def run_get_response(self, request: Any) -> Any:
        parent: Any = super()  # the stubs take this for something else
        response = await parent.run_get_response(request)
        if response.streaming and not response.is_async:
            response.streaming_content = pieces(response.streaming_content)
        return response


async def pieces(content: Iterator[bytes]) -> AsyncIterator[bytes]:
    def following() -> bytes | None:
        return next(content, None)

    while (piece := await sync_to_async(following)()) is not None:
        yield piece


django_application = StreamingHandler()


class Edge:
    """Hands each request to whom it belongs."""

    def __init__(self) -> None:
        self.lane = Lane(
            database_url("ingest"),
            rate_per_minute=settings.INGEST_RATE_PER_MINUTE,
            valkey_url=settings.REDIS_URL,
        )
        self._django_turn = asyncio.Semaphore(DJANGO_AT_ONCE)

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] != "http":
            return
        elif scope["path"].rstrip("/") == PATH:
            await self.lane(scope, receive, send)
        elif scope["path"] == clock.PATH and scope["method"] == "GET":
            await clock.clock_application(scope, receive, send)
        elif scope["path"].rstrip("/") == LIVE:
            await live_application(scope, receive, send)
        else:
            async with self._django_turn:
                await django_application(scope, receive, send)

    async def _live(self, receive: Any, send: Any) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                await self.lane.start()
                rest_collector()
                await send({"type": "lifespan.startup.complete"})
            elif message["type"] == "lifespan.shutdown":
                await self.lane.stop()
                await send({"type": "lifespan.shutdown.complete"})
                return


application = Edge()
