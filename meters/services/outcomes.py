"""What one question to a device means: a reading to store, and when to ask again."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from clients.kernel.errors import Permanent, Retryable
from meters.drivers.base import BadTarget, Doubt, Reply, WrongMap
from meters.models import ConnectionState
from meters.models.quantities import NAMES, REGISTERS
from meters.services.claims import Claimed, Settlement

LONGEST_S: Final = 900.0  # between two tries of a device that is dead
JITTER: Final = 0.2
DOUBTFUL: Final = "doubtful"
EXTRA_MOST: Final = 32
SETTLED_S: Final = 0.05  # a wait shorter than this is no collision
APART_S: Final = 0.2
_NAMES: Final = frozenset(NAMES)
_REGISTERS: Final = frozenset(REGISTERS)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one question went. Times are of time.monotonic()."""

    claimed: Claimed
    started: float
    ended: float
    tried_at: datetime
    reply: Reply | None = None
    error: Exception | None = None

    @property
    def waited_s(self) -> float:
        """How late the question was."""
        return max(0.0, self.started - self.claimed.due)


def row_of(claimed: Claimed, reply: Reply) -> dict[str, Any]:
    """The reading, in the words of `services.samples`; what is no quantity of ours is extra."""
    extra: dict[str, Any] = dict(reply.extra)
    row: dict[str, Any] = {"meter": str(claimed.meter_id), "measured_at": reply.measured_at}
    for name, value in reply.values.items():
        if name in _REGISTERS:
            row[name] = round(value)
        elif name in _NAMES:
            row[name] = float(value)
        else:
            extra[name] = value
    if extra:
        row["extra"] = dict(list(extra.items())[:EXTRA_MOST])
    return row


def settlement_of(outcome: Outcome, *, now: float, random_: random.Random) -> Settlement:
    """What to write down. The next question is one period after the last, however late it was.

    A question that had to wait for its bus moves to the time at which the bus was free, so that
    next time nobody waits.
    """
    claimed = outcome.claimed
    if outcome.reply is not None:
        doubts = outcome.reply.doubts
        return Settlement(
            claimed,
            ConnectionState.OK,
            0,
            _next_turn(outcome, now),
            outcome.tried_at,
            ok_at=min(outcome.reply.measured_at, datetime.now(UTC)),
            error=DOUBTFUL if doubts else "",
            facts=facts_of(doubts),
        )
    assert outcome.error is not None  # noqa: S101 # one of the two
    failures = claimed.failures + 1
    state = ConnectionState.FAILING
    if failures == 1 and claimed.has_answered:
        state = ConnectionState.OK  # once is nothing: the next question decides
    elif isinstance(outcome.error, WrongMap):
        state = ConnectionState.WRONG
    return Settlement(
        claimed,
        state,
        failures,
        backoff_s(claimed.every_s, failures) * random_.uniform(1 - JITTER, 1 + JITTER),
        outcome.tried_at,
        error=code_of(outcome.error),
        facts=facts_of(getattr(outcome.error, "doubts", ())) | _said(outcome.error),
    )


def backoff_s(every_s: float, failures: int) -> float:
    """A period after the first failure, then twice as long each time, up to a quarter-hour."""
    longest = max(LONGEST_S, float(every_s))
    return float(min(longest, every_s * 2.0 ** min(failures - 1, 16)))


def code_of(error: Exception) -> str:
    """The error's stable name."""
    return str(getattr(error, "error_code", "") or getattr(error, "code", "failed"))


def facts_of(doubts: tuple[Doubt, ...]) -> dict[str, Any]:
    """The first doubt, for the sentence that a person reads."""
    if not doubts:
        return {}
    first = doubts[0]
    return {"rule": first.rule, "quantity": first.quantity, "value": first.value}


def is_expected(error: Exception) -> bool:
    """Whether it is a device that failed, and not our own code."""
    return isinstance(error, Retryable | Permanent)


def _said(error: Exception) -> dict[str, Any]:
    return {"said": str(error)[:200]} if isinstance(error, BadTarget) else {}


def _next_turn(outcome: Outcome, now: float) -> float:
    """Seconds until the next question, in step with the last one."""
    every = outcome.claimed.every_s
    base = outcome.claimed.due
    if outcome.waited_s > SETTLED_S:
        base = outcome.started + (APART_S if outcome.waited_s < every else 0.0)
    behind = now - base
    periods = max(1, int(behind // every) + 1)
    return max(0.0, base + periods * every - now)
