"""Tuya's cloud, of our own: tokens, signatures and the status of devices.

It checks each signature over method, body hash and path as "Sign Requests" says, refuses moments
that are five minutes off, and lets tokens end. Sources as in the adapter, with which it shares no
code. `fault`: "" · "token_over" (once) · "down" (500) · "not_json" · "offline".
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import secrets
import threading
import time
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

DEVICE: Final = re.compile(r"^/v1\.0/iot-03/devices/([\w-]+)(/status)?$")
CLOCK_MS: Final = 300_000


class TuyaCloudSimulator:
    """Start it, point a connection at its port, stop it."""

    def __init__(
        self,
        devices: Mapping[str, Mapping[str, Any]],
        *,
        client_id: str = "simclientid000000000",
        secret: str = "simsecret00000000000000000000000",  # noqa: S107 - opens nothing
        port: int = 0,
    ) -> None:
        self.devices, self.client_id, self.secret = devices, client_id, secret
        self.tokens: set[str] = set()
        self.fault = ""
        self._server = _Server(("127.0.0.1", port), _Talk)
        self._server.cloud = self

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    def start(self) -> TuyaCloudSimulator:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, path: str, headers: Mapping[str, str]) -> dict[str, Any]:
        """The body that the cloud would send."""
        token = headers.get("access_token", "")
        moment = headers.get("t", "0")
        if headers.get("client_id") != self.client_id:
            return _refusal(1005, "clientId is invalid")
        if not moment.isdigit() or abs(int(moment) - time.time() * 1000) > CLOCK_MS:
            return _refusal(1013, "request time is invalid")
        told = f"GET\n{hashlib.sha256(b'').hexdigest()}\n\n{path}"
        said = self.client_id + token + moment + headers.get("nonce", "") + told
        wanted = hmac.new(self.secret.encode(), said.encode(), hashlib.sha256).hexdigest().upper()
        if not hmac.compare_digest(wanted, headers.get("sign", "")):
            return _refusal(1004, "sign invalid")
        if path == "/v1.0/token?grant_type=1":
            return self._new_token()
        if token not in self.tokens:
            return _refusal(1010, "token invalid")
        if self.fault == "token_over":
            self.fault = ""
            self.tokens.clear()
            return _refusal(1010, "token invalid")
        return self._device(path)

    def _new_token(self) -> dict[str, Any]:
        token = secrets.token_hex(16)
        self.tokens.add(token)
        return _result(
            {
                "access_token": token,
                "expire_time": 7200,
                "refresh_token": secrets.token_hex(16),
                "uid": "bay0000000000000sim",
            }
        )

    def _device(self, path: str) -> dict[str, Any]:
        match = DEVICE.match(path)
        if match is None or match[1] not in self.devices:
            return _refusal(2017, "device not exist")
        points = self.devices[match[1]]
        if match[2]:
            return _result([{"code": code, "value": value} for code, value in points.items()])
        return _result({"id": match[1], "online": self.fault != "offline", "category": "cz"})


def _result(result: Any) -> dict[str, Any]:
    return {"result": result, "success": True, "t": time.time_ns() // 1_000_000, "tid": "sim"}


def _refusal(code: int, text: str) -> dict[str, Any]:
    return {"code": code, "msg": text, "success": False, "t": time.time_ns() // 1_000_000}


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    cloud: TuyaCloudSimulator


class _Talk(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        cloud = self.server.cloud
        if cloud.fault == "down":
            self._send(500, b"<html>gateway</html>")
            return
        if cloud.fault == "not_json":
            self._send(200, b"<html>please wait</html>")
            return
        headers = {name.lower(): value for name, value in self.headers.items()}
        self._send(200, json.dumps(cloud.answer(self.path, headers)).encode())

    def _send(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json;charset=UTF-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
        """Say nothing."""
