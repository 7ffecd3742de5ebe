"""How often a key may send: counted in the process, shared through Valkey in the background.

A request never waits for Valkey. Processes tell each other what they counted five times a second,
so together they let at most that moment's requests more through; without Valkey each counts alone.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from dataclasses import dataclass, field
from typing import Any, Final

import redis.asyncio
from django.utils.translation import gettext_noop as _
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from meters.errors import TooMany

logger = logging.getLogger(__name__)
MINUTE_S: Final = 60
SHARE_S: Final = 0.2
PAUSE_S: Final = 2.0  # how long Valkey is left alone after it did not answer
MOST_KEYS: Final = 50_000


@dataclass(slots=True)
class _Used:
    """Requests of one key in one minute: this process's, those it told, and the others'."""

    minute: int
    own: int = 0
    told: int = 0
    others: int = 0


@dataclass
class Rates:
    """Counts by key. `start` begins to share them in the running loop."""

    valkey_url: str = ""
    _used: dict[int, _Used] = field(default_factory=dict)
    _untold: set[int] = field(default_factory=set)
    _sharer: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Share the counts from now on. Safe to call again."""
        if self._sharer is None and self.valkey_url:
            self._sharer = asyncio.create_task(self._share())

    async def stop(self) -> None:
        if self._sharer is not None:
            self._sharer.cancel()
            await asyncio.gather(self._sharer, return_exceptions=True)
            self._sharer = None

    def count(self, key_id: int, limit: int) -> None:
        """Count a request. Raises TooMany beyond `limit` in the current minute."""
        second = int(time.time())
        minute = second // MINUTE_S
        used = self._used.get(key_id)
        if used is None or used.minute != minute:
            used = self._used[key_id] = _Used(minute)
            self._forget_old(minute)
        if used.own + used.others >= limit:
            raise TooMany(
                _("This key may send %(limit)s requests a minute. Send readings in batches."),
                limit=limit,
                retry_after_s=MINUTE_S - second % MINUTE_S,
            )
        used.own += 1
        if self.valkey_url:
            self._untold.add(key_id)

    def _forget_old(self, minute: int) -> None:
        if len(self._used) > MOST_KEYS:
            self._used = {key: used for key, used in self._used.items() if used.minute == minute}

    async def _share(self) -> None:
        valkey = redis.asyncio.Redis.from_url(
            self.valkey_url,
            socket_timeout=1.0,
            socket_connect_timeout=1.0,
            retry=Retry(NoBackoff(), 0),
        )
        is_away = False
        try:
            while True:
                await asyncio.sleep(SHARE_S)
                if not self._untold:
                    continue
                try:
                    await self._tell(valkey)
                except (redis.RedisError, OSError, TimeoutError):
                    if not is_away:
                        logger.warning("rates are not shared: Valkey does not answer")
                    is_away = True
                    await asyncio.sleep(PAUSE_S)
                else:
                    is_away = False
        finally:
            with contextlib.suppress(redis.RedisError, OSError):
                await valkey.aclose()

    async def _tell(self, valkey: Any) -> None:
        """Add what is new to the common counts, and learn from them what the others counted."""
        told = [
            (key, used, used.own - used.told)
            for key in self._untold
            if (used := self._used.get(key))
        ]
        pipeline = valkey.pipeline(transaction=False)
        for key, used, more in told:
            name = f"ingest-rate:{key}:{used.minute}"
            pipeline.incrby(name, more)
            pipeline.expire(name, 2 * MINUTE_S)
        self._untold = set()
        try:
            answers = await pipeline.execute()
        except BaseException:
            self._untold |= {key for key, _used, _more in told}
            raise
        for (_key, used, more), total in zip(told, answers[::2], strict=True):
            used.told += more
            used.others = max(0, total - used.told)
