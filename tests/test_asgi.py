"""The edge's Django."""

from __future__ import annotations

import asyncio
import warnings
from pathlib import Path
from typing import Any

from drf_spectacular_sidecar import __file__ as sidecar

from config.asgi import django_application

SCRIPT = "drf_spectacular_sidecar/swagger-ui-dist/swagger-ui.css"


def test_files_are_sent_piece_by_piece_without_a_complaint(db: None) -> None:
    said = [{"type": "http.request", "body": b"", "more_body": False}]
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        if not said:
            await asyncio.Event().wait()
        return said.pop()

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "GET",
        "path": f"/static/{SCRIPT}",
        "query_string": b"",
        "headers": [(b"host", b"127.0.0.1")],
    }
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        asyncio.run(django_application(scope, receive, send))

    body = b"".join(message.get("body", b"") for message in sent)
    assert sent[0]["status"] == 200
    assert body == (Path(sidecar).parent / "static" / SCRIPT).read_bytes()
    assert len(sent) > 3
