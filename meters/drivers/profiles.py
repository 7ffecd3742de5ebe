"""Register profiles: what a model of meter has in which register, as data files with a source.

A profile is a file in `meters/profiles/`. It is checked when it is read: a register without bounds,
a profile without a source, an identity check or a test vector is refused.
"""

from __future__ import annotations

from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec

FOLDER: Final = Path(__file__).parent.parent / "profiles"
GENERIC: Final = "generic"
MOST_REGISTERS: Final = 125  # in one answer, says the Modbus specification
Kind = Literal["u16", "s16", "u32", "s32", "u64", "s64", "f32", "f64"]
Order = Literal["high_first", "low_first"]
WORDS: Final[dict[str, int]] = {
    "u16": 1,
    "s16": 1,
    "u32": 2,
    "s32": 2,
    "f32": 2,
    "u64": 4,
    "s64": 4,
    "f64": 4,
}
# unit in the vendor's document → (unit of our names, how many of ours it is)
UNITS: Final[dict[str, tuple[str, Decimal]]] = {
    **{unit: (unit, Decimal(1)) for unit in ("Wh", "varh", "L", "W", "var", "VA", "1", "Hz")},
    **{unit: (unit, Decimal(1)) for unit in ("V", "A", "bar", "°C", "%", "L/s", "VAh", "Ah")},
    "kWh": ("Wh", Decimal(1000)),
    "MWh": ("Wh", Decimal(1_000_000)),
    "kvarh": ("varh", Decimal(1000)),
    "kVAh": ("VAh", Decimal(1000)),
    "m³": ("L", Decimal(1000)),
    "kW": ("W", Decimal(1000)),
    "kvar": ("var", Decimal(1000)),
    "kVA": ("VA", Decimal(1000)),
    "mA": ("A", Decimal("0.001")),
    "m³/h": ("L/s", 1 / Decimal("3.6")),
}
EXTRA: Final = "extra."
_Address = Annotated[int, msgspec.Meta(ge=0, le=65_535)]
_Text = Annotated[str, msgspec.Meta(min_length=1, max_length=400)]


class _Strict(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class Source(_Strict, frozen=True):
    """The document that a profile was written from."""

    title: _Text
    version: str = ""
    url: str = ""


class Verified(_Strict, frozen=True):
    """How far the profile can be trusted."""

    by: Literal["device", "document", "other_software"]
    note: _Text
    on: _Text


class Register(_Strict, frozen=True):
    """One value: where it lies, how it is written, what it means and what it can be."""

    quantity: _Text  # a name of models/quantities.py, or extra.<name>
    address: _Address  # on the wire, from zero
    manual: _Text  # as the vendor's document writes it
    type: Kind
    unit: str
    bounds: tuple[float, float]
    scale: Decimal = Decimal(1)
    zero_ok: bool = True  # zero may lie outside the bounds: nothing is connected
    optional: bool = False  # some of the models have it
    function: Literal[3, 4] | None = None
    word_order: Order | None = None
    byte_order: Order | None = None
    absent: tuple[int, ...] = ()  # raw values that say "there is no value"

    @property
    def words(self) -> int:
        return WORDS[self.type]

    @property
    def factor(self) -> Decimal:
        """What turns the raw number into our unit."""
        return self.scale * UNITS[self.unit][1]


class Marking(_Strict, frozen=True):
    """A text that the device carries in its registers, read when a connection is tested."""

    address: _Address
    words: Annotated[int, msgspec.Meta(ge=1, le=40)]
    contains: _Text
    manual: _Text


class Identity(_Strict, frozen=True):
    """How a wrong map shows: these values must be possible, whatever else is said."""

    must: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]
    marking: Marking | None = None


class Vector(_Strict, frozen=True):
    """Registers as the device would send them, and the values that they are."""

    note: _Text
    blocks: Annotated[dict[str, str], msgspec.Meta(min_length=1)]  # "0x0000": "4366 3334 …"
    values: Annotated[dict[str, int | float], msgspec.Meta(min_length=1)]

    def registers(self) -> dict[int, int]:
        """Every register of the blocks by its address."""
        found: dict[int, int] = {}
        for start, words in self.blocks.items():
            found.update((int(start, 16) + n, int(w, 16)) for n, w in enumerate(words.split()))
        return found


class Serial(_Strict, frozen=True):
    """The serial line's settings as the device leaves the factory."""

    baud: int = 9_600
    parity: Literal["N", "E", "O"] = "N"
    stop_bits: Literal[1, 2] = 1


class Profile(_Strict, frozen=True):
    """What a model of meter has in which register."""

    name: Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9-]{1,40}$")]
    vendor: _Text
    model: _Text
    revision: Annotated[int, msgspec.Meta(ge=1)]
    source: Source
    verified: Verified
    registers: Annotated[tuple[Register, ...], msgspec.Meta(min_length=1)]
    identity: Identity
    vectors: Annotated[tuple[Vector, ...], msgspec.Meta(min_length=1)]
    models: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    function: Literal[3, 4] = 4
    word_order: Order = "high_first"
    byte_order: Order = "high_first"
    max_registers: Annotated[int, msgspec.Meta(ge=2, le=MOST_REGISTERS)] = MOST_REGISTERS
    gap: Annotated[int, msgspec.Meta(ge=0, le=MOST_REGISTERS)] = 16  # registers read in passing
    serial: Serial = Serial()
    port: int = 502

    @property
    def title(self) -> str:
        return f"{self.vendor} {self.model}"

    def function_of(self, register: Register) -> int:
        return register.function or self.function


class BadProfile(ValueError):
    """A profile that must not be used; the message says why."""


def parse_profile(content: bytes) -> Profile:
    """The checked profile. Raises BadProfile."""
    try:
        profile = msgspec.json.decode(content, type=Profile)
    except msgspec.ValidationError as error:
        raise BadProfile(str(error)) from error
    check_profile(profile)
    return profile


def check_profile(profile: Profile) -> None:
    """What a schema cannot say. Raises BadProfile."""
    names = [register.quantity for register in profile.registers]
    if len(names) != len(set(names)):
        raise BadProfile("a quantity is named twice")
    for register in profile.registers:
        low, high = register.bounds
        if low >= high:
            raise BadProfile(f"{register.quantity}: the bounds are the wrong way round")
        if register.unit not in UNITS:
            raise BadProfile(f"{register.quantity}: unknown unit {register.unit}")
        if register.scale == 0 or not register.scale.is_finite():
            raise BadProfile(f"{register.quantity}: impossible scale")
        if register.address + register.words > 65_536:  # noqa: PLR2004 # the address space
            raise BadProfile(f"{register.quantity}: beyond the last register")
    if unknown := set(profile.identity.must) - set(names):
        raise BadProfile(f"the identity check speaks of {', '.join(sorted(unknown))}")
    for vector in profile.vectors:
        if missing := set(names) - set(vector.values):
            raise BadProfile(f"the test vector says nothing of {', '.join(sorted(missing))}")


def names() -> list[str]:
    """Every profile that there is a file for, in order."""
    return sorted(path.stem for path in FOLDER.glob("*.json"))


@lru_cache(maxsize=64)
def profile_named(name: str) -> Profile:
    """The profile. Raises KeyError when there is none, BadProfile when it is no good."""
    path = FOLDER / f"{name}.json"
    if name not in names():
        raise KeyError(name)
    profile = parse_profile(path.read_bytes())
    if profile.name != name:
        raise BadProfile(f"{path.name} names itself {profile.name}")
    return profile


def all_profiles() -> list[Profile]:
    """Every profile."""
    return [profile_named(name) for name in names()]
