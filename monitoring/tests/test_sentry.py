from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import brotli
import pytest

PROGRAM = """
from io import BytesIO
from config.wsgi import application
import sentry_sdk
from django.test import RequestFactory
from django.urls import path
from config import urls

def broken(request):
    secret = "s3cr3t-local"
    raise RuntimeError("no answer for +5511987654321 (amina@example.com)")

urls.urlpatterns.insert(0, path("broken", broken))
request = RequestFactory().get(
    "/broken?token=s3cr3t-query",
    headers={"X-Api-Key": "s3cr3t-header", "Cookie": "theme=s3cr3t-cookie"},
)
list(application(request.environ, lambda status, headers: None))
sentry_sdk.flush(5)
"""


OPEN: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    "br": brotli.decompress,
    "gzip": gzip.decompress,
}


@pytest.fixture
def sentry() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """A server that keeps what is reported to it: its DSN, and the events."""
    kept: list[dict[str, Any]] = []

    class Keeper(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            body = OPEN[self.headers.get("Content-Encoding", "")](body)
            parts = [json.loads(line) for line in body.splitlines() if line.startswith(b"{")]
            kept.extend(part for part in parts if "exception" in part)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Keeper)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://publickey@127.0.0.1:{server.server_port}/1", kept
    server.shutdown()


@pytest.mark.commits
def test_an_error_is_reported_without_people_or_secrets(
    sentry: tuple[str, list[dict[str, Any]]], databases: Any
) -> None:
    dsn, kept = sentry
    environment = {
        **os.environ,
        **databases.environment(),
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "SENTRY_DSN": dsn,
        "SENTRY_ENVIRONMENT": "rehearsal",
    }

    subprocess.run([sys.executable, "-c", PROGRAM], env=environment, check=True, timeout=60)

    [event] = kept
    text = json.dumps(event, ensure_ascii=False)
    assert event["environment"] == "rehearsal"
    assert event["exception"]["values"][0]["value"] == "no answer for <phone> (<e-mail>)"
    assert event["request"] == {"method": "GET", "url": "http://testserver/broken"}
    for secret in ("s3cr3t", "+5511987654321", "amina@example.com"):
        assert secret not in text
