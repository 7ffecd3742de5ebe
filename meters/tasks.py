"""When things happen to meters."""

from __future__ import annotations
