"""`GET /api/v1/time`: what a device without a clock asks before it sends. Open and small."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any, Final

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request

from clients.kernel.api import ApiView

PATH: Final = "/api/v1/time"
HEADERS: Final = {"Content-Type": "application/json", "Cache-Control": "no-store"}


def what_time_it_is() -> bytes:
    """Now: written out, in whole Unix seconds, and in milliseconds."""
    nanoseconds = time.time_ns()
    milliseconds = nanoseconds // 1_000_000
    at = datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="milliseconds")
    said = f'{{"time":"{at}","unix":{milliseconds // 1000},"unix_ms":{milliseconds}}}'
    return said.encode()


class TimeSerializer(serializers.Serializer[Any]):
    """One instant, said in three ways."""

    time = serializers.DateTimeField()
    unix = serializers.IntegerField()
    unix_ms = serializers.IntegerField()


class TimeView(ApiView):
    """The same where Django answers."""

    permission_classes: Any = ()
    authentication_classes: Any = ()
    rate_groups = ()

    @extend_schema(responses=TimeSerializer, auth=[], operation_id="time")
    def get(self, request: Request) -> HttpResponse:
        """What time it is, in UTC, for devices without a clock."""
        return HttpResponse(what_time_it_is(), headers=HEADERS)


async def clock_application(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """The same on the edge, without Django."""
    headers = [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]
    body = what_time_it_is()
    headers.append((b"content-length", b"%d" % len(body)))
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
