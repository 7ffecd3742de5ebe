"""What a Tuya device's data points mean. The maps are data: `tuya_points/*.json`, or the
connection's own.

A point is known by its number in the local network and by its code in the cloud. `scale` turns what
the device says into the quantity's base unit. A phase of a DIN meter is eight bytes in base64:
volts (2 bytes, 0.1), amperes (3 bytes, 0.001), watts (3 bytes), the most significant byte first.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import msgspec

from meters.drivers.base import BadTarget, Value, WrongMap
from meters.drivers.pushed import PHASES, Malformed, number, register

FOLDER: Final = Path(__file__).with_name("tuya_points")
PHASE_BYTES: Final = 8
REGISTER_UNITS: Final = ("_wh", "_varh", "_l")


class Point(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One data point: a scaled quantity, or all of a phase."""

    code: str = ""
    quantity: str = ""
    scale: float = 1.0
    phase: str = ""


class PointMap(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A kind of device, where that is written, and whether anybody has seen it say so."""

    title: str
    source: str
    verified: bool
    points: dict[str, Point]
    left_out: dict[str, str] = {}
    test: dict[str, Any] = {}


@dataclass(frozen=True, slots=True)
class Meaning:
    """The points of one device by number and by code."""

    points: Mapping[str, Point]


@cache
def point_maps() -> dict[str, PointMap]:
    """The maps that come with the program, by name."""
    return {
        path.stem: msgspec.json.decode(path.read_bytes(), type=PointMap)
        for path in sorted(FOLDER.glob("*.json"))
    }


def meaning(profile: str, options: Mapping[str, Any]) -> Meaning:
    """The map that a connection names, with its own points over it. Raises BadTarget."""
    if profile and profile not in point_maps():
        raise BadTarget(f"there is no map {profile!r}", code="unknown_profile")
    points = dict(point_maps()[profile].points) if profile else {}
    try:
        points |= msgspec.convert(options.get("points", {}), dict[str, Point])
    except msgspec.ValidationError as error:
        raise BadTarget(str(error), code="bad_points") from error
    if not points:
        raise BadTarget("no map and no points", code="no_points")
    by_code = {point.code: point for point in points.values() if point.code}
    return Meaning(by_code | points)


def values_of(found: Meaning, said: Mapping[str, Any]) -> dict[str, Value]:
    """The quantities in what a device said, by number or by code. Raises WrongMap."""
    values: dict[str, Value] = {}
    for name, value in said.items():
        point = found.points.get(str(name))
        if point is None or value is None:
            continue
        try:
            values |= _phase(point, value) if point.phase else _scaled(point, value)
        except (Malformed, ValueError, binascii.Error) as error:
            raise WrongMap(f"point {name} is not {point.code or point.quantity}") from error
    powers = [values[f"power_{phase}_w"] for phase in PHASES if f"power_{phase}_w" in values]
    if powers and "power_w" not in values:
        values["power_w"] = sum(powers)
    return values


def _scaled(point: Point, value: Any) -> dict[str, Value]:
    if point.quantity.endswith(REGISTER_UNITS):
        whole = register(round((number(value) or 0) * point.scale, 6))
        return {} if whole is None else {point.quantity: whole}
    found = number(value)
    return {} if found is None else {point.quantity: round(found * point.scale, 9)}


def _phase(point: Point, value: Any) -> dict[str, Value]:
    if not isinstance(value, str):
        raise Malformed("bad_value")
    raw = base64.b64decode(value, validate=True)
    if len(raw) < PHASE_BYTES:
        raise Malformed("bad_value")
    volts, amperes, watts = raw[0:2], raw[2:5], raw[5:8]
    return {
        f"voltage_{point.phase}_v": int.from_bytes(volts, "big") / 10,
        f"current_{point.phase}_a": int.from_bytes(amperes, "big") / 1000,
        f"power_{point.phase}_w": int.from_bytes(watts, "big"),
    }
