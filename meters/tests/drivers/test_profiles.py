from __future__ import annotations

import json
from typing import Any

import pytest

from meters.drivers.plausibility import doubts_of
from meters.drivers.profiles import (
    EXTRA,
    FOLDER,
    UNITS,
    BadProfile,
    Profile,
    all_profiles,
    names,
    parse_profile,
    profile_named,
)
from meters.drivers.registers import Block, blocks_of, decode
from meters.models.quantities import QUANTITIES

PROFILES = all_profiles()
WITH_VECTORS = [(p, v) for p in PROFILES for v in p.vectors]
OURS = {quantity.name: quantity for quantity in QUANTITIES}


def raw(name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text())
    return content


def refusal(content: dict[str, Any]) -> str:
    with pytest.raises(BadProfile) as refused:
        parse_profile(json.dumps(content).encode())
    return str(refused.value)


def test_the_models_that_were_asked_for_are_there() -> None:
    assert {
        "eastron-sdm630",
        "eastron-sdm120",
        "peacefair-pzem-004t-v3",
        "chint-dtsu666",
        "schneider-iem3000",
        "shelly-pro-3em",
    } <= set(names())


@pytest.mark.parametrize(("profile", "vector"), WITH_VECTORS, ids=lambda x: getattr(x, "name", ""))
def test_the_vector_reads_as_it_says(profile: Profile, vector: Any) -> None:
    registers = vector.registers()

    said = decode(profile, {3: registers, 4: registers})

    assert said == vector.values
    assert {n: type(v) for n, v in said.items()} == {n: type(v) for n, v in vector.values.items()}
    assert doubts_of(profile, said) == ()


@pytest.mark.parametrize("profile", PROFILES, ids=lambda p: p.name)
def test_quantities_are_ours_in_our_units(profile: Profile) -> None:
    for register in profile.registers:
        if register.quantity.startswith(EXTRA):
            continue
        quantity = OURS[register.quantity]
        assert UNITS[register.unit][0] == quantity.unit, register.quantity


@pytest.mark.parametrize("profile", PROFILES, ids=lambda p: p.name)
def test_a_register_that_counts_is_looked_at_from_both_sides(profile: Profile) -> None:
    counters = [
        r for r in profile.registers if getattr(OURS.get(r.quantity), "kind", "") == "register"
    ]
    assert counters
    assert all(r.bounds[0] >= 0 for r in counters)


@pytest.mark.parametrize("part", ["source", "verified", "identity", "vectors", "registers"])
def test_a_profile_without_what_makes_it_trustworthy_is_refused(part: str) -> None:
    content = raw("eastron-sdm630")
    del content[part]
    assert part in refusal(content)


def test_a_register_without_bounds_or_document_address_is_refused() -> None:
    for part in ("bounds", "manual", "unit"):
        content = raw("eastron-sdm630")
        del content["registers"][0][part]
        assert part in refusal(content)


def test_a_vector_that_leaves_a_register_out_is_refused() -> None:
    content = raw("eastron-sdm630")
    del content["vectors"][0]["values"]["power_factor"]
    assert refusal(content) == "the test vector says nothing of power_factor"


def test_an_empty_list_of_vectors_is_refused() -> None:
    assert "vectors" in refusal(raw("eastron-sdm120") | {"vectors": []})


def test_the_sdm630_is_read_where_its_document_says() -> None:
    """The places that the system which this one replaces had wrong."""
    places = {r.quantity: r.address for r in profile_named("eastron-sdm630").registers}
    assert places["power_factor"] == 0x003E
    assert places["extra.power_factor_l1"] == 0x001E
    assert places["energy_import_wh"] == 0x0048
    assert places["energy_export_wh"] == 0x004A
    assert places["extra.energy_total_wh"] == 0x0156
    assert places["power_w"] == 0x0034
    assert places["frequency_hz"] == 0x0046


def test_the_pzem_has_its_low_words_first() -> None:
    profile = profile_named("peacefair-pzem-004t-v3")
    words = [2203, 0x11EB, 0x0001, 0x4344, 0x0002, 0xD687, 0x0012, 600, 96, 0]

    said = decode(profile, {4: dict(enumerate(words))})

    assert said == {
        "voltage_l1_v": 220.3,
        "current_l1_a": 70.123,
        "power_w": 14829.2,
        "energy_import_wh": 1234567,
        "frequency_hz": 60.0,
        "power_factor": 0.96,
        "extra.alarm": 0.0,
    }


def test_near_registers_are_read_together_and_far_ones_apart() -> None:
    assert blocks_of(profile_named("eastron-sdm630")) == [
        Block(4, 0x0000, 80),
        Block(4, 0x00E0, 2),
        Block(4, 0x0156, 2),
    ]
    assert blocks_of(profile_named("peacefair-pzem-004t-v3")) == [Block(4, 0, 10)]


@pytest.mark.parametrize("profile", PROFILES, ids=lambda p: p.name)
def test_no_question_is_longer_than_the_device_allows(profile: Profile) -> None:
    assert all(block.count <= min(profile.max_registers, 125) for block in blocks_of(profile))


def test_a_value_that_is_not_there_is_nothing_and_not_zero() -> None:
    profile = profile_named("eastron-sdm630")
    registers = profile.vectors[0].registers() | {0: 0x7FC0, 1: 0, 2: 0xFF80, 3: 0}
    said = decode(profile, {4: registers})
    assert (said["voltage_l1_v"], said["voltage_l2_v"]) == (None, None)

    em340 = profile_named("carlo-gavazzi-em340")
    registers = em340.vectors[0].registers() | {0: 0xFFFF, 1: 0x7FFF, 0x31: 0x7FFF}
    said = decode(em340, {4: registers})
    assert (said["voltage_l1_v"], said["power_factor"]) == (None, None)
