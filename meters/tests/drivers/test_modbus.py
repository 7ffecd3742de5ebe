from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from dataclasses import replace
from typing import Any

import pytest
from pymodbus.constants import ExcCodes

from meters.drivers.base import BadTarget, Reply, Target, Unreachable, WrongMap
from meters.drivers.diagnosis import Diagnosis, diagnose
from meters.drivers.modbus import Modbus
from meters.drivers.profiles import EXTRA, Profile, all_profiles, profile_named
from meters.tests.drivers.peers import answering, device, serial, tcp, whole

SDM630 = profile_named("eastron-sdm630")
PZEM = profile_named("peacefair-pzem-004t-v3")
IEM = profile_named("schneider-iem3000")


@pytest.fixture(autouse=True)
def open_doors(settings: Any) -> None:
    settings.POLL_NETWORKS = ["127.0.0.0/8"]
    settings.POLL_SERIAL_PORTS = ["/dev/pts/*"]


def run(work: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(work)


async def read(target: Target, profile: Profile | str, **options: Any) -> Reply:
    line = Modbus()
    name = profile if isinstance(profile, str) else profile.name
    try:
        return await line.read(replace(target, profile=name, options=options))
    finally:
        await line.close()


def expected(profile: Profile) -> tuple[dict[str, Any], dict[str, Any]]:
    said = profile.vectors[0].values
    values = {n: v for n, v in said.items() if not n.startswith(EXTRA)}
    return values, {n.removeprefix(EXTRA): float(v) for n, v in said.items() if n not in values}


@pytest.mark.parametrize("profile", all_profiles(), ids=lambda p: p.name)
def test_every_profile_is_read_from_a_server_over_tcp(profile: Profile) -> None:
    async def work() -> Reply:
        async with tcp(device(1, whole(profile))) as target:
            return await read(target, profile)

    reply = run(work())
    assert (dict(reply.values), dict(reply.extra)) == expected(profile)
    assert reply.doubts == ()


@pytest.mark.parametrize("profile", [SDM630, PZEM], ids=lambda p: p.name)
def test_rtu_framing_over_tcp(profile: Profile) -> None:
    async def work() -> Reply:
        async with tcp(device(17, whole(profile)), rtu=True) as target:
            return await read(replace(target, unit_id=17), profile)

    assert dict(run(work()).values) == expected(profile)[0]


@pytest.mark.parametrize("profile", [SDM630, PZEM], ids=lambda p: p.name)
def test_rtu_on_a_serial_line(profile: Profile) -> None:
    async def work() -> Reply:
        async with serial(device(3, whole(profile))) as target:
            return await read(replace(target, unit_id=3), profile)

    assert dict(run(work()).values) == expected(profile)[0]


def test_several_devices_share_a_serial_line_and_a_silent_one_costs_its_timeout() -> None:
    async def work() -> list[Any]:
        async def asleep(*_: Any) -> None:
            await asyncio.sleep(60)

        devices = [device(1, whole(SDM630)), device(2, whole(PZEM))]
        async with serial(*devices, device(9, whole(SDM630), asleep)) as target:
            line = Modbus()
            found: list[Any] = []
            for unit, profile in ((1, SDM630), (9, SDM630), (2, PZEM), (1, SDM630)):
                asked = replace(target, unit_id=unit, profile=profile.name, timeout_s=0.4)
                begun = time.monotonic()
                try:
                    found.append(dict((await line.read(asked)).values))
                except Unreachable:
                    found.append(time.monotonic() - begun < 0.6)
            await line.close()
            return found

    sdm, pzem = expected(SDM630)[0], expected(PZEM)[0]
    assert run(work()) == [sdm, True, pzem, sdm]


def test_a_stretch_with_holes_is_asked_in_pieces_from_then_on() -> None:
    async def work() -> tuple[Reply, int, int]:
        asked: list[tuple[int, int]] = []

        async def note(*args: Any) -> None:
            asked.append((args[2], args[3]))

        # Only the registers that the profile names: its holes are illegal addresses.
        async with tcp(device(1, SDM630.vectors[0].registers(), note)) as target:
            line = Modbus()
            where = replace(target, profile=SDM630.name)
            await line.read(where)
            first = len(asked)
            reply = await line.read(where)
            await line.close()
            return reply, first, len(asked) - first

    reply, first, second = run(work())
    assert dict(reply.values) == expected(SDM630)[0]
    assert second < first


def test_registers_that_some_models_lack_are_left_out() -> None:
    optional = {
        a for r in IEM.registers if r.optional for a in range(r.address, r.address + r.words)
    }
    has = {a: w for a, w in IEM.vectors[0].registers().items() if a not in optional}

    async def work() -> Reply:
        async with tcp(device(1, has)) as target:
            return await read(target, IEM)

    values = dict(run(work()).values)
    assert "energy_export_wh" not in values
    assert values["energy_import_wh"] == 9_876_543_210


def test_a_device_without_the_registers_has_another_map() -> None:
    async def work() -> None:
        async with tcp(device(1, whole(PZEM))) as target:
            await read(target, SDM630)

    with pytest.raises(WrongMap):
        run(work())


def test_a_line_that_was_closed_in_the_meantime_is_opened_again() -> None:
    async def work() -> Reply:
        async with tcp(device(1, whole(PZEM))) as target:
            line = Modbus()
            where = replace(target, profile=PZEM.name)
            await line.read(where)
            assert line._line is not None
            line._line.close()
            reply = await line.read(where)
            await line.close()
            return reply

    assert dict(run(work()).values) == expected(PZEM)[0]


def test_an_exception_of_the_device_is_told_and_the_next_read_works() -> None:
    async def work() -> list[Any]:
        answers = iter([ExcCodes.DEVICE_BUSY, None])

        async def busy(*_: Any) -> Any:
            return next(answers, None)

        async with tcp(device(1, whole(PZEM), busy)) as target:
            line, found = Modbus(), []
            for _ in range(2):
                try:
                    reply = await line.read(replace(target, profile=PZEM.name))
                    found.append(len(reply.values))
                except Exception as error:  # noqa: BLE001 - it is what we look at
                    found.append(getattr(error, "error_code", error))
            await line.close()
            return found

    assert run(work()) == ["device_busy", 6]


def test_silence_costs_the_timeout_and_no_more() -> None:
    async def work() -> float:
        async with answering(lambda _: b"") as target:
            begun = time.monotonic()
            with pytest.raises(Unreachable):
                await read(target, PZEM)
            return time.monotonic() - begun

    assert 0.25 < run(work()) < 0.6


def test_nothing_is_read_in_the_wrong_order_of_words() -> None:
    """SDM630 floats taken low word first: volts of 1e15, and it is said, not stored."""

    async def work() -> None:
        async with tcp(device(1, whole(SDM630))) as target:
            await read(target, SDM630, word_order="low_first")

    with pytest.raises(WrongMap) as refused:
        run(work())
    assert "voltage_l1_v" in {doubt.quantity for doubt in refused.value.doubts}


def test_a_value_that_cannot_be_is_left_out_and_the_rest_is_kept() -> None:
    registers = whole(SDM630) | {0xE0: 0x5000, 0xE1: 0x0000}  # 8.6e9 A in the neutral

    async def work() -> Reply:
        async with tcp(device(1, registers)) as target:
            return await read(target, SDM630)

    reply = run(work())
    assert "current_n_a" not in reply.values
    assert [doubt.quantity for doubt in reply.doubts] == ["current_n_a"]
    assert reply.values["power_w"] == 389.75


async def diagnosed(target: Target, profile: str, **options: Any) -> Diagnosis:
    line = Modbus()
    try:
        return await diagnose(line, replace(target, profile=profile, options=options))
    finally:
        await line.close()


@pytest.mark.parametrize(
    ("true", "chosen"),
    [
        (SDM630, "peacefair-pzem-004t-v3"),
        (PZEM, "eastron-sdm630"),
        (profile_named("eastron-sdm120"), "eastron-sdm630"),
        (profile_named("carlo-gavazzi-em340"), "eastron-sdm120"),
        (profile_named("chint-dtsu666"), "schneider-iem3000"),
    ],
    ids=lambda x: getattr(x, "name", x),
)
def test_the_test_of_a_connection_finds_the_map_that_fits(true: Profile, chosen: str) -> None:
    async def work() -> Diagnosis:
        async with tcp(device(1, whole(true))) as target:
            return await diagnosed(target, chosen)

    found = run(work())
    assert found.is_wrong
    assert found.suggestions[0].profile == true.name


def test_the_test_of_a_connection_finds_the_order_of_words() -> None:
    registers = whole(SDM630)
    swapped = {a: registers[a ^ 1] for a in registers}

    async def work() -> Diagnosis:
        async with tcp(device(1, swapped)) as target:
            return await diagnosed(target, SDM630.name)

    found = run(work())
    assert found.is_wrong
    best = found.suggestions[0]
    assert (best.profile, best.word_order, best.byte_order) == (SDM630.name, "low_first", "")
    assert best.values["voltage_l1_v"] == 230.2


def test_a_good_connection_has_nothing_to_suggest_and_shows_its_marking() -> None:
    text = b"Schneider Electric".ljust(40, b"\0")
    marking = {69 + n: int.from_bytes(text[2 * n : 2 * n + 2], "big") for n in range(20)}

    async def work() -> Diagnosis:
        async with tcp(device(1, whole(IEM) | marking)) as target:
            return await diagnosed(target, IEM.name)

    found = run(work())
    assert (found.is_wrong, found.suggestions) == (False, ())
    assert (found.marking, found.marking_fits) == ("Schneider Electric", True)


def test_a_generic_device_is_read_by_base_count_and_names() -> None:
    async def work() -> Reply:
        async with tcp(device(1, {100: 2201, 101: 450, 102: 7, 103: 65_535})) as target:
            return await read(target, "generic", base=100, count=4, metrics=["voltage_raw", "amps"])

    reply = run(work())
    assert dict(reply.values) == {"voltage_raw": 2201.0, "amps": 450.0}
    assert dict(reply.extra) == {"reg_2": 7.0, "reg_3": 65_535.0}


def test_a_generic_device_may_have_a_map_of_its_own() -> None:
    registers = [
        {"quantity": "voltage_l1_v", "address": 10, "type": "u16", "unit": "V", "scale": "0.1",
         "bounds": [80, 300]},
        {"quantity": "energy_import_wh", "address": 20, "type": "u32", "unit": "kWh",
         "scale": "0.01", "bounds": [0, 1e9], "word_order": "low_first"},
    ]  # fmt: skip

    async def work() -> Reply:
        async with tcp(device(1, {10: 2203, 20: 0x0002, 21: 0x0001})) as target:
            return await read(target, "generic", function=3, registers=registers)

    assert dict(run(work()).values) == {"voltage_l1_v": 220.3, "energy_import_wh": 655_380}


@pytest.mark.parametrize(
    "target",
    [
        Target(profile="nobody", host="127.0.0.1", port=502),
        Target(profile="generic", host="127.0.0.1", port=502, options={"registers": [{"x": 1}]}),
        Target(profile="eastron-sdm630", host="", port=502),
        Target(profile="eastron-sdm630", host="169.254.169.254", port=502),
        Target(profile="eastron-sdm630", transport="serial", serial_path="/etc/passwd"),
        Target(profile="eastron-sdm630", transport="serial", serial_path="/dev/pts/../mem"),
    ],
)
def test_what_only_a_person_can_change_is_not_tried_again(target: Target) -> None:
    with pytest.raises(BadTarget):
        run(Modbus().read(target))
