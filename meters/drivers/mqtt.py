"""One conversation with an MQTT broker, kept up for as long as somebody wants to hear.

MQTT 3.1.1, QoS 1, the session kept at the broker: what arrives while nobody listens waits there.
A message is acknowledged only after `take` returned, which is after the commit; so a process that
dies loses nothing that was acknowledged, and hears the rest again. Messages that wait together are
taken together.

A message is `is_live` when it comes straight from the device: not retained, not repeated, and not
from the pile that a broker hands over after a pause. Only those may be dated by their arrival.
"""

from __future__ import annotations

import asyncio
import logging
import random
import socket
import ssl
from collections import deque
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, Protocol

from clients.kernel.errors import Retryable
from meters.drivers.base import BadTarget, Unreachable
from meters.drivers.pushed import Dialect
from meters.drivers.reach import addresses_of
from meters.drivers.shelly import Shelly
from meters.drivers.tasmota import Tasmota
from meters.drivers.zigbee2mqtt import Zigbee2Mqtt

logger = logging.getLogger(__name__)

DIALECTS: Final[dict[str, Dialect]] = {
    "tasmota": Tasmota(),
    "shelly": Shelly(),
    "zigbee2mqtt": Zigbee2Mqtt(),
}
TOGETHER: Final = 1_000  # messages in one commit
MOST_WAITING: Final = 50_000  # beyond, the oldest of those that nobody wants acknowledged go
TOPICS_AT_ONCE: Final = 100
DIAL_S: Final = 10.0
QUIET_S: Final = 1.0  # so long without a message: the pile has been handed over
LONGEST_PILE_S: Final = 60.0
SHORTEST_WAIT_S: Final = 1.0
LONGEST_WAIT_S: Final = 60.0
AT_LEAST_ONCE: Final = 1
REFUSED_FROM: Final = 128
REFUSALS: Final = {  # MQTT 3.1.1's numbers, and those of version 5 that the library makes of them
    1: "bad_protocol",
    2: "bad_client_id",
    4: "bad_password",
    5: "not_allowed",
    132: "bad_protocol",
    133: "bad_client_id",
    134: "bad_password",
    135: "not_allowed",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A broker, and who we are there."""

    host: str
    port: int = 1883
    is_tls: bool = False
    username: str = ""
    password: str = field(default="", repr=False)
    client_id: str = "pulso"


@dataclass(frozen=True, slots=True)
class Letter:
    """A message, and when it arrived."""

    topic: str
    payload: bytes
    received_at: datetime
    is_live: bool = True


class Reader(Protocol):
    """Who wants to hear. All of it blocks, runs in a thread, and never twice at a time."""

    def take(self, letters: Sequence[Letter]) -> None:
        """Keep what was said. Raises Retryable to be asked again with the same letters."""
        ...

    def connected(self) -> None:
        """The broker let us in."""
        ...

    def failed(self, code: str) -> None:
        """The broker is not there, or does not let us in."""
        ...


@dataclass(frozen=True, slots=True)
class _Waiting:
    letter: Letter
    number: int
    quality: int


def dial(host: str, port: int) -> socket.socket:
    """A connection to an address that is open to drivers. Raises BadTarget or OSError."""
    failure = OSError("nobody answers")
    for address in asyncio.run(addresses_of(host, port, DIAL_S)):
        try:
            return socket.create_connection((address, port), timeout=DIAL_S)
        except OSError as error:
            failure = error
    raise failure


class Subscription:
    """Listens to one broker until it is stopped; comes back by itself after every failure."""

    def __init__(
        self,
        account: Account,
        reader: Reader,
        topics: Collection[str] = (),
        *,
        dialler: Callable[[str, int], socket.socket] = dial,
        threads: ThreadPoolExecutor | None = None,
    ) -> None:
        self.account, self.reader, self.dialler = account, reader, dialler
        self.wanted = frozenset(topics)
        self.dropped = 0
        self._changed = asyncio.Event()
        self._stopping = asyncio.Event()
        self._inbox: deque[_Waiting] = deque()
        self._arrived = asyncio.Event()
        self._settled_at = 0.0
        self._heard_at = 0.0
        self._deadline = 0.0
        # Each thread has connections to the database, so many brokers share few threads.
        self._threads = threads or ThreadPoolExecutor(1, thread_name_prefix="mqtt")
        self._turn = asyncio.Lock()
        self._asides: set[asyncio.Task[None]] = set()

    def listen_to(self, topics: Collection[str]) -> None:
        """From now on these topics, and no others."""
        if frozenset(topics) != self.wanted:
            self.wanted = frozenset(topics)
            self._changed.set()

    def stop(self) -> None:
        """Finish what was begun, and end."""
        self._stopping.set()
        self._arrived.set()

    def soon(self, work: Callable[[], None]) -> None:
        """Do this when the reader has time for it."""
        task = asyncio.create_task(self._tell(work))
        self._asides.add(task)
        task.add_done_callback(self._asides.discard)

    async def run(self) -> None:
        """Until `stop`."""
        waits = SHORTEST_WAIT_S
        while not self._stopping.is_set():
            began = asyncio.get_running_loop().time()
            code = await self._conversation()
            if self._stopping.is_set():
                break
            await self._tell(lambda code=code: self.reader.failed(code))  # type: ignore[misc]
            if asyncio.get_running_loop().time() - began > LONGEST_WAIT_S:
                waits = SHORTEST_WAIT_S
            with suppress(TimeoutError):
                pause = waits * random.uniform(0.8, 1.2)  # noqa: S311 - only spreads them out
                await asyncio.wait_for(self._stopping.wait(), pause)
            waits = min(waits * 2, LONGEST_WAIT_S)

    async def _conversation(self) -> str:
        """Talk until something ends it; the code says what."""
        import aiomqtt  # only the process that listens needs it

        self._inbox.clear()
        try:
            async with self._client() as client:
                await self._tell(self.reader.connected)
                tasks = [
                    asyncio.create_task(part)
                    for part in (self._subscribe(client), self._store(client), _end_of(client))
                ]
                await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                return await _first_failure(tasks)
        except BadTarget as refusal:
            return refusal.error_code
        except ssl.SSLError:
            return "bad_certificate"
        except aiomqtt.exceptions.MqttConnectError as error:
            return REFUSALS.get(_number(error.rc), "refused")
        except (aiomqtt.MqttError, Unreachable, OSError, TimeoutError, UnicodeError):
            return "unreachable"  # UnicodeError: a name that cannot be one

    def _client(self) -> Any:
        import aiomqtt

        account = self.account
        client = aiomqtt.Client(
            account.host,
            account.port,
            username=account.username or None,
            password=account.password or None,
            identifier=account.client_id,
            clean_session=False,
            timeout=DIAL_S,
            tls_context=ssl.create_default_context() if account.is_tls else None,
        )
        # aiomqtt acknowledges on arrival, and dials whatever a name says.
        inner: Any = client._client  # its own type knows nothing of the callbacks' versions
        inner.manual_ack_set(True)
        inner._create_socket_connection = lambda: self.dialler(account.host, account.port)
        told = inner.on_connect

        def on_connect(given: Any, data: Any, flags: Any, code: Any, properties: Any) -> None:
            now = asyncio.get_running_loop().time()
            self._settled_at = now + LONGEST_PILE_S if flags.session_present else now
            self._heard_at = now
            told(given, data, flags, code, properties)

        inner.on_connect = on_connect
        inner.on_message = self._on_message
        return client

    def _on_message(self, _client: Any, _data: Any, message: Any) -> None:
        now = asyncio.get_running_loop().time()
        if now - self._heard_at > QUIET_S:
            self._settled_at = min(self._settled_at, now)
        self._heard_at = now
        is_live = not message.retain and not message.dup and now >= self._settled_at
        letter = Letter(message.topic, message.payload, datetime.now(UTC), is_live)
        if len(self._inbox) >= MOST_WAITING and message.qos < AT_LEAST_ONCE:
            self.dropped += 1
            return
        self._inbox.append(_Waiting(letter, message.mid, message.qos))
        self._arrived.set()

    async def _subscribe(self, client: Any) -> str:
        """Keep the broker's list of topics the same as ours."""
        known: set[str] = set()
        while True:
            self._changed.clear()
            for some in _some(sorted(self.wanted - known)):
                granted = await client.subscribe([(topic, AT_LEAST_ONCE) for topic in some])
                if any(_number(code) >= REFUSED_FROM for code in granted):
                    return "topic_refused"
            for some in _some(sorted(known - self.wanted)):
                await client.unsubscribe(some)
            known = set(self.wanted)
            await self._changed.wait()

    async def _store(self, client: Any) -> str:
        while not (self._stopping.is_set() and not self._inbox):
            await self._arrived.wait()
            self._arrived.clear()
            while self._inbox:
                together = [
                    self._inbox.popleft() for _each in range(min(len(self._inbox), TOGETHER))
                ]
                await self._keep([waiting.letter for waiting in together])
                for waiting in together:
                    client._client.ack(waiting.number, waiting.quality)
        return "stopped"

    async def _keep(self, letters: Sequence[Letter]) -> None:
        waits = SHORTEST_WAIT_S
        while True:
            try:
                await self._tell(lambda: self.reader.take(letters))
            except Retryable:
                logger.warning("messages wait for the database", extra={"messages": len(letters)})
                await asyncio.sleep(waits)
                waits = min(waits * 2, LONGEST_WAIT_S)
            else:
                return

    async def _tell(self, said: Callable[[], None]) -> None:
        """One thing at a time: the reader keeps what it remembers without a lock."""
        async with self._turn:
            work = asyncio.get_running_loop().run_in_executor(self._threads, said)
            try:
                await asyncio.shield(work)
            except asyncio.CancelledError:
                with suppress(Exception):
                    await work  # a thread cannot be stopped, and nobody else may go meanwhile
                raise


async def _end_of(client: Any) -> str:
    """Raises when the connection ends; we hear messages before the library's own queue does."""
    async for _message in client.messages:
        pass
    return "unreachable"


async def _first_failure(tasks: Sequence[asyncio.Task[str]]) -> str:
    """What the first finished part says, after the others have ended."""
    for task in tasks:
        if not task.done():
            task.cancel()
    ended = await asyncio.gather(*tasks, return_exceptions=True)
    for result in ended:
        if isinstance(result, Exception) and not isinstance(result, asyncio.CancelledError):
            raise result
    return next((result for result in ended if isinstance(result, str)), "unreachable")


def _some(topics: Sequence[str]) -> list[Sequence[str]]:
    return [topics[at : at + TOPICS_AT_ONCE] for at in range(0, len(topics), TOPICS_AT_ONCE)]


def _number(code: Any) -> int:
    return int(getattr(code, "value", code))
