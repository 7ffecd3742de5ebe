"""Counters for the page of metrics."""

from __future__ import annotations

from prometheus_client import Counter

sent = Counter("messages_sent_total", "Messages that providers took.", ["channel"])
failed = Counter("messages_failed_total", "Messages that did not go.", ["channel", "reason"])
