"""What needs a person, one line per kind of problem: the first block of the home page.

@work("meters.change_meter")
def silent_meters(now):
    ...
    return [WorkItem(...)]
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from clients.kernel.permissions import may

GRAVITY: Final = {"critical": 0, "warning": 1, "info": 2}
MOST: Final = 7


@dataclass(frozen=True, slots=True)
class Verb:
    """What a person can do about it. A `dialog` link opens as a window on the same page."""

    text: str
    link: str
    dialog: bool = False


@dataclass(frozen=True, slots=True)
class WorkItem:
    """One kind of problem: a fact with count and amount, its consequence or cause, and one verb."""

    slug: str
    severity: str
    icon: str
    title: str
    detail: str
    since: datetime
    verb: Verb
    other: Verb | None = None


Selector = Callable[[datetime], Iterable[WorkItem]]
_selectors: list[tuple[str, Selector]] = []


def work(permission: str) -> Callable[[Selector], Selector]:
    """Register a selector of what waits for someone who has the permission."""

    def register(selector: Selector) -> Selector:
        _selectors.append((permission, selector))
        return selector

    return register


def work_items(now: datetime) -> list[WorkItem]:
    """Everything that waits for this member's decision, gravest first, then oldest."""
    found = [
        item for permission, selector in _selectors if may(permission) for item in selector(now)
    ]
    return sorted(found, key=lambda item: (GRAVITY[item.severity], item.since))


@dataclass(frozen=True, slots=True)
class Notice:
    """How one part of the system is: `good` or `warn`, with the page that says more."""

    text: str
    kind: str
    link: str


Watcher = Callable[[datetime], Iterable[Notice]]
_watchers: list[tuple[str, Watcher]] = []


def notices(permission: str) -> Callable[[Watcher], Watcher]:
    """Register what the head of the home page says about the system's health."""

    def register(watcher: Watcher) -> Watcher:
        _watchers.append((permission, watcher))
        return watcher

    return register


def notices_now(now: datetime) -> list[Notice]:
    """What is not well first, then what is."""
    chosen = [watcher for permission, watcher in _watchers if may(permission)]
    found = [notice for watcher in chosen for notice in watcher(now)]
    return sorted(found, key=lambda notice: notice.kind == "good")
