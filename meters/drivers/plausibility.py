"""What a meter in the mains can say: the rules that tell a wrong map from a strange day.

They are wide: a rule that fires means that the registers are not what the profile names.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from meters.drivers.base import Doubt, Value
from meters.drivers.profiles import Profile, Register

SHARE: Final = 0.15  # of the apparent power: blocks are read a moment apart
ROOM_W: Final = 20.0
USUAL_V: Final = (110.0, 115.0, 120.0, 127.0, 208.0, 220.0, 230.0, 240.0, 254.0, 277.0)
USUAL_HZ: Final = (50.0, 60.0)
Said = Mapping[str, Value | None]


def doubts_of(profile: Profile, said: Said) -> tuple[Doubt, ...]:
    """Everything in these values that cannot be."""
    outside = tuple(
        Doubt("bounds", register.quantity, float(value))
        for register in profile.registers
        if (value := said.get(register.quantity)) is not None and not _fits(register, value)
    )
    return outside + relations(said)


def is_wrong(profile: Profile, doubts: tuple[Doubt, ...]) -> bool:
    """Whether the doubts mean that the map is wrong, and not one value."""
    must = profile.identity.must
    return any(doubt.rule != "bounds" or doubt.quantity in must for doubt in doubts)


def relations(said: Said) -> tuple[Doubt, ...]:
    """What the values say of each other: P = V·I·PF, and the phases make the whole."""
    found: list[Doubt] = []
    for power, voltage, current in _phases(said):
        p, v, i = _number(said, power), _number(said, voltage), _number(said, current)
        if p is None or v is None or i is None:
            continue
        apparent = abs(v * i)
        room = SHARE * apparent + ROOM_W
        factor = _number(said, "power_factor") if power == "power_w" else None
        if abs(p) > apparent + room:
            found.append(Doubt("more_than_apparent", power, p))
        elif factor is not None and abs(abs(p) - apparent * abs(factor)) > room:
            found.append(Doubt("not_v_i_pf", power, p))
    phases = [_number(said, f"power_l{n}_w") for n in (1, 2, 3)]
    total = _number(said, "power_w")
    known = [p for p in phases if p is not None]
    if total is not None and len(known) == len(phases):
        room = SHARE * sum(abs(p) for p in known) + ROOM_W
        if abs(total - sum(known)) > room:
            found.append(Doubt("not_the_sum", "power_w", total))
    return tuple(found)


def score(profile: Profile, said: Said) -> float:
    """How well the values fit a meter in the mains, for comparing maps; 0 when one cannot be."""
    present = {name: value for name, value in said.items() if value is not None}
    must = [present.get(name) for name in profile.identity.must]
    if doubts_of(profile, said) or not any(must):
        return 0.0
    volts = [float(v) for n, v in present.items() if n.startswith("voltage_") and v]
    points = sum(1.0 for v in volts if min(abs(v - usual) / usual for usual in USUAL_V) < SHARE)
    if hertz := present.get("frequency_hz"):
        points += 2.0 * (min(abs(hertz - usual) for usual in USUAL_HZ) < 1.0)
    if present.get("power_factor") and present.get("power_w"):
        points += 1.0  # the relation above held
    return points + 0.01 * sum(1 for value in present.values() if value)


def _fits(register: Register, value: Value) -> bool:
    low, high = register.bounds
    return (register.zero_ok and value == 0) or low <= value <= high


def _phases(said: Said) -> list[tuple[str, str, str]]:
    if said.get("voltage_l2_v") is None and said.get("power_l1_w") is None:
        return [("power_w", "voltage_l1_v", "current_l1_a")]
    return [(f"power_l{n}_w", f"voltage_l{n}_v", f"current_l{n}_a") for n in (1, 2, 3)]


def _number(said: Said, name: str) -> float | None:
    value = said.get(name)
    return None if value is None else float(value)
