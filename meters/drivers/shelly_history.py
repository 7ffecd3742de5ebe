"""The minutes that a Shelly remembers, asked over its HTTP interface.

Sources: shelly-api-docs.shelly.cloud/gen2, EMData and EM1Data (GetRecords, GetData: data blocks of
`ts`, `period` and `values` under `keys`, and `next_record_ts` when more is left), and
General/RPCProtocol: GET /rpc/<method>?…; an error is {"code", "message"}. A protected device wants
HTTP digest with SHA-256 and the user `admin` (General/Authentication). Devices serialise from flash
slowly: about a second for each hour, so a question covers two.
"""

from __future__ import annotations

import hashlib
import re
import secrets as random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlencode

from clients.kernel import http
from clients.kernel.egress import AddressRefused
from clients.kernel.egress import Unreachable as NoWay
from meters.drivers.base import BadReply, BadTarget, Target, Unreachable, port_of
from meters.drivers.pushed import LETTERS, PHASES, Malformed, number

COMPONENTS: Final = ("EMData", "EM1Data")  # of three phases, and of one
AT_ONCE: Final = timedelta(hours=2)
DEADLINE: Final = timedelta(seconds=25)
MOST_PAGES: Final = 60
PORT: Final = 80
USER: Final = "admin"
_PART: Final = re.compile(r'(\w+)=(?:"([^"]*)"|([\w.-]+))')


@dataclass(frozen=True, slots=True)
class Minute:
    """What a device counted from an instant on, for a period; energy in Wh."""

    starts_at: datetime
    period: timedelta
    import_wh: float
    export_wh: float
    means: Mapping[str, float]

    @property
    def ends_at(self) -> datetime:
        return self.starts_at + self.period


class ShellyHistory:
    """Asks one device; remembers which component answers. Blocks."""

    def __init__(self, target: Target) -> None:
        if not target.host:
            raise BadTarget("the device's address is needed", code="no_address")
        self.target = target
        self.channel = target.options.get("channel", 0)
        port = port_of(target, PORT)
        self.url = f"http://{target.host}" + (f":{port}" if port != PORT else "")
        self._component = ""

    def minutes(self, since: datetime, until: datetime) -> list[Minute]:
        """The minutes that touch the stretch, in order, each once.

        Raises Unreachable, BadReply or BadTarget.
        """
        component = self._component or self._found_component()
        found: dict[datetime, Minute] = {}
        at = since - timedelta(seconds=60)  # the one that was running
        while at < until:
            end = min(at + AT_ONCE, until)
            for minute in self._page(component, at, end):
                if minute.starts_at < until and minute.ends_at > since:
                    found[minute.starts_at] = minute
            at = end
        return [found[start] for start in sorted(found)]

    def _found_component(self) -> str:
        for component in COMPONENTS:
            said = self._ask(f"{component}.GetRecords", {"id": self.channel}, or_none=True)
            if said is not None:
                self._component = component
                return component
        raise BadReply("this device remembers nothing", code="no_history")

    def _page(self, component: str, since: datetime, until: datetime) -> Iterator[Minute]:
        start, end = int(since.timestamp()), int(until.timestamp())
        for _page in range(MOST_PAGES):
            asked = {"id": self.channel, "ts": start, "end_ts": end, "add_keys": "true"}
            said = self._ask(f"{component}.GetData", asked) or {}
            yield from _minutes(said)
            following = said.get("next_record_ts")
            if not isinstance(following, int) or following <= start or following > end:
                return
            start = following
        raise BadReply("the device never comes to an end", code="endless")

    def _ask(
        self, method: str, params: Mapping[str, Any], *, or_none: bool = False
    ) -> Mapping[str, Any] | None:
        path = f"/rpc/{method}?{urlencode(params)}"
        answer = self._get(path, {})
        if answer.status == HTTPStatus.UNAUTHORIZED:
            answer = self._get(path, {"authorization": self._digest(answer.headers, path)})
        if answer.status == HTTPStatus.UNAUTHORIZED:
            raise BadTarget("the password does not fit", code="bad_password")
        try:
            said = answer.json()
        except ValueError as error:
            raise BadReply("the answer is not JSON") from error
        if answer.status != HTTPStatus.OK or not isinstance(said, dict):
            if or_none and isinstance(said, dict) and "code" in said:
                return None
            raise BadReply("the device refuses", code="refused")
        return said

    def _get(self, path: str, headers: Mapping[str, str]) -> http.Answer:
        try:
            return http.call(
                "GET",
                self.url + path,
                service="shelly",
                account=f"shelly:{self.target.host}",
                headers=headers,
                deadline=DEADLINE,
            )
        except AddressRefused as error:
            raise BadTarget("this address is not one we call", code="address_refused") from error
        except (NoWay, http.Unanswered) as error:
            raise Unreachable("the device did not answer") from error

    def _digest(self, headers: Mapping[str, str], path: str) -> str:
        """RFC 7616 with SHA-256, which is all that these devices know."""
        password = str(self.target.secrets.get("password", ""))
        challenge = headers.get("www-authenticate", "")
        said = {name: one or other for name, one, other in _PART.findall(challenge)}
        if not password or "nonce" not in said:
            raise BadTarget("the device wants a password", code="bad_password")
        realm, nonce, cnonce = said.get("realm", ""), said["nonce"], random.token_hex(8)

        def digest(*parts: str) -> str:
            return hashlib.sha256(":".join(parts).encode()).hexdigest()

        response = digest(
            digest(USER, realm, password), nonce, "00000001", cnonce, "auth", digest("GET", path)
        )
        return (
            f'Digest username="{USER}", realm="{realm}", nonce="{nonce}", uri="{path}", '
            f'cnonce="{cnonce}", nc=00000001, qop=auth, response="{response}", algorithm=SHA-256'
        )


def _minutes(said: Mapping[str, Any]) -> Iterator[Minute]:
    keys, blocks = said.get("keys"), said.get("data")
    if blocks in ([], None):
        return
    if not isinstance(keys, list) or not isinstance(blocks, list):
        raise BadReply("the history is not understood")
    for block in blocks:
        if not isinstance(block, dict) or not isinstance(block.get("values"), list):
            raise BadReply("the history is not understood")
        try:
            start, period = number(block.get("ts")), number(block.get("period", 60))
            if start is None or not period:
                raise BadReply("the history is not understood")
            for place, row in enumerate(block["values"]):
                if not isinstance(row, list) or len(row) != len(keys):
                    raise BadReply("the history is not understood")
                at = datetime.fromtimestamp(start + place * period, UTC)
                yield _minute(at, timedelta(seconds=period), dict(zip(keys, row, strict=True)))
        except (Malformed, ValueError, OverflowError, OSError) as error:
            raise BadReply("the history is not understood") from error


def _minute(at: datetime, period: timedelta, row: Mapping[str, Any]) -> Minute:
    letters = [f"{letter}_" for letter in LETTERS if f"{letter}_total_act_energy" in row] or [""]
    taken = sum(number(row.get(f"{letter}total_act_energy")) or 0 for letter in letters)
    given = sum(number(row.get(f"{letter}total_act_ret_energy")) or 0 for letter in letters)
    means: dict[str, float] = {}
    for letter, phase in zip(letters, PHASES, strict=False):
        for name, quantity in (("avg_voltage", "voltage_{}_v"), ("avg_current", "current_{}_a")):
            if (value := number(row.get(f"{letter}{name}"))) is not None:
                means[quantity.format(phase)] = value
    if taken < 0 or given < 0:
        raise BadReply("the history counts backwards")
    return Minute(at, period, taken, given, means)
