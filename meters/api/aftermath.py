"""What follows a commit, without the sender waiting for it: doorbells and live events.

Counted per tenant and told at most once a second, by a thread of its own. It may be lost: intervals
are computed from `Touched` rows by a sweep as well.
"""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from clients.kernel.live import publish
from meters.events import readings_stored
from meters.services.copying import from_us
from meters.services.ingest import Submission

logger = logging.getLogger(__name__)
EVERY_S: Final = 1.0


@dataclass(slots=True)
class _News:
    readings: int = 0
    meters: int = 0
    last_us: int = 0


class Aftermath:
    """Gathers what was stored and tells it in the background."""

    def __init__(self) -> None:
        self._news: dict[int, _News] = {}
        self._thread = ThreadPoolExecutor(1, "aftermath")
        self._teller: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._teller = asyncio.create_task(self._run())

    async def stop(self) -> None:
        if self._teller is not None:
            self._teller.cancel()
            await asyncio.gather(self._teller, return_exceptions=True)
        self._thread.shutdown(wait=False)

    def stored(self, submissions: list[Submission]) -> None:
        """Count what a commit kept."""
        for submission in submissions:
            if len(submission):
                news = self._news.setdefault(submission.tenant_id, _News())
                news.readings += len(submission)
                news.meters = max(news.meters, len(submission.encoded.touched))
                news.last_us = max(news.last_us, submission.samples.instants_us[-1])

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(EVERY_S)
            if self._news:
                news, self._news = self._news, {}
                await loop.run_in_executor(self._thread, _tell, news)


def _tell(news: dict[int, _News]) -> None:
    for tenant_id, new in news.items():
        try:
            readings_stored.announce(tenant_id=tenant_id)
            publish(
                tenant_id,
                "meters.readings_stored",
                {"count": new.readings, "last_at": from_us(new.last_us).isoformat()},
            )
        except Exception:
            logger.warning("readings not announced", extra={"tenant_id": tenant_id}, exc_info=True)
