"""What Ctrl K finds: each app offers its own things, ten of each kind at most."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from unfold.dataclasses import SearchResult

from clients.kernel.permissions import may

MOST: Final = 10
Finder = Callable[[str], Iterable[SearchResult]]
_finders: list[tuple[str, Finder]] = []


def found_by(permission: str) -> Callable[[Finder], Finder]:
    """Register a finder for members who have the permission."""

    def register(finder: Finder) -> Finder:
        _finders.append((permission, finder))
        return finder

    return register


def everything(text: str) -> list[SearchResult]:
    """All that matches `text` and this member may see."""
    results: list[SearchResult] = []
    for permission, finder in _finders:
        if may(permission):
            results += list(finder(text))[:MOST]
    return results
