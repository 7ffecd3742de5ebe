"""Who may send: device keys, known for a second and looked up many at a time."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import time
from dataclasses import dataclass, field
from typing import Final
from zoneinfo import ZoneInfo

import psycopg
from django.utils.translation import gettext_noop as _
from psycopg import AsyncConnection

from meters.api.rates import Rates
from meters.errors import StorageUnavailable, UnknownKey
from meters.services.dialects import PLAIN, Dialect

logger = logging.getLogger(__name__)
LOOK_UP_S: Final = 5.0
LONGEST_WAIT_S: Final = 12.0  # the look-up that is under way, one's own, and some room
KNOWN_FOR_S: Final = 1.0  # a revoked key stops within two
MOST_KNOWN: Final = 50_000
DOUBT_S: Final = 60.0
LOOK_UP: Final = (
    "SELECT hash, key_id, tenant_id, rate_per_minute, meters, time_zone, epoch_unit, "
    "stamps_arrival FROM meters_senders(%s::bytea[])"
)


@dataclass(slots=True)
class Sender:
    """A device key that may send, the meters it may speak for, and how it says times."""

    key_id: int
    tenant_id: int
    rate_per_minute: int | None
    meters: dict[str, int]
    known_until: float
    dialect: Dialect = PLAIN


@dataclass
class Senders:
    """Device keys by the hash of their secret."""

    url: str
    default_rate: int
    rates: Rates = field(default_factory=Rates)
    _known: dict[bytes, Sender | None] = field(default_factory=dict)
    _unknown_until: dict[bytes, float] = field(default_factory=dict)
    _doubtful_until: dict[int, float] = field(default_factory=dict)
    _wanted: dict[bytes, asyncio.Future[Sender | None]] = field(default_factory=dict)
    _looking: asyncio.Task[None] | None = None
    _connection: AsyncConnection | None = None

    async def sender(self, secret: bytes) -> Sender:
        """The key's sender. Raises UnknownKey, TooMany or StorageUnavailable."""
        digest = hashlib.sha256(secret).digest()
        sender = self._known.get(digest)
        if sender is None or sender.known_until < time.monotonic():
            sender = await self._find(digest)
        if sender is None:
            raise UnknownKey(_("This device key is not known, was revoked or has expired."))
        self.rates.count(sender.key_id, sender.rate_per_minute or self.default_rate)
        return sender

    def doubt(self, sender: Sender) -> None:
        """Remember that this key sends again what is stored, so that nobody shares its COPY."""
        self._doubtful_until[sender.key_id] = time.monotonic() + DOUBT_S

    def is_doubtful(self, sender: Sender) -> bool:
        return self._doubtful_until.get(sender.key_id, 0.0) > time.monotonic()

    async def close(self) -> None:
        if self._connection is not None:
            await self._connection.close()

    async def _find(self, digest: bytes) -> Sender | None:
        if self._unknown_until.get(digest, 0.0) > time.monotonic():
            return None
        if digest not in self._wanted:
            self._wanted[digest] = asyncio.get_running_loop().create_future()
        wanted = self._wanted[digest]
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look())
        try:
            async with asyncio.timeout(LONGEST_WAIT_S):
                return await asyncio.shield(wanted)
        except TimeoutError as error:
            raise StorageUnavailable("device keys were not read in time") from error

    async def _look(self) -> None:
        """Answer everybody who waits, with one query for all who came meanwhile."""
        while self._wanted:
            wanted, self._wanted = self._wanted, {}
            try:
                async with asyncio.timeout(LOOK_UP_S):
                    found = await self._query(list(wanted))
            except Exception as error:  # whatever it is: somebody waits
                if not isinstance(error, psycopg.Error | OSError | TimeoutError):
                    logger.exception("device keys not read")
                for future in wanted.values():
                    _fail(future, error)
                await self._forget_connection()
                continue
            for digest, future in wanted.items():
                if isinstance(sender := found.get(digest), Exception):
                    _fail(future, sender)
                    continue
                self._remember(digest, sender)
                future.set_result(sender)

    def _remember(self, digest: bytes, sender: Sender | None) -> None:
        for memory in (self._known, self._unknown_until, self._doubtful_until):
            if len(memory) > MOST_KNOWN:
                memory.clear()
        if sender is None:
            self._known.pop(digest, None)
            self._unknown_until[digest] = time.monotonic() + KNOWN_FOR_S
        else:
            self._known[digest] = sender

    async def _query(self, digests: list[bytes]) -> dict[bytes, Sender | Exception]:
        """The senders; of one whose declarations mean nothing here, why."""
        asked = time.monotonic()
        if self._connection is None:
            self._connection = await AsyncConnection.connect(self.url, autocommit=True)
        cursor = await self._connection.execute(LOOK_UP, [digests], binary=True)
        found: dict[bytes, Sender | Exception] = {}
        for digest, key_id, tenant_id, rate, meters, *declared in await cursor.fetchall():
            until = asked + KNOWN_FOR_S
            try:
                dialect = _dialect(*declared)
                found[bytes(digest)] = Sender(key_id, tenant_id, rate, meters, until, dialect)
            except (ValueError, LookupError, OSError) as error:  # no such zone
                logger.warning("device key not understood", extra={"device_key_id": key_id})
                found[bytes(digest)] = error
        return found

    async def _forget_connection(self) -> None:
        if self._connection is not None:
            connection, self._connection = self._connection, None
            with contextlib.suppress(psycopg.Error, OSError):
                await connection.close()


def _fail(wanted: asyncio.Future[Sender | None], error: Exception) -> None:
    failure = StorageUnavailable("device keys cannot be read")
    failure.__cause__ = error
    wanted.set_exception(failure)
    wanted.exception()  # somebody may have gone away meanwhile


def _dialect(time_zone: str, epoch_unit: str, stamps_arrival: bool) -> Dialect:
    if not (time_zone or epoch_unit or stamps_arrival):
        return PLAIN
    return Dialect(ZoneInfo(time_zone) if time_zone else None, epoch_unit, stamps_arrival)
