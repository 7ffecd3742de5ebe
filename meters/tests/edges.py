"""Edges as processes of their own, on the test's database."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from config.services import free_port
from meters.management.benches.ingest import start_edge


@dataclass
class Edges:
    """Starts edges and ends those that still run."""

    environment: dict[str, str]
    folder: Path
    running: dict[int, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, port: int | None = None) -> int:
        """A new edge; its port."""
        port = port or free_port()
        folder = self.folder / f"edge-{port}"
        folder.mkdir(exist_ok=True)
        self.running[port] = start_edge({**os.environ, **self.environment}, port, folder)
        return port

    def kill(self, port: int) -> None:
        """End it as kill -9 does."""
        process = self.running.pop(port)
        os.killpg(process.pid, signal.SIGKILL)  # it leads a session that we started
        process.wait(10)

    def close(self) -> None:
        for process in self.running.values():
            process.terminate()
        for process in self.running.values():
            process.wait(15)


def post(port: int, key: str, body: Any, timeout_s: float = 20) -> tuple[int, dict[str, str]]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout_s)
    try:
        headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        connection.request("POST", "/api/v1/ingest", json.dumps(body), headers)
        answer = connection.getresponse()
        answer.read()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}
    finally:
        connection.close()
