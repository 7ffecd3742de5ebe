"""A circuit breaker per account: shared through the cache, which falls back to local memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar, cast

from django.core.cache import cache
from purgatory import SyncAbstractUnitOfWork, SyncCircuitBreakerFactory
from purgatory.domain.model import Context, OpenedState
from purgatory.service._sync.repository import SyncAbstractRepository
from purgatory.typing import StateName

from clients.kernel.egress import AddressRefused, Unreachable

FAILURES_TO_OPEN = 5
OPEN_SECONDS = 60.0
_FORGET_SECONDS = 3600


class CircuitOpen(Unreachable):
    """The account failed several times in a row, so it is left alone for a minute."""

    code: ClassVar[str] = "circuit_open"


@dataclass(frozen=True)
class _Kept:
    state: str
    opened_at: float | None


class _CacheRepository(SyncAbstractRepository):
    def __init__(self) -> None:
        self.messages = []

    def get(self, name: str) -> Context | None:
        kept = cast(_Kept | None, cache.get(f"breaker:{name}"))
        if kept is None:
            return None
        failures = cache.get(f"breaker:{name}:failures", 0)
        state = cast(StateName, kept.state)
        return Context(name, FAILURES_TO_OPEN, OPEN_SECONDS, state, failures, kept.opened_at)

    def register(self, context: Context) -> None:
        self.update_state(context.name, context.state, context.opened_at)

    def update_state(self, name: str, state: str, opened_at: float | None) -> None:
        cache.set(f"breaker:{name}", _Kept(state, opened_at), _FORGET_SECONDS)

    def inc_failures(self, name: str, failure_count: int) -> None:
        if not cache.add(f"breaker:{name}:failures", 1, _FORGET_SECONDS):
            cache.incr(f"breaker:{name}:failures")

    def reset_failure(self, name: str) -> None:
        cache.delete(f"breaker:{name}:failures")


class _CacheUnitOfWork(SyncAbstractUnitOfWork):
    def __init__(self) -> None:
        self.contexts = _CacheRepository()

    def commit(self) -> None:
        """Each write is its own."""

    def rollback(self) -> None:
        """A lost count opens the breaker one call later, nothing worse."""


@lru_cache(maxsize=1)
def _breakers() -> SyncCircuitBreakerFactory:
    # A refused address says nothing about the account's health.
    return SyncCircuitBreakerFactory(
        FAILURES_TO_OPEN, OPEN_SECONDS, exclude=[AddressRefused], uow=_CacheUnitOfWork()
    )


@contextmanager
def guarded(account: str) -> Iterator[None]:
    """Count what escapes the block against the account; raise CircuitOpen when it had too many."""
    if not account:
        yield
        return
    try:
        with _breakers().get_breaker(account):
            yield
    except OpenedState as error:
        raise CircuitOpen("This account is resting after repeated failures.") from error
