"""Tuya devices through the vendor's cloud.

Sources: developer.tuya.com, "Sign Requests" (2024-06-24; its example is a test) and the IoT Core
reference: GET /v1.0/token?grant_type=1, GET /v1.0/iot-03/devices/{id} and …/{id}/status. Data
centres as its list of endpoints names them. The cloud repeats the last values of a device that is
offline; so it is asked first whether the device is there, and old values are never taken for new.
Unverified: the numbers of errors other than 1004, 1010, 1106 and 2017.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import threading
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import quote

from clients.kernel import http
from clients.kernel.egress import AddressRefused
from clients.kernel.egress import Unreachable as NoWay
from meters.drivers.base import BadReply, BadTarget, Reply, Target, Unreachable
from meters.drivers.tuya_map import meaning, values_of

CENTRES: Final = {
    "us": "https://openapi.tuyaus.com",
    "us-e": "https://openapi-ueaz.tuyaus.com",
    "eu": "https://openapi.tuyaeu.com",
    "eu-w": "https://openapi-weaz.tuyaeu.com",
    "cn": "https://openapi.tuyacn.com",
    "in": "https://openapi.tuyain.com",
    "sg": "https://openapi-sg.iotbing.com",
}
TOKEN: Final = "/v1.0/token?grant_type=1"  # noqa: S105 - a path
EMPTY_BODY: Final = hashlib.sha256(b"").hexdigest()
TOKEN_INVALID: Final = {1010, 1011, 1012}
OUR_FAULT: Final = {
    1004: "bad_secret",
    1005: "bad_client_id",
    1106: "not_allowed",
    2017: "no_device",
}
MARGIN: Final = timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class Account:
    """A cloud project."""

    url: str
    client_id: str
    secret: str


@dataclass(frozen=True, slots=True)
class _Token:
    text: str
    until: float


_tokens: dict[Account, _Token] = {}
_asking = threading.Lock()


class TuyaCloud:
    """Devices of a cloud project. `address` is the device's id; a `host` stands for the cloud only
    where it is simulated."""

    async def read(self, target: Target) -> Reply:
        found = meaning(target.profile or "plug", target.options)
        account = _account(target)
        return await asyncio.to_thread(_read, found, account, target)

    async def close(self) -> None:
        """The HTTP client is the process's own."""


def sign(
    account: Account, moment: str, nonce: str, path: str, *, token: str = "", headers: str = ""
) -> str:
    """The signature of a GET without a body; `headers` are lines of name:value."""
    told = f"GET\n{EMPTY_BODY}\n{headers}\n{path}"
    said = account.client_id + token + moment + nonce + told
    return hmac.new(account.secret.encode(), said.encode(), hashlib.sha256).hexdigest().upper()


def check(target: Target) -> None:
    """Raises BadTarget for settings that cannot work."""
    _account(target)


def _account(target: Target) -> Account:
    region = str(target.options.get("region", "us"))
    url = f"http://{target.host}:{target.port}" if target.host else CENTRES.get(region, "")
    client_id, secret = (str(target.secrets.get(name, "")) for name in ("client_id", "secret"))
    if not url:
        raise BadTarget(f"there is no data centre {region!r}", code="bad_region")
    if not client_id or not secret or not target.address:
        raise BadTarget("client id, secret and device id are needed", code="no_credentials")
    return Account(url, client_id, secret)


def _read(found: Any, account: Account, target: Target) -> Reply:
    path = f"/v1.0/iot-03/devices/{quote(target.address, safe='')}"
    device = _asked(account, path, target.timeout_s)
    if not isinstance(device, dict):
        raise BadReply("the cloud says nothing about the device")
    if device.get("online") is False:
        raise Unreachable("the cloud says that the device is offline")
    status = _asked(account, f"{path}/status", target.timeout_s)
    if not isinstance(status, list):
        raise BadReply("the cloud says no data points")
    said = {
        each["code"]: each.get("value")
        for each in status
        if isinstance(each, dict) and isinstance(each.get("code"), str)
    }
    values = values_of(found, said)
    if not values:
        raise BadReply("the device said none of the points in the map", code="no_values")
    return Reply(datetime.now(UTC), values)


def _asked(account: Account, path: str, timeout_s: float) -> Any:
    """What the cloud answers; with a new token, if it says that ours is over."""
    for is_last in (False, True):
        token = _token(account, timeout_s)
        said = _call(account, path, token, timeout_s)
        if said.get("success") is True:
            return said.get("result")
        code = said.get("code")
        if code in TOKEN_INVALID and not is_last:
            _tokens.pop(account, None)
            continue
        _refuse(code)
    raise BadReply("the cloud refuses its own token")


def _refuse(code: Any) -> None:
    if code in OUR_FAULT:
        raise BadTarget(f"the cloud refuses: {code}", code=OUR_FAULT[code])
    raise BadReply(f"the cloud refuses: {str(code)[:20]}", code="cloud_refuses")


def _token(account: Account, timeout_s: float) -> str:
    with _asking:
        known = _tokens.get(account)
        if known is not None and known.until > time.monotonic():
            return known.text
        said = _call(account, TOKEN, "", timeout_s)
        if said.get("success") is not True:
            _refuse(said.get("code"))
        result = said.get("result")
        text = result.get("access_token") if isinstance(result, dict) else None
        lasts = result.get("expire_time") if isinstance(result, dict) else None
        if not isinstance(text, str) or not isinstance(lasts, int):
            raise BadReply("the cloud gave no token")
        _tokens[account] = _Token(text, time.monotonic() + lasts - MARGIN.total_seconds())
        return text


def _call(account: Account, path: str, token: str, timeout_s: float) -> Mapping[str, Any]:
    moment, nonce = str(time.time_ns() // 1_000_000), uuid.uuid4().hex
    headers = {
        "client_id": account.client_id,
        "sign": sign(account, moment, nonce, path, token=token),
        "sign_method": "HMAC-SHA256",
        "t": moment,
        "nonce": nonce,
    }
    try:
        answer = http.call(
            "GET",
            account.url + path,
            service="tuya",
            account=f"tuya:{account.client_id}",
            headers=headers | ({"access_token": token} if token else {}),
            deadline=timedelta(seconds=timeout_s),
        )
    except AddressRefused as error:
        raise BadTarget("this address is not one we call", code="address_refused") from error
    except (NoWay, http.Unanswered) as error:
        raise Unreachable("the cloud did not answer") from error
    try:
        said = answer.json()
    except ValueError as error:
        raise BadReply("the cloud's answer is not JSON") from error
    if not isinstance(said, dict):
        raise BadReply("the cloud's answer is not an object")
    return said
