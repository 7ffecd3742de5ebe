"""The ingest lane as tests knock on it."""

from __future__ import annotations

import asyncio
import json
import threading
from datetime import UTC, datetime, timedelta
from typing import Any

from clients.kernel.tenancy import acting_for
from clients.models import Tenant
from meters.api.lane import Lane
from meters.models import Reading

NOW = datetime.now(tz=UTC).replace(microsecond=0)
HOUR_AGO = NOW - timedelta(hours=1)


class Door:
    """The lane on an event loop of its own, as an edge process has it."""

    def __init__(self, url: str, *, rate_per_minute: int = 600) -> None:
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        self.lane = self.run(self._make(url, rate_per_minute))

    async def _make(self, url: str, rate_per_minute: int) -> Lane:
        lane = Lane(url, rate_per_minute=rate_per_minute)
        await lane.start()
        return lane

    def run(self, coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(30)

    def close(self) -> None:
        self.run(self.lane.stop())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)

    def post(self, body: Any, key: str = "", **headers: str) -> tuple[int, dict[str, Any]]:
        return self.run(self._post(body, key, headers))

    def post_together(self, requests: list[tuple[Any, str]]) -> list[tuple[int, dict[str, Any]]]:
        async def all_at_once() -> list[Any]:
            return await asyncio.gather(*(self._post(body, key, {}) for body, key in requests))

        return self.run(all_at_once())

    async def _post(
        self, body: Any, key: str, headers: dict[str, str]
    ) -> tuple[int, dict[str, Any]]:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        sent: list[dict[str, Any]] = []
        said = {"authorization": f"Bearer {key}", "accept-language": "en", **headers}
        scope = {
            "type": "http",
            "method": said.pop("method", "POST"),
            "query_string": said.pop("query", "").encode(),
            "headers": [(n.replace("_", "-").encode(), v.encode()) for n, v in said.items() if v],
        }

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": raw, "more_body": False}

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        await self.lane(scope, receive, send)
        self.headers = dict(sent[0]["headers"])
        return sent[0]["status"], json.loads(sent[1]["body"])


def reading(at: datetime = HOUR_AGO, **values: Any) -> dict[str, Any]:
    return {"measured_at": at.isoformat(), "meter": "AA:01", "power_w": 1_500.5, **values}


def stored(tenant: Tenant) -> list[tuple[datetime, float]]:
    with acting_for(tenant.pk):
        return list(Reading.objects.order_by("measured_at").values_list("measured_at", "power_w"))
