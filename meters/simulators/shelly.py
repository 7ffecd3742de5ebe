"""A Shelly Pro 3EM (or EM) of our own: the RPC over HTTP with what it counted in each minute.

It speaks EMData.GetStatus/GetRecords/GetData (EM1Data likewise) as shelly-api-docs.shelly.cloud
shows them: blocks of minutes, pages with `next_record_ts`, errors with code and message, digest
authentication with SHA-256 when it has a password. It shares no code with what asks it.

`fault`: "" · "silent" · "not_json" · "error" (500) · "endless" (a page that leads nowhere) ·
"backwards" · "other_keys".
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

MINUTE: Final = 60
PAGE: Final = 30  # minutes in one answer
MEASURES: Final = ("total_act_energy", "total_act_ret_energy", "avg_voltage", "avg_current")
REALM: Final = "shellypro3em-sim"
_PART: Final = re.compile(r'(\w+)="?([^",]*)"?')


@dataclass(frozen=True, slots=True)
class Counted:
    """What was counted in the minute that begins at `ts`, Wh."""

    ts: int
    import_wh: float
    export_wh: float = 0.0
    voltage: float = 127.3


class ShellySimulator:
    """Start it, count minutes into it, ask it, stop it."""

    def __init__(
        self,
        *,
        phases: int = 3,
        password: str = "",
        port: int = 0,
        host: str = "127.0.0.1",
    ) -> None:
        self.phases, self.password = phases, password
        self.minutes: list[Counted] = []
        self.fault = ""
        self.questions: list[str] = []
        self.nonce = secrets.token_hex(8)
        self._server = _Server((host, port), _Talk)
        self._server.device = self

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    def start(self) -> ShellySimulator:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def component(self) -> str:
        return "EMData" if self.phases > 1 else "EM1Data"

    def answer(self, method: str, asked: Mapping[str, str]) -> tuple[int, dict[str, Any]]:
        """Status and body."""
        name, _dot, verb = method.partition(".")
        if name != self.component:
            return 404, {"code": 404, "message": f"No handler for {method}"}
        if asked.get("id") != "0":
            message = f"Argument 'id', value {asked.get('id')} not found!"
            return 500, {"code": -105, "message": message}
        answers: dict[str, Callable[[Mapping[str, str]], dict[str, Any]]] = {
            "GetStatus": self._status,
            "GetRecords": self._records,
            "GetData": self._data,
        }
        if verb not in answers:
            return 404, {"code": 404, "message": f"No handler for {method}"}
        return 200, answers[verb](asked)

    def _status(self, _asked: Mapping[str, str]) -> dict[str, Any]:
        taken = round(sum(minute.import_wh for minute in self.minutes), 3)
        given = round(sum(minute.export_wh for minute in self.minutes), 3)
        if self.phases == 1:
            return {"id": 0, "total_act_energy": taken, "total_act_ret_energy": given}
        return {"id": 0, "total_act": taken, "total_act_ret": given}

    def _records(self, asked: Mapping[str, str]) -> dict[str, Any]:
        found = [each for each in self._blocks() if each[-1].ts >= int(asked.get("ts", 0))]
        return {
            "data_blocks": [
                {"ts": block[0].ts, "period": MINUTE, "records": len(block)} for block in found
            ]
        }

    def _blocks(self) -> list[list[Counted]]:
        """Minutes without a break between them; a device that was off has a hole."""
        blocks: list[list[Counted]] = []
        for minute in self.minutes:
            if blocks and blocks[-1][-1].ts + MINUTE == minute.ts:
                blocks[-1].append(minute)
            else:
                blocks.append([minute])
        return blocks

    def _data(self, asked: Mapping[str, str]) -> dict[str, Any]:
        start, end = int(asked.get("ts", 0)), int(asked.get("end_ts", 2**40))
        wanted = [m for m in self.minutes if m.ts + MINUTE > start and m.ts <= end]
        page = wanted[:PAGE]
        said: dict[str, Any] = {"keys": self._keys(), "data": self._as_blocks(page)}
        if len(wanted) > PAGE:
            said["next_record_ts"] = wanted[PAGE].ts
        if self.fault == "endless" and page:
            said["next_record_ts"] = page[-1].ts + 1
        return said

    def _keys(self) -> list[str]:
        if self.fault == "other_keys":
            return ["something"]
        letters = [f"{letter}_" for letter in "abc"] if self.phases > 1 else [""]
        return [f"{letter}{measure}" for letter in letters for measure in MEASURES]

    def _as_blocks(self, page: Sequence[Counted]) -> list[dict[str, Any]]:
        blocks: list[dict[str, Any]] = []
        last = None
        for minute in page:
            if last is None or minute.ts != last + MINUTE:
                blocks.append({"ts": minute.ts, "period": MINUTE, "values": []})
            blocks[-1]["values"].append(self._row(minute))
            last = minute.ts
        return blocks

    def _row(self, minute: Counted) -> list[float]:
        sign = -1 if self.fault == "backwards" else 1
        share = self.phases
        row: list[float] = []
        for _phase in range(share):
            row += [
                round(sign * minute.import_wh / share, 4),
                round(minute.export_wh / share, 4),
                minute.voltage,
                round(minute.import_wh * 60 / share / minute.voltage, 3),
            ]
        return row

    def lets_in(self, method: str, path: str, header: str) -> bool:
        """Whether the request proves the password."""
        if not self.password:
            return True
        said = dict(_PART.findall(header))
        if said.get("nonce") != self.nonce or said.get("uri") != path:
            return False

        def digest(*parts: str) -> str:
            return hashlib.sha256(":".join(parts).encode()).hexdigest()

        wanted = digest(
            digest("admin", REALM, self.password),
            self.nonce,
            said.get("nc", ""),
            said.get("cnonce", ""),
            "auth",
            digest(method, path),
        )
        return secrets.compare_digest(wanted, said.get("response", ""))


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    device: ShellySimulator


class _Talk(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        device = self.server.device
        asked = urlsplit(self.path)
        method = asked.path.removeprefix("/rpc/")
        device.questions.append(method)
        if device.fault == "silent":
            time.sleep(30)
            return
        if not device.lets_in("GET", self.path, self.headers.get("Authorization", "")):
            wants = f'Digest qop="auth", realm="{REALM}", nonce="{device.nonce}", algorithm=SHA-256'
            self._send(401, b"{}", {"WWW-Authenticate": wants})
            return
        if device.fault == "not_json":
            self._send(200, b"<html>")
            return
        if device.fault == "error":
            self._send(500, b'{"code":-1,"message":"busy"}')
            return
        params = {name: values[0] for name, values in parse_qs(asked.query).items()}
        status, body = device.answer(method, params)
        self._send(status, json.dumps(body).encode())

    def _send(self, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
        """Say nothing."""
