"""Sweepers look at every company; what fails for one must not end the sweep before the others."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Any

logger = logging.getLogger(__name__)


def each(keys: Iterable[Any], work: Callable[..., object]) -> None:
    """Call `work` with each key (a tuple is its arguments). What fails is logged, and left for the
    next sweep."""
    for key in keys:
        try:
            work(*key) if isinstance(key, tuple) else work(key)
        except Exception:
            logger.exception("a sweep failed for one", extra={"key": key})
