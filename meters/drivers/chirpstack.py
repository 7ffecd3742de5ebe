"""Events of ChirpStack 4 as its HTTP integration posts them, JSON encoding.

Source: the message types of chirpstack/api/proto/integration/integration.proto (crate
chirpstack_api 4.18) and chirpstack.io, integrations/http and integrations/events: POST
?event=up|join|status|ack|txack|log|location|integration. `object` is what the device profile's
codec made of the bytes; what its fields are called, and in which unit, is the codec author's
choice, so a connection says it: {"energy": {"quantity": "energy_import_wh", "unit": "kWh"}}.
Fields inside others are named with dots. A field that is called like a quantity needs no mapping.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from meters.drivers.base import BadTarget, Value
from meters.drivers.pushed import Malformed, instant, number, register
from meters.drivers.units import UnitMismatch, factor

EVENTS: Final = ("up", "join", "status", "ack", "txack", "log", "location", "integration")
DEV_EUI: Final = re.compile(r"[0-9a-f]{16}")
DEEPEST: Final = 5
COUNTER_RESET: Final = "UPLINK_F_CNT_RESET"
COUNTED: Final = ("Wh", "varh", "L")  # base units of registers


class Field(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a field of `object` is."""

    quantity: str
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Event:
    """What happened to a device. `code` is a log's."""

    dev_eui: str
    at: datetime | None
    deduplication_id: UUID | None = None
    frame_counter: int | None = None
    said: Mapping[str, Any] | None = None
    code: str = ""


def event_of(said: Mapping[str, Any]) -> Event:
    """The event in a body. Raises Malformed."""
    device = said.get("deviceInfo")
    dev_eui = str(device.get("devEui", "")).lower() if isinstance(device, dict) else ""
    if not DEV_EUI.fullmatch(dev_eui):
        raise Malformed("no_device")
    counter = said.get("fCnt")
    if counter is not None and not _is_counter(counter):
        raise Malformed("bad_value")
    found = said.get("object")
    return Event(
        dev_eui=dev_eui,
        at=_at(said),
        deduplication_id=_uuid(said.get("deduplicationId")),
        frame_counter=counter,
        said=found if isinstance(found, dict) else None,
        code=str(said.get("code", ""))[:40],
    )


def fields_of(options: Mapping[str, Any], units: Mapping[str, str]) -> Mapping[str, Field]:
    """The mapping in a connection's options, over fields that are called like a quantity.

    `units` are the quantities and their base units. Raises BadTarget.
    """
    try:
        fields = msgspec.convert(options.get("fields", {}), dict[str, Field])
        for field in fields.values():
            factor(field.unit or units[field.quantity], units[field.quantity])
    except msgspec.ValidationError as error:
        raise BadTarget(str(error), code="bad_fields") from error
    except KeyError as error:
        raise BadTarget(f"there is no quantity {error}", code="unknown_quantity") from error
    except UnitMismatch as error:
        raise BadTarget(str(error), code="wrong_unit") from error
    return {name: Field(name, unit) for name, unit in units.items()} | {
        name: Field(field.quantity, field.unit or units[field.quantity])
        for name, field in fields.items()
    }


def values_of(
    fields: Mapping[str, Field], units: Mapping[str, str], said: Mapping[str, Any]
) -> dict[str, Value]:
    """The quantities in a decoded object. Raises Malformed."""
    values: dict[str, Value] = {}
    for name, value in _leaves(said):
        field = fields.get(name)
        if field is None or value is None:
            continue
        many = factor(field.unit, units[field.quantity])
        if units[field.quantity] in COUNTED:
            whole = register(value, many)
            values |= {} if whole is None else {field.quantity: whole}
        elif (found := number(value)) is not None:
            values[field.quantity] = found * float(many)
    return values


def _leaves(said: Mapping[str, Any], before: str = "", depth: int = 0) -> Iterator[tuple[str, Any]]:
    for name, value in said.items():
        if isinstance(value, dict) and depth < DEEPEST:
            yield from _leaves(value, f"{before}{name}.", depth + 1)
        else:
            yield f"{before}{name}", value


def _is_counter(value: Any) -> bool:
    """LoRaWAN's frame counters have 32 bits."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**32


def _at(said: Mapping[str, Any]) -> datetime | None:
    """The event's own time, else when the first gateway or the server heard it."""
    if isinstance(said.get("time"), str):
        return instant(said["time"])
    heard = said.get("rxInfo")
    times = [
        instant(each[name])
        for each in (heard if isinstance(heard, list) else [])
        for name in ("gwTime", "nsTime")
        if isinstance(each, dict) and isinstance(each.get(name), str)
    ]
    return min((time for time in times if time is not None), default=None)


def _uuid(text: Any) -> UUID | None:
    try:
        return UUID(text) if isinstance(text, str) else None
    except ValueError as error:
        raise Malformed("bad_id") from error
