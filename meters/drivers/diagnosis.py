"""Which map would fit: the device is asked by other profiles and read in other orders."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, get_args

from meters.drivers.base import BadReply, Doubt, Target, Unreachable, Value, WrongMap
from meters.drivers.modbus import Answers, Modbus, profile_of
from meters.drivers.plausibility import doubts_of, is_wrong, score
from meters.drivers.profiles import GENERIC, Order, Profile, all_profiles
from meters.drivers.registers import Block, decode

ORDERS: Final[tuple[Order, ...]] = get_args(Order)
# The ways a device says that a profile is not its own, and the rule that each of them breaks.
REFUSALS: Final = {
    "illegal_function": "refused_function",
    "illegal_address": "no_such_registers",
    "illegal_value": "refused_length",
}
ENOUGH: Final = 2.0  # a voltage and a frequency of the mains, or three voltages


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A map under which the device's registers make sense."""

    profile: str
    title: str
    points: float
    word_order: str = ""  # empty: the profile's own
    byte_order: str = ""
    values: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What a device says through the chosen profile, what is odd, and what would fit better."""

    title: str
    values: Mapping[str, Value]
    doubts: tuple[Doubt, ...]
    is_wrong: bool
    marking: str = ""  # the text that the device carries, when the profile knows where
    marking_fits: bool | None = None
    suggestions: tuple[Suggestion, ...] = ()


async def diagnose(line: Modbus, target: Target) -> Diagnosis:
    """Ask the device once, and more often only when what it says cannot be.

    Raises Unreachable, BadReply or BadTarget; a wrong map is not an error here, nor is a device
    that refuses the profile's function or registers: the other profiles are tried.
    """
    profile = profile_of(target)
    rule = "no_such_registers"
    try:
        answers = await line.registers(target, profile)
    except (WrongMap, BadReply) as error:
        if isinstance(error, BadReply):
            if error.error_code not in REFUSALS:
                raise
            rule = REFUSALS[error.error_code]
        others = await _others(line, target, profile)
        refused = (Doubt(rule, profile.identity.must[0]),)
        return Diagnosis(profile.title, {}, refused, True, suggestions=others)
    said = _decoded(profile, answers, target)
    doubts = doubts_of(profile, said)
    wrong = is_wrong(profile, doubts)
    if not any(value for value in said.values()):
        doubts, wrong = (*doubts, Doubt("all_zero", profile.identity.must[0])), True
    marking = await _marking(line, target, profile)
    fits = None
    if profile.identity.marking is not None and marking:
        fits = profile.identity.marking.contains.lower() in marking.lower()
    suggestions: tuple[Suggestion, ...] = ()
    if wrong or fits is False:
        suggestions = tuple(_orders(profile, answers)) or await _others(line, target, profile)
    return Diagnosis(
        profile.title,
        {name: value for name, value in said.items() if value is not None},
        doubts,
        wrong,
        marking,
        fits,
        suggestions,
    )


def _decoded(profile: Profile, answers: Answers, target: Target) -> dict[str, Value | None]:
    return decode(
        profile,
        answers.registers,
        word_order=target.options.get("word_order"),
        byte_order=target.options.get("byte_order"),
    )


def _orders(profile: Profile, answers: Answers) -> list[Suggestion]:
    """The same registers in each order of words and bytes, the best first."""
    found = []
    for word_order in ORDERS:
        for byte_order in ORDERS:
            said = decode(profile, answers.registers, word_order=word_order, byte_order=byte_order)
            found.append(
                _suggestion(
                    profile,
                    said,
                    "" if word_order == profile.word_order else word_order,
                    "" if byte_order == profile.byte_order else byte_order,
                )
            )
    return _best(found)


async def _others(line: Modbus, target: Target, tried: Profile) -> tuple[Suggestion, ...]:
    """Every other profile, asked of the same device."""
    return await fitting(line, target, but=tried.name)


async def fitting(line: Modbus, target: Target, *, but: str = "") -> tuple[Suggestion, ...]:
    """The profiles with which the device makes sense, the best first."""
    found = []
    for profile in all_profiles():
        if profile.name in (but, GENERIC):
            continue
        asked = replace(target, profile=profile.name, options={})
        try:
            answers = await line.registers(asked, profile)
        except (WrongMap, BadReply):
            continue
        except Unreachable:
            if not but:  # nothing has answered yet
                raise
            continue  # some devices do not refuse what they have not got: they keep silent
        found.append(_suggestion(profile, decode(profile, answers.registers)))
    return tuple(_best(found))


def _suggestion(
    profile: Profile,
    said: Mapping[str, Value | None],
    word_order: str = "",
    byte_order: str = "",
) -> Suggestion:
    present = {name: value for name, value in said.items() if value is not None}
    points = score(profile, said)
    return Suggestion(profile.name, profile.title, points, word_order, byte_order, present)


def _best(found: Iterable[Suggestion]) -> list[Suggestion]:
    good = [suggestion for suggestion in found if suggestion.points >= ENOUGH]
    return sorted(good, key=lambda suggestion: -suggestion.points)[:3]


async def _marking(line: Modbus, target: Target, profile: Profile) -> str:
    place = profile.identity.marking
    if place is None:
        return ""
    try:
        words = await line.ask(target, Block(profile.function, place.address, place.words))
    except BadReply:
        return ""
    text = b"".join(word.to_bytes(2, "big") for word in words).decode("ascii", "replace")
    return "".join(letter for letter in text if letter.isprintable()).strip()
