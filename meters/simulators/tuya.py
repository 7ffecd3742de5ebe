"""A Tuya device in the local network, of our own: frames, checksums and encryption as on the wire.

Sources: the frame of protocols 3.1 to 3.4 as the public notes of tinytuya and tuyapi describe it
(`000055aa`, number, command, length, return code, payload, CRC-32 or HMAC-SHA256, `0000aa55`), the
recorded session of tuyapi's issue 210, whose frames and key are in the tests. AES-128-ECB with
PKCS#7. Version 3.3 has no header on answers; 3.4 first agrees on a session key.

`fault` is one of FAULTS. Unverified: the texts of refusals.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import socketserver
import struct
import threading
import time
import zlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Final

from cryptography.hazmat.primitives import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

FAULTS: Final = {
    "": "none",
    "silent": "takes the question and says nothing",
    "noise": "answers with bytes that are no frame",
    "closed": "takes the connection and closes it",
    "bad_checksum": "a frame whose checksum is wrong",
    "ack_first": "an empty acknowledgement before the answer",
    "refuses": "“data unvalid”, as a device does that wants another question",
    "not_json": "the key fits and the text is not JSON",
    "no_points": "an answer without data points",
}
PREFIX: Final = 0x000055AA
SUFFIX: Final = 0x0000AA55
HEADER: Final = struct.Struct(">4I")
NEGOTIATE, NEGOTIATED, FINISH = 3, 4, 5
STATUS, HEART_BEAT, QUERY, QUERY_NEW = 8, 9, 0x0A, 0x10
BLOCK: Final = 128
LONGEST_FRAME: Final = 4096


def encrypt(key: bytes, text: bytes) -> bytes:
    """AES-128-ECB with PKCS#7."""
    padder = padding.PKCS7(BLOCK).padder()
    return plain_encrypt(key, padder.update(text) + padder.finalize())


def plain_encrypt(key: bytes, blocks: bytes) -> bytes:
    """AES-128-ECB of whole blocks."""
    encryptor = Cipher(algorithms.AES128(key), modes.ECB()).encryptor()  # noqa: S305 - theirs
    return encryptor.update(blocks) + encryptor.finalize()


def decrypt(key: bytes, hidden: bytes) -> bytes:
    """The text again; ValueError when the key does not fit."""
    decryptor = Cipher(algorithms.AES128(key), modes.ECB()).decryptor()  # noqa: S305 - theirs
    unpadder = padding.PKCS7(BLOCK).unpadder()
    return unpadder.update(decryptor.update(hidden) + decryptor.finalize()) + unpadder.finalize()


def frame(number: int, command: int, payload: bytes, key: bytes | None = None) -> bytes:
    """A frame with CRC-32, or with HMAC-SHA256 when there is a `key`."""
    size = len(payload) + (36 if key else 8)
    body = HEADER.pack(PREFIX, number, command, size) + payload
    check = (
        hmac.new(key, body, hashlib.sha256).digest() if key else struct.pack(">I", zlib.crc32(body))
    )
    return body + check + struct.pack(">I", SUFFIX)


class TuyaSimulator:
    """One device on loopback. `points` may be a function, so that it can count."""

    def __init__(
        self,
        device_id: str = "bf0000000000000000sim0",
        local_key: str = "0123456789abcdef",
        *,
        version: str = "3.3",
        points: Mapping[str, Any] | Callable[[], Mapping[str, Any]] | None = None,
        port: int = 0,
        host: str = "127.0.0.1",
    ) -> None:
        self.device_id, self.key, self.version = device_id, local_key.encode(), version
        self.points = points if points is not None else {"1": True, "18": 0, "19": 0, "20": 1270}
        self.fault = ""
        self.questions = 0
        self._server = _Server((host, port), _Talk)
        self._server.device = self

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    def start(self) -> TuyaSimulator:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def said(self) -> bytes:
        """What the device tells about itself."""
        if self.fault == "refuses":
            return b"json obj data unvalid"
        if self.fault == "not_json":
            return b"no json at all"
        if self.fault == "no_points":
            return b"{}"
        points = self.points() if callable(self.points) else self.points
        if self.version == "3.4":
            data = {"protocol": 4, "t": int(time.time()), "data": {"dps": dict(points)}}
            return json.dumps(data).encode()
        return json.dumps({"devId": self.device_id, "dps": dict(points)}).encode()


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    device: TuyaSimulator


class _Talk(socketserver.BaseRequestHandler):
    """One conversation. Whatever is not understood ends it, as a device's firmware does."""

    server: _Server

    def handle(self) -> None:
        self.device = self.server.device
        self.session: bytes | None = None
        self.nonces = (b"", b"")
        with suppress(OSError, ValueError, struct.error):
            while self._answer_one():
                pass

    def _answer_one(self) -> bool:
        if self.device.fault == "closed":
            return False
        start = self._exactly(HEADER.size)
        prefix, number, command, size = HEADER.unpack(start)
        if prefix != PREFIX or size > LONGEST_FRAME:
            return False
        rest = self._exactly(size)
        modern = self.device.version == "3.4"
        checked, check = rest[: -(36 if modern else 8)], rest[-(36 if modern else 8) : -4]
        if check != self._check(start + checked, modern):
            return False
        if self.device.fault == "noise":
            self.request.sendall(os.urandom(64))
            return False
        if self.device.fault == "silent":
            time.sleep(30)
            return False
        if modern:
            return self._modern(number, command, decrypt(self._key, checked))
        return self._classic(number, command, checked)

    @property
    def _key(self) -> bytes:
        return self.session or self.device.key

    def _check(self, body: bytes, modern: bool) -> bytes:
        if modern:
            return hmac.new(self._key, body, hashlib.sha256).digest()
        return struct.pack(">I", zlib.crc32(body))

    def _classic(self, number: int, command: int, payload: bytes) -> bool:
        if command == HEART_BEAT:
            self.request.sendall(frame(number, command, bytes(4)))
            return True
        if command != QUERY:
            return False
        asked = json.loads(decrypt(self.device.key, payload))
        if self.device.device_id not in (asked.get("gwId"), asked.get("devId")):
            return False
        self._send(frame(number, command, bytes(4) + encrypt(self.device.key, self.device.said())))
        return True

    def _modern(self, number: int, command: int, payload: bytes) -> bool:
        if command == NEGOTIATE:
            self.nonces = payload[:16], os.urandom(16)
            proof = hmac.new(self.device.key, self.nonces[0], hashlib.sha256).digest()
            hidden = encrypt(self.device.key, self.nonces[1] + proof)
            self.request.sendall(frame(number, NEGOTIATED, bytes(4) + hidden, self.device.key))
            return True
        if command == FINISH:
            proof = hmac.new(self.device.key, self.nonces[1], hashlib.sha256).digest()
            if not hmac.compare_digest(proof, payload[:32]):
                return False
            mixed = bytes(one ^ other for one, other in zip(*self.nonces, strict=True))
            self.session = plain_encrypt(self.device.key, mixed)
            return True
        if command != QUERY_NEW or self.session is None:
            return False
        hidden = encrypt(self.session, self.device.said())
        self._send(frame(number, command, bytes(4) + hidden, self.session))
        return True

    def _send(self, whole: bytes) -> None:
        self.device.questions += 1
        if self.device.fault == "ack_first":
            _prefix, number, command, _size = HEADER.unpack(whole[: HEADER.size])
            self.request.sendall(frame(number, command, bytes(4), self.session))
        if self.device.fault == "bad_checksum":
            whole = whole[:-8] + bytes(4) + whole[-4:]
        self.request.sendall(whole)

    def _exactly(self, size: int) -> bytes:
        found = b""
        while len(found) < size:
            piece = self.request.recv(size - len(found))
            if not piece:
                raise OSError("the other side has gone")
            found += piece
        return found
