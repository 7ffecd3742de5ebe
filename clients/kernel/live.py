"""The tenant's live feed: what just happened, for pages that are open.

A capped Valkey stream per tenant. It is a courtesy, not a record: publishing never waits, and what
Valkey does not take is dropped (readers are told to `reset` when it answers again).
"""

from __future__ import annotations

import logging
import os
import queue
import threading
import time
from collections.abc import Mapping
from typing import Any

import orjson
import redis
from django.conf import settings
from django.db import transaction
from redis.backoff import NoBackoff
from redis.retry import Retry

logger = logging.getLogger(__name__)
KEPT = 1_000
PAUSE_S = 2.0  # how long Valkey is left alone after it did not answer


def stream_of(tenant_id: int) -> str:
    """The name of the tenant's stream."""
    return f"live:{tenant_id}"


def publish(tenant_id: int, kind: str, payload: Mapping[str, Any]) -> None:
    """Tell the tenant's open pages, after the open transaction commits.

    `kind` is `<app>.<fact>`, such as `billing.invoice_paid`: who may not see the app does not get
    it. `payload` is small and of plain values, with public ids only.
    """
    data = orjson.dumps(dict(payload), default=str)
    transaction.on_commit(lambda: _feed.put(tenant_id, kind, data))


class Feed:
    """A bounded queue of facts and the thread that hands them to Valkey."""

    def __init__(self, size: int = 5_000) -> None:
        self._waiting: queue.Queue[tuple[int, str, bytes]] = queue.Queue(size)
        self._pid = 0
        self._starting = threading.Lock()
        self._asleep_until = 0.0

    def put(self, tenant_id: int, kind: str, data: bytes) -> None:
        """Hand over soon, or drop it when too many wait."""
        if not settings.NUDGES_ENABLED:
            return
        with self._starting:
            if self._pid != os.getpid():  # first use, or a fork that left the thread behind
                self._pid = os.getpid()
                threading.Thread(target=self._publish, name="live", daemon=True).start()
        try:
            self._waiting.put_nowait((tenant_id, kind, data))
        except queue.Full:
            logger.warning("live fact dropped", extra={"tenant_id": tenant_id, "kind": kind})

    def _publish(self) -> None:
        valkey = redis.Redis.from_url(
            settings.REDIS_URL,
            socket_timeout=0.5,
            socket_connect_timeout=0.5,
            retry=Retry(NoBackoff(), 0),
        )
        while True:
            tenant_id, kind, data = self._waiting.get()
            if time.monotonic() < self._asleep_until:
                continue
            try:
                fact: Any = {"kind": kind, "data": data}
                valkey.xadd(stream_of(tenant_id), fact, maxlen=KEPT, approximate=True)
            except redis.RedisError:
                self._asleep_until = time.monotonic() + PAUSE_S
                logger.warning("live feed does not answer", extra={"tenant_id": tenant_id})


_feed = Feed()
