"""Shelly Gen2 and Gen3: status topics, RPC notifications, and the minutes a device remembers.

Sources: shelly-api-docs.shelly.cloud/gen2 (General/Notifications, ComponentsAndServices/EM, EMData,
EM1, EM1Data, PM1, Switch, Mqtt). `<id>/status/<component>` says no time; `<id>/events/rpc` carries
NotifyStatus with `params.ts`, Unix seconds. Energy is Wh. Names of the history's columns as in the
public TypeScript declarations of EM1Data.GetData. Unverified: that a minute's `total_act_energy`
is that minute's increment (public exporters sum it; the component's status holds the counter).

Components say their values in messages of their own, often at the same `ts`. A microsecond per
component keeps them apart, so that the second is not taken for another value of the first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from meters.drivers.pushed import (
    LETTERS,
    PHASES,
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

COMPONENTS: Final = ("em", "emdata", "em1", "em1data", "pm1", "switch")
NOTIFICATIONS: Final = frozenset({"NotifyStatus", "NotifyFullStatus"})
WILL: Final = {b"true": True, b"false": False}


class Shelly:
    """`address` is the device's MQTT prefix, its id unless changed; `channel` its component."""

    def topics(self, listener: Listener) -> Sequence[str]:
        own = [f"{listener.address}/status/{name}:{listener.channel}" for name in COMPONENTS]
        return (*own, f"{listener.address}/events/rpc", f"{listener.address}/online")

    def hear(self, listener: Listener, topic: str, payload: bytes) -> Heard:
        if topic.endswith("/online"):
            if payload not in WILL:
                raise Malformed("bad_value")
            return Presence(WILL[payload])
        said = decoded(payload)
        if not topic.endswith("/events/rpc"):
            component = topic.rpartition("/")[2].partition(":")[0]
            return _said({component: said}, None)
        if str(said.get("method")) not in NOTIFICATIONS:
            return None
        told = said.get("params")
        if not isinstance(told, dict):
            raise Malformed("not_an_object")
        parts = {
            name: told[f"{name}:{listener.channel}"]
            for name in COMPONENTS
            if f"{name}:{listener.channel}" in told
        }
        return _said(parts, instant(told.get("ts"))) if parts else None


def values_of(component: str, status: Any) -> dict[str, int | float]:
    """The quantities in a component's status."""
    if not isinstance(status, dict):
        raise Malformed("not_an_object")
    read = {
        "em": _em,
        "emdata": lambda own: _counters(own, "total_act", "total_act_ret"),
        "em1": lambda own: _single(own, "act_power"),
        "em1data": lambda own: _counters(own, "total_act_energy", "total_act_ret_energy"),
        "pm1": _switch,
        "switch": _switch,
    }
    return present(read[component](status)) if component in read else {}


def _said(parts: Mapping[str, Any], measured_at: datetime | None) -> Said | None:
    values: dict[str, int | float] = {}
    for name, status in parts.items():
        values |= values_of(name, status)
    if not values:
        return None
    if measured_at is not None:
        measured_at += timedelta(microseconds=min(COMPONENTS.index(name) for name in parts))
    return Said(values, measured_at)


def _em(status: Mapping[str, Any]) -> dict[str, int | float | None]:
    power = number(status.get("total_act_power"))
    apparent = number(status.get("total_aprt_power"))
    found: dict[str, int | float | None] = {
        "power_w": power,
        "apparent_power_va": apparent,
        "power_factor": power / apparent if power is not None and apparent else None,
        "frequency_hz": number(status.get("a_freq")),
        "current_n_a": number(status.get("n_current")),
    }
    for letter, phase in zip(LETTERS, PHASES, strict=True):
        found[f"power_{phase}_w"] = number(status.get(f"{letter}_act_power"))
        found[f"voltage_{phase}_v"] = number(status.get(f"{letter}_voltage"))
        found[f"current_{phase}_a"] = number(status.get(f"{letter}_current"))
    return found


def _single(status: Mapping[str, Any], power: str) -> dict[str, int | float | None]:
    return {
        "power_w": number(status.get(power)),
        "apparent_power_va": number(status.get("aprt_power")),
        "power_factor": number(status.get("pf")),
        "frequency_hz": number(status.get("freq")),
        "voltage_l1_v": number(status.get("voltage")),
        "current_l1_a": number(status.get("current")),
    }


def _counters(status: Mapping[str, Any], taken: str, given: str) -> dict[str, int | float | None]:
    return {
        "energy_import_wh": register(status.get(taken)),
        "energy_export_wh": register(status.get(given)),
    }


def _switch(status: Mapping[str, Any]) -> dict[str, int | float | None]:
    return _single(status, "apower") | {
        "energy_import_wh": register(_total(status.get("aenergy"))),
        "energy_export_wh": register(_total(status.get("ret_aenergy"))),
    }


def _total(energy: Any) -> Any:
    return energy.get("total") if isinstance(energy, dict) else None
