"""What follows a commit, without the sender waiting for it: doorbells, live events, clocks.

Counted per tenant and told at most once a second, by a thread of its own; how clocks compare is
written once a minute. It may be lost: intervals are computed from `Touched` rows by a sweep too.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import msgspec
import psycopg

from clients.kernel.live import publish
from meters.events import readings_stored
from meters.services.copying import from_us
from meters.services.ingest import Submission
from meters.services.samples import EPOCH, MICROSECOND

logger = logging.getLogger(__name__)
EVERY_S: Final = 1.0
CLOCKS_EVERY_S: Final = 60.0
MOST_CLOCKS: Final = 200_000
NOTE_CLOCKS: Final = "SELECT meters_note_clocks(%s)"


@dataclass(slots=True)
class _News:
    readings: int = 0
    meters: int = 0
    last_us: int = 0


class Aftermath:
    """Gathers what was stored and tells it in the background."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._lags: dict[tuple[int, int], float] = {}
        self._clocks_at = time.monotonic() + CLOCKS_EVERY_S
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
        now_us = (datetime.now(tz=UTC) - EPOCH) // MICROSECOND
        for submission in submissions:
            if len(submission):
                news = self._news.setdefault(submission.tenant_id, _News())
                news.readings += len(submission)
                news.meters = max(news.meters, len(submission.encoded.touched))
                news.last_us = max(news.last_us, submission.samples.instants_us[-1])
                for meter_id, newest_us in _newest(submission):
                    meter, lag = (submission.tenant_id, meter_id), (now_us - newest_us) / 1e6
                    self._lags[meter] = min(lag, self._lags.get(meter, lag))

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(EVERY_S)
            if self._news:
                news, self._news = self._news, {}
                await loop.run_in_executor(self._thread, _tell, news)
            if time.monotonic() >= self._clocks_at or len(self._lags) > MOST_CLOCKS:
                self._clocks_at = time.monotonic() + CLOCKS_EVERY_S
                lags, self._lags = self._lags, {}
                await loop.run_in_executor(self._thread, _note_clocks, self._url, lags)


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


def _newest(submission: Submission) -> Iterator[tuple[int, int]]:
    """The last instant of each meter, as devices send them: in order."""
    instants = submission.samples.instants_us
    if submission.meter_ids[0] == submission.meter_ids[-1] and len(set(submission.meter_ids)) == 1:
        yield submission.meter_ids[-1], instants[-1]
    else:
        yield from dict(zip(submission.meter_ids, instants, strict=True)).items()


def _note_clocks(url: str, lags: dict[tuple[int, int], float]) -> None:
    rows = [
        {"tenant_id": tenant_id, "meter_id": meter_id, "lag_s": lag}
        for (tenant_id, meter_id), lag in lags.items()
    ]
    if not rows:
        return
    try:
        with psycopg.connect(url, autocommit=True, application_name="pulso-edge") as connection:
            connection.execute(NOTE_CLOCKS, [msgspec.json.encode(rows).decode()])
    except psycopg.Error:
        logger.warning("clocks not noted", exc_info=True)
