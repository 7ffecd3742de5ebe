"""The loop that asks devices: many buses at once, on each bus one question at a time.

Rows say what is due; they are claimed a moment early and asked to the instant. A bus asks a device
that is slow or that failed only when nobody quick would have to wait for it. Readings and results
are written together, twice a second. Whatever happens to the process, rows that were claimed become
due again when their lease ends.
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
import time
import uuid
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final, TypeVar

from django.db import DatabaseError, InterfaceError, OperationalError, connections

from meters.drivers import DRIVERS
from meters.drivers.base import BadTarget, Driver, Unreachable
from meters.errors import StorageUnavailable, Unprocessable
from meters.services.claims import Claimed, Settlement, claim, release, settle
from meters.services.ingest import store_readings
from meters.services.outcomes import Outcome, is_expected, row_of, settlement_of
from meters.services.samples import samples_of

logger = logging.getLogger(__name__)
T = TypeVar("T")
CLAIM_EVERY_S: Final = 0.5
AHEAD: Final = timedelta(seconds=1)
CLAIMS_AT_ONCE: Final = 500
MOST_HELD: Final = 5_000
WRITE_EVERY_S: Final = 0.5
DATABASE_PAUSE_S: Final = 1.0
FINISH_S: Final = 5.0
QUICK_S: Final = 0.5  # a device that needs longer is slow
LEEWAY: Final = 1.1
PATIENCE: Final = 0.5  # of a period
ONCE_S: Final = 20.0  # then somebody else's turn; the sweep comes back
READ_S: Final = 120.0  # a driver that does not keep its own time-outs is stopped


@dataclass
class Poller:
    """One process's polling. `run` returns after `stop`, or with `once` when nothing is due."""

    ahead: timedelta = AHEAD
    once: bool = False
    on_outcome: Callable[[Outcome], None] | None = None
    holder: str = field(default_factory=lambda: f"poll {os.getpid()} {uuid.uuid4().hex[:12]}")
    asked: int = 0
    _held: dict[int, Claimed] = field(default_factory=dict)
    _buses: dict[str, Bus] = field(default_factory=dict)
    _done: list[Outcome] = field(default_factory=list)
    _random: random.Random = field(default_factory=random.Random)
    _stopping: asyncio.Event = field(default_factory=asyncio.Event)

    def stop(self) -> None:
        """Claim nothing more, finish what is being asked, write it down, give back the rest."""
        self._stopping.set()

    async def run(self) -> None:
        """Ask whatever is due, until stopped. A lost database is waited for."""
        self._thread = ThreadPoolExecutor(1, "polling")
        writing = asyncio.create_task(self._write_always())
        try:
            await self._claim_always()
        finally:
            await self._finish()
            writing.cancel()
            with suppress(asyncio.CancelledError):
                await writing
            await self._write()
            await self._database(connections.close_all)
            self._thread.shutdown()

    async def _claim_always(self) -> None:
        until = time.monotonic() + ONCE_S
        while not self._stopping.is_set():
            try:
                found = await self._database(self._claim)
            except (DatabaseError, OperationalError, InterfaceError):
                logger.warning("connections not claimed", exc_info=True)
                await self._database(connections.close_all)
                await self._pause(DATABASE_PAUSE_S)
                continue
            for claimed in found:
                if claimed.id not in self._held:
                    self._held[claimed.id] = claimed
                    self._bus(claimed.bus).put(claimed)
            if self.once and (not found or time.monotonic() > until):
                await self._drain()
                break
            await self._pause(CLAIM_EVERY_S)

    async def _drain(self) -> None:
        while self._held and not self._stopping.is_set():
            await self._pause(CLAIM_EVERY_S / 5)

    def _claim(self) -> list[Claimed]:
        return claim(
            self.holder,
            list(DRIVERS),
            limit=max(0, min(CLAIMS_AT_ONCE, MOST_HELD - len(self._held))),
            ahead=self.ahead,
            held=list(self._held),
        )

    def _bus(self, name: str) -> Bus:
        if name not in self._buses:
            self._buses[name] = Bus(name, self)
        return self._buses[name]

    async def ask(self, line: Driver, claimed: Claimed) -> Outcome:
        """Ask one device. Its failure is an outcome, and so is a fault of the driver."""
        started, tried_at = time.monotonic(), datetime.now(UTC)
        try:
            async with asyncio.timeout(READ_S):
                reply = await line.read(claimed.target)
        except TimeoutError:
            silent = Unreachable("the driver did not come back")
            outcome = Outcome(claimed, started, time.monotonic(), tried_at, error=silent)
        except Exception as error:  # one device must not end the others' polling
            if not is_expected(error):
                logger.exception("driver failed", extra={"connection_id": claimed.id})
            outcome = Outcome(claimed, started, time.monotonic(), tried_at, error=error)
        else:
            outcome = Outcome(claimed, started, time.monotonic(), tried_at, reply=reply)
        self.asked += 1
        self._done.append(outcome)
        if self.on_outcome is not None:
            self.on_outcome(outcome)
        return outcome

    async def _write_always(self) -> None:
        while True:
            await asyncio.sleep(WRITE_EVERY_S)
            await self._write()

    async def _write(self) -> None:
        """Store what was read, then say when to ask again. What cannot be stored yet is kept."""
        done, self._done = self._done, []
        if not done:
            return
        try:
            settled = await self._database(lambda: self._stored(done))
        except (StorageUnavailable, DatabaseError, OperationalError, InterfaceError):
            logger.warning("readings not stored yet", extra={"count": len(done)}, exc_info=True)
            await self._database(connections.close_all)
            self._done = done + self._done
            return
        for settlement in settled:
            self._held.pop(settlement.claimed.id, None)
            self._bus(settlement.claimed.bus).expect(settlement)

    def _stored(self, done: list[Outcome]) -> list[Settlement]:
        by_tenant: dict[int, list[Outcome]] = defaultdict(list)
        for outcome in done:
            if outcome.reply is not None:
                by_tenant[outcome.claimed.tenant_id].append(outcome)
        refused: dict[int, Unprocessable] = {}
        for tenant_id, outcomes in by_tenant.items():
            refused |= store_outcomes(tenant_id, outcomes)
        now = time.monotonic()
        settled = [
            settlement_of(_refused(outcome, refused), now=now, random_=self._random)
            for outcome in done
        ]
        settle(settled)
        return settled

    async def _finish(self) -> None:
        """Let what is being asked end, within reason; give back what was not begun."""
        unasked = [claimed for bus in self._buses.values() for claimed in bus.take_all()]
        running = [bus.task for bus in self._buses.values() if bus.task and not bus.task.done()]
        if running:
            _, late = await asyncio.wait(running, timeout=FINISH_S)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        written = {outcome.claimed.id for outcome in self._done}
        rest = {claimed.id: claimed for claimed in unasked}
        rest |= {i: c for i, c in self._held.items() if i not in written and c.bus in self._buses}
        try:
            await self._write()
            await self._database(lambda: release(self.holder, rest.values()))
        except (DatabaseError, OperationalError, InterfaceError):
            logger.warning("leases not given back; they end by themselves", exc_info=True)

    async def _database(self, work: Callable[[], T]) -> T:
        """Run it in the one thread that has the database's connections."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)


class Bus:
    """The devices on one line, and whose turn it is. Its line is open while there is work."""

    def __init__(self, name: str, poller: Poller) -> None:
        self.name, self.poller = name, poller
        self.task: asyncio.Task[None] | None = None
        self._waiting: list[Claimed] = []
        self._expected: dict[int, float] = {}  # when the healthy ones are due again
        self._takes: dict[int, float] = {}  # how long each of them took last time
        self._news = asyncio.Event()

    def put(self, claimed: Claimed) -> None:
        """Ask this one at its time."""
        self._expected.pop(claimed.id, None)
        self._waiting.append(claimed)
        self._news.set()
        if self.task is None or self.task.done():
            self.task = asyncio.create_task(self._run(), name=f"bus {self.name}")

    def take_all(self) -> list[Claimed]:
        """Everything that has not begun."""
        taken, self._waiting = self._waiting, []
        self._news.set()
        return taken

    def expect(self, settlement: Settlement) -> None:
        """Remember when a healthy device is due, to keep the line free for it."""
        if settlement.failures:
            self._expected.pop(settlement.claimed.id, None)
        else:
            self._expected[settlement.claimed.id] = time.monotonic() + settlement.delay_s

    async def _run(self) -> None:
        lines: dict[str, Driver] = {}
        try:
            while self._waiting:
                claimed, pause_s = self._turn(time.monotonic())
                if pause_s > 0:
                    self._news.clear()
                    with suppress(TimeoutError):
                        await asyncio.wait_for(self._news.wait(), pause_s)
                    continue
                self._waiting.remove(claimed)
                if claimed.driver not in lines:
                    lines[claimed.driver] = DRIVERS[claimed.driver]()
                outcome = await self.poller.ask(lines[claimed.driver], claimed)
                self._takes[claimed.id] = outcome.ended - outcome.started
        finally:
            for line in lines.values():
                await line.close()

    def _turn(self, now: float) -> tuple[Claimed, float]:
        """Whose turn it is, and how long until then.

        Who answers at once goes at its time. Who is slow, or may be silent, goes when nobody quick
        would have to wait for it, and after half a period all the same.
        """
        ready = sorted((c for c in self._waiting if c.due <= now), key=lambda c: c.due)
        for claimed in ready:
            if not self._needs(claimed):
                return claimed, 0.0
        soonest = None
        for claimed in sorted(ready, key=self._needs):
            clear_at = self._clear_at(now, claimed)
            if clear_at <= now or now - claimed.due > claimed.every_s * PATIENCE:
                return claimed, 0.0
            if soonest is None or clear_at < soonest[1]:
                soonest = claimed, clear_at
        coming = min((c for c in self._waiting if c.due > now), key=lambda c: c.due, default=None)
        if soonest is not None:
            until = soonest[1] if coming is None else min(soonest[1], coming.due)
            return soonest[0], min(max(0.001, until - now), 1.0)
        assert coming is not None  # noqa: S101 # somebody is waiting, or nobody had asked
        return coming, coming.due - now

    def _needs(self, claimed: Claimed) -> float:
        """For how long the line may be taken; 0 for a device that answers at once."""
        if claimed.failures:
            return LEEWAY * claimed.target.timeout_s
        took = self._takes.get(claimed.id, 0.0)
        return took * LEEWAY if took > QUICK_S else 0.0

    def _clear_at(self, now: float, claimed: Claimed) -> float:
        """When the line is free for as long as this device needs."""
        others = [
            (each.due, self._needs(each))
            for each in self._waiting
            if not each.failures and each.id != claimed.id
        ]
        others += [(due, self._takes.get(i, 0.0)) for i, due in self._expected.items()]
        if not claimed.failures:  # slow ones may wait for each other
            others = [(due, needs) for due, needs in others if needs <= QUICK_S]
        until = now
        for due, needs in sorted(others):
            if due + needs < now - 1 or due > until + self._needs(claimed):
                continue
            until = max(until, due + needs + 0.001)
        return until


def store_outcomes(tenant_id: int, outcomes: list[Outcome]) -> dict[int, Unprocessable]:
    """Store the readings of one tenant; a value that is refused fails its own connection alone."""
    now = datetime.now(UTC)
    names = {str(outcome.claimed.meter_id): outcome.claimed.meter_id for outcome in outcomes}
    rows = [row_of(o.claimed, o.reply) for o in outcomes if o.reply is not None]
    try:
        store_readings(tenant_id, names, samples_of(rows), now=now)
    except Unprocessable as error:
        if len(outcomes) == 1:
            return {outcomes[0].claimed.id: error}
        refused: dict[int, Unprocessable] = {}
        for outcome in outcomes:
            refused |= store_outcomes(tenant_id, [outcome])
        return refused
    return {}


def _refused(outcome: Outcome, refused: dict[int, Unprocessable]) -> Outcome:
    error = refused.get(outcome.claimed.id)
    if error is None or outcome.reply is None:
        return outcome
    told = BadTarget(str(error), code="bad_value")
    return Outcome(outcome.claimed, outcome.started, outcome.ended, outcome.tried_at, error=told)


def poll_due(*, overdue: timedelta = timedelta(0)) -> int:
    """Ask what has been due for `overdue` and is held by nobody, once. Says how many were asked."""
    poller = Poller(ahead=-overdue, once=True)
    asyncio.run(poller.run())
    return poller.asked
