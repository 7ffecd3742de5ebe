"""Tasmota's telemetry: `tele/<topic>/SENSOR` and the last will `tele/<topic>/LWT`.

Sources: tasmota.github.io/docs (MQTT, Power-Monitoring-Calibration, Commands: Time, SetOption52,
SetOption129, FullTopic); a payload of a real plug from the public repository of draytronics,
quoted in the tests. Totals are kWh with three to five decimals. `Time` is the device's local time
without an offset, unless SetOption52 adds one or `Time 3` turns it into Unix seconds: the site's
zone decides. A device that never reached a time server says 1970; its readings go to quarantine.
Unverified: arrays in `Total` (SetOption129) hold one counter for each phase.
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
    by_phase,
    decoded,
    instant,
    numbers,
    present,
    register,
)

PREFIX: Final = "%prefix%"
WH_PER_KWH: Final = 1000
WILL: Final = {b"Online": True, b"Offline": False}


class Tasmota:
    """`address` is the device's Topic, or its whole FullTopic with %prefix% in it."""

    def topics(self, listener: Listener) -> Sequence[str]:
        base = _base(listener.address)
        return (f"{base}/SENSOR", f"{base}/LWT")

    def hear(self, listener: Listener, topic: str, payload: bytes) -> Heard:
        if topic.endswith("/LWT"):
            if payload not in WILL:
                raise Malformed("bad_value")
            return Presence(WILL[payload])
        said = decoded(payload)
        energy = said.get("ENERGY")
        if energy is None:
            return None
        if not isinstance(energy, dict):
            raise Malformed("not_an_object")
        values = _values(energy)
        measured_at = instant(said.get("Epoch", said.get("Time")), listener.zone)
        return Said(values, measured_at) if values else None


def _base(address: str) -> str:
    return address.replace(PREFIX, "tele") if PREFIX in address else f"tele/{address}"


def _values(energy: Mapping[str, Any]) -> dict[str, int | float]:
    power = numbers(energy.get("Power"))
    apparent = numbers(energy.get("ApparentPower"))
    factors = numbers(energy.get("Factor"))
    frequency = numbers(energy.get("Frequency"))
    found: dict[str, int | float | None] = {
        "energy_import_wh": _counter(energy.get("Total")),
        "energy_export_wh": _counter(energy.get("ExportActive")),
        "power_w": _sum(power),
        "apparent_power_va": _sum(apparent),
        "reactive_power_var": _sum(numbers(energy.get("ReactivePower"))),
        "power_factor": factors[0] if len(factors) == 1 else _ratio(_sum(power), _sum(apparent)),
        "frequency_hz": frequency[0] if frequency else None,
        **(by_phase("power_{}_w", power) if len(power) > 1 else {}),
        **by_phase("voltage_{}_v", numbers(energy.get("Voltage"))),
        **by_phase("current_{}_a", numbers(energy.get("Current"))),
    }
    return present(found)


def _counter(total: Any) -> int | None:
    parts = numbers(total)
    return register(round(sum(parts), 6), WH_PER_KWH) if parts else None


def _sum(found: Sequence[float]) -> float | None:
    return sum(found) if found else None


def _ratio(power: float | None, apparent: float | None) -> float | None:
    return power / apparent if power is not None and apparent else None
