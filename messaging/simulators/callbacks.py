"""Signed webhooks that a simulator sends back: later, again when refused, also in a bad order."""

from __future__ import annotations

import hashlib
import heapq
import hmac
import itertools
import json
import threading
import time
import urllib.error
import urllib.request
from dataclasses import dataclass

TRIES = 8  # the real one goes on for days


@dataclass(frozen=True)
class Callback:
    """One webhook: where to, what, and the secret that signs it."""

    url: str
    secret: str
    payload: object
    tried: int = 0

    def post(self) -> bool:
        """Whether the other side took it."""
        raw = json.dumps(self.payload, separators=(",", ":")).encode()
        signature = hmac.new(self.secret.encode(), raw, hashlib.sha256).hexdigest()
        headers = {"Content-Type": "application/json", "X-Hub-Signature-256": f"sha256={signature}"}
        request = urllib.request.Request(self.url, raw, headers)  # noqa: S310 - our own loopback
        try:
            with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310
                return bool(200 <= answer.status < 300)  # noqa: PLR2004
        except (urllib.error.URLError, OSError):
            return False


class Courier:
    """Posts callbacks when they are due, one after the other."""

    def __init__(self) -> None:
        self._due: list[tuple[float, int, Callback]] = []
        self._serial = itertools.count()
        self._changed = threading.Condition()
        self._stopped = False
        self._busy = False
        self.taken = 0
        self.given_up = 0

    def start(self) -> None:
        threading.Thread(target=self._run, name="courier", daemon=True).start()

    def stop(self) -> None:
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    def post_later(self, callback: Callback, seconds: float) -> None:
        with self._changed:
            due = time.monotonic() + seconds
            heapq.heappush(self._due, (due, next(self._serial), callback))
            self._changed.notify_all()

    def wait_until_idle(self, seconds: float = 10) -> bool:
        """Whether everything was posted or given up within that time."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._due and not self._busy, seconds)

    def _run(self) -> None:
        while (callback := self._next()) is not None:
            taken = callback.post()
            with self._changed:
                self._busy = False
                if taken:
                    self.taken += 1
                elif callback.tried + 1 < TRIES and not self._stopped:
                    again = Callback(
                        callback.url, callback.secret, callback.payload, callback.tried + 1
                    )
                    due = time.monotonic() + 0.5 * 2**callback.tried
                    heapq.heappush(self._due, (due, next(self._serial), again))
                else:
                    self.given_up += 1
                self._changed.notify_all()

    def _next(self) -> Callback | None:
        with self._changed:
            while not self._stopped:
                if not self._due:
                    self._changed.wait()
                elif (left := self._due[0][0] - time.monotonic()) > 0:
                    self._changed.wait(left)
                else:
                    self._busy = True
                    return heapq.heappop(self._due)[2]
        return None
