"""The brokers that this process listens to, and their conversations."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from asgiref.sync import sync_to_async
from django.db import DatabaseError, close_old_connections, connection

from clients.kernel.tenancy import acting_for
from meters.drivers.mqtt import Account, Subscription, dial
from meters.errors import StorageUnavailable
from meters.models import MqttBroker
from meters.services.listening import BrokerReader

logger = logging.getLogger(__name__)

LEASE: Final = timedelta(seconds=12)
LOOK_EVERY_S: Final = 3.0
MOST_BROKERS: Final = 200
THREADS: Final = 4  # that store what is heard, for all brokers together
CLAIM: Final = "SELECT of_tenant, of_broker FROM meters_claim_brokers(%s, %s, %s)"


@dataclass(slots=True)
class _Conversation:
    reader: BrokerReader
    account: Account
    subscription: Subscription
    task: asyncio.Task[None]


class Listening:
    """Listens to every broker that nobody else has, until `stop`.

    Several processes share the brokers: each is held by a lease, renewed every few seconds.
    """

    def __init__(
        self,
        name: str = "",
        *,
        dialler: Callable[[str, int], socket.socket] = dial,
        look_every_s: float = LOOK_EVERY_S,
    ) -> None:
        self.name = name[:40] or f"{socket.gethostname()[:20]} {os.getpid()}"
        self.dialler, self.look_every_s = dialler, look_every_s
        self.held: dict[tuple[int, int], _Conversation] = {}
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="mqtt")
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Finish what was begun, give the brokers back, and end."""
        self._stopping.set()

    async def run(self) -> None:
        """Until `stop`."""
        while not self._stopping.is_set():
            try:
                await self._look()
            except (DatabaseError, StorageUnavailable):
                logger.warning("brokers not read: the database did not answer")
            except Exception:  # one company's broker must not end the listening for all
                logger.exception("brokers not read")
            try:
                await asyncio.wait_for(self._stopping.wait(), self.look_every_s)
            except TimeoutError:
                continue
        await asyncio.gather(*(self._end(key) for key in list(self.held)))
        await sync_to_async(self._give_back, thread_sensitive=False)()

    async def _look(self) -> None:
        ours = await sync_to_async(self._claim, thread_sensitive=False)()
        for key in [key for key in self.held if key not in ours]:
            await self._end(key)
        for key in ours:
            held = self.held.get(key)
            reader = held.reader if held else BrokerReader(*key)
            account = await sync_to_async(reader.refresh, thread_sensitive=False)()
            if held is not None and (account != held.account or held.task.done()):
                if held.task.done() and (failure := held.task.exception()) is not None:
                    logger.error("listening failed", exc_info=failure)
                await self._end(key)
                held = None
            if account is None:
                continue
            if held is None:
                self._begin(key, reader, account)
            else:
                held.subscription.listen_to(reader.topics)
                held.subscription.soon(reader.tell_news)

    def _begin(self, key: tuple[int, int], reader: BrokerReader, account: Account) -> None:
        subscription = Subscription(
            account, reader, reader.topics, dialler=self.dialler, threads=self._threads
        )
        task = asyncio.create_task(subscription.run())
        self.held[key] = _Conversation(reader, account, subscription, task)

    async def _end(self, key: tuple[int, int]) -> None:
        held = self.held.pop(key)
        held.subscription.stop()
        await asyncio.wait([held.task], timeout=LEASE.total_seconds() / 2)
        held.task.cancel()

    def _claim(self) -> set[tuple[int, int]]:
        close_old_connections()
        with connection.cursor() as cursor:
            cursor.execute(CLAIM, [self.name, MOST_BROKERS, f"{LEASE.total_seconds()} s"])
            return {(row[0], row[1]) for row in cursor.fetchall()}

    def _give_back(self) -> None:
        close_old_connections()
        with connection.cursor() as cursor:
            cursor.execute(CLAIM, [self.name, MOST_BROKERS, "0 s"])
            tenants = {row[0] for row in cursor.fetchall()}
        for tenant_id in tenants:
            with acting_for(tenant_id):
                held = MqttBroker.objects.filter(leased_by=self.name)
                held.update(leased_until=None, leased_by="")


def enter_broker(tenant_id: int, host: str, port: int) -> None:
    """Have a company listen to a simulated broker. Safe to call twice."""
    with acting_for(tenant_id):
        MqttBroker.objects.update_or_create(
            name="Simulator",
            defaults={
                "tenant_id": tenant_id,
                "host": host,
                "port": port,
                "username": "pulso",
                "is_active": True,
            },
        )
