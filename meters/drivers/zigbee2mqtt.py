"""Zigbee2MQTT: `<base>/<friendly name>` and its `/availability`.

Sources: zigbee2mqtt.io, guide/usage/mqtt_topics_and_messages, guide/configuration/mqtt (last_seen)
and device-availability; the `exposes` of metering plugs. Energy is kWh, produced_energy too. A
message says when only if `advanced.last_seen` is on: ISO 8601 or Unix milliseconds. Availability is
{"state": "online"} or, before version 2, the bare word.
Unverified: meters of three phases say `power` for all, and `power_phase_b` and so on for each.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from meters.drivers.pushed import (
    Heard,
    Listener,
    Malformed,
    Presence,
    Said,
    decoded,
    instant,
    number,
    present,
    register,
)

WH_PER_KWH: Final = 1000
AVAILABILITY: Final = "/availability"
STATES: Final = {"online": True, "offline": False}
PHASE_LETTERS: Final = {"a": "l1", "b": "l2", "c": "l3"}


class Zigbee2Mqtt:
    """`address` is the whole topic, as in zigbee2mqtt/Quadro."""

    def topics(self, listener: Listener) -> Sequence[str]:
        return (listener.address, listener.address + AVAILABILITY)

    def hear(self, listener: Listener, topic: str, payload: bytes) -> Heard:
        if topic == listener.address + AVAILABILITY:
            return Presence(_is_online(payload))
        said = decoded(payload)
        values = _values(said)
        return Said(values, instant(said.get("last_seen"))) if values else None


def _is_online(payload: bytes) -> bool:
    word = payload.decode(errors="replace")
    if word not in STATES:
        word = str(decoded(payload).get("state"))
    if word not in STATES:
        raise Malformed("bad_value")
    return STATES[word]


def _values(said: Mapping[str, Any]) -> dict[str, int | float]:
    found: dict[str, int | float | None] = {
        "energy_import_wh": register(said.get("energy"), WH_PER_KWH),
        "energy_export_wh": register(said.get("produced_energy"), WH_PER_KWH),
        "power_w": number(said.get("power")),
        "apparent_power_va": number(said.get("power_apparent")),
        "reactive_power_var": number(said.get("power_reactive")),
        "power_factor": number(said.get("power_factor")),
        "frequency_hz": number(said.get("ac_frequency")),
        "voltage_l1_v": number(said.get("voltage")),
        "current_l1_a": number(said.get("current")),
    }
    for letter, phase in PHASE_LETTERS.items():
        for quantity, name in (("power", "power_{}_w"), ("voltage", "voltage_{}_v")):
            if (value := number(said.get(f"{quantity}_phase_{letter}"))) is not None:
                found[name.format(phase)] = value
        if (value := number(said.get(f"current_phase_{letter}"))) is not None:
            found[f"current_{phase}_a"] = value
    values = present(found)
    return values if _measures_power(values) else {}


def _measures_power(values: Mapping[str, Any]) -> bool:
    """Battery devices say their own voltage, in millivolts; that is no mains."""
    return not values.keys() <= {"voltage_l1_v"}
