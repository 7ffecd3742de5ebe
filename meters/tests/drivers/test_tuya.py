"""Tuya in the local network and through the cloud, each against a server on a socket."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from clients.kernel.errors import Permanent, Retryable
from meters.drivers import tuya_cloud
from meters.drivers.base import BadReply, BadTarget, Reply, Target, Unreachable, WrongMap
from meters.drivers.tuya import Tuya
from meters.drivers.tuya_cloud import Account, TuyaCloud, sign
from meters.drivers.tuya_map import meaning, point_maps, values_of
from meters.models.quantities import NAMES
from meters.simulators.tuya import FAULTS, TuyaSimulator, decrypt, encrypt, frame
from meters.simulators.tuya_cloud import TuyaCloudSimulator

PLUG = {"1": True, "17": 3, "18": 456, "19": 1013, "20": 2221}
SAID = {"current_l1_a": 0.456, "power_w": 101.3, "voltage_l1_v": 222.1}
# Recorded from a device with firmware 2.0: github.com/codetheweb/tuyapi/issues/210.
RECORDED_KEY = b"469c2bdefd481c25"
RECORDED = bytes.fromhex(
    "000055aa000000090000000700000077332e33000000000000001b0001f6454d72f87b9bbaa80d65"
    "c3d5615c638632526a4806d0725824fd97fc2356066ed0324d64c1dc8ee54474aa0e75e0ca1028de"
    "4ca73785faaeaa82c30ad9d0173c4f4f6a0f2570028c939fad5955a74e80b897cd4a7d6a31a70f2d"
    "90fddef2105f0c299e40250000aa55"
)


@pytest.fixture(autouse=True)
def open_doors(settings: Any) -> None:
    settings.POLL_NETWORKS = ["127.0.0.0/8"]


@pytest.fixture
def device() -> Iterator[TuyaSimulator]:
    simulator = TuyaSimulator(points=PLUG).start()
    yield simulator
    simulator.stop()


def target(device: TuyaSimulator, **changed: Any) -> Target:
    fields: dict[str, Any] = {
        "profile": "plug",
        "host": "127.0.0.1",
        "port": device.port,
        "address": device.device_id,
        "timeout_s": 1.0,
        "options": {"version": device.version},
        "secrets": {"local_key": device.key.decode()},
    }
    return Target(**(fields | changed))


def read(asked: Target, driver: Any = Tuya) -> Reply:
    return asyncio.run(driver().read(asked))


@pytest.mark.parametrize("version", ["3.3", "3.4"])
def test_a_plug_says_what_it_measures(version: str) -> None:
    simulator = TuyaSimulator(points=PLUG, version=version).start()

    reply = read(target(simulator))

    simulator.stop()
    assert reply.values == SAID
    assert simulator.questions == 1


@pytest.mark.parametrize("name", point_maps())
def test_every_map_has_a_test_vector_and_names_known_quantities(name: str) -> None:
    found = point_maps()[name]

    by_number = values_of(meaning(name, {}), found.test["dps"])

    assert found.source
    assert by_number == pytest.approx(found.test["values"])
    assert set(by_number) <= set(NAMES)
    codes = {
        found.points[number].code: value
        for number, value in found.test["dps"].items()
        if number in found.points
    }
    assert values_of(meaning(name, {}), codes) == pytest.approx(found.test["values"])


def test_an_address_that_is_not_open_is_not_dialled(device: TuyaSimulator, settings: Any) -> None:
    settings.POLL_NETWORKS = []

    with pytest.raises(BadTarget):
        read(target(device))
    assert device.questions == 0


def test_increments_of_a_plug_are_not_taken_for_a_register(device: TuyaSimulator) -> None:
    assert "energy_import_wh" not in read(target(device)).values


def test_a_connection_may_bring_points_of_its_own(device: TuyaSimulator) -> None:
    own = {"17": {"quantity": "energy_import_wh", "scale": 1}}

    reply = read(target(device, options={"version": "3.3", "points": own}))

    assert reply.values == SAID | {"energy_import_wh": 3}


def test_the_map_of_another_device_is_noticed(device: TuyaSimulator) -> None:
    with pytest.raises(WrongMap):  # its point 1 is a switch
        read(target(device, profile="din_meter"))


@pytest.mark.parametrize("fault", [name for name in FAULTS if name not in ("", "ack_first")])
def test_faults_are_worth_retrying(device: TuyaSimulator, fault: str) -> None:
    device.fault = fault

    with pytest.raises(Retryable):
        read(target(device, timeout_s=0.3))


def test_an_acknowledgement_is_not_the_answer(device: TuyaSimulator) -> None:
    device.fault = "ack_first"

    assert read(target(device)).values == SAID


def test_nobody_there_is_worth_retrying(device: TuyaSimulator) -> None:
    device.stop()

    with pytest.raises(Unreachable):
        read(target(device, timeout_s=0.3))


@pytest.mark.parametrize(
    "changed",
    [
        {"secrets": {}},
        {"secrets": {"local_key": "short"}},
        {"options": {"version": "9.9"}},
        {"host": ""},
        {"address": ""},
        {"profile": "nothing"},
        {"options": {"points": {"1": {"unknown": 1}}}},
    ],
)
def test_settings_that_cannot_work_are_for_a_person(
    device: TuyaSimulator, changed: dict[str, Any]
) -> None:
    with pytest.raises(BadTarget):
        read(target(device, **changed))
    assert device.questions == 0


@pytest.mark.parametrize("version", ["3.3", "3.4"])
def test_a_wrong_key_is_said_to_be_one(version: str) -> None:
    simulator = TuyaSimulator(points=PLUG, version=version).start()
    asked = target(simulator, secrets={"local_key": "f" * 16}, timeout_s=0.5)

    with pytest.raises(Retryable):
        read(asked)
    simulator.stop()


def test_the_simulators_frames_are_those_of_a_recorded_device() -> None:
    header = 3 + 12  # the version and what belongs to it
    payload = RECORDED[16:-8]

    text = decrypt(RECORDED_KEY, payload[header:])

    assert text.startswith(b'{"devId":"836742153c71bf3f7e1f","dps":{"2":true},"t":1559630870')
    assert frame(9, 7, payload) == RECORDED
    assert payload[header:] == encrypt(RECORDED_KEY, text)


# The cloud -----------------------------------------------------------------------------------


@pytest.fixture
def cloud(settings: Any) -> Iterator[TuyaCloudSimulator]:
    points = {"switch_1": True, "add_ele": 3, "cur_current": 456, "cur_power": 1013}
    simulator = TuyaCloudSimulator({"dev1": points | {"cur_voltage": 2221}}).start()
    settings.HTTP_ALLOWED_PRIVATE = ["127.0.0.1"]
    tuya_cloud._tokens.clear()
    yield simulator
    simulator.stop()


def project(cloud: TuyaCloudSimulator, **changed: Any) -> Target:
    fields: dict[str, Any] = {
        "address": "dev1",
        "profile": "plug",
        "host": "127.0.0.1",
        "port": cloud.port,
        "secrets": {"client_id": cloud.client_id, "secret": cloud.secret},
        "timeout_s": 2.0,
    }
    return Target(**(fields | changed))


def test_signatures_are_those_of_the_vendors_example() -> None:
    account = Account("", "1KAD46OrT9HafiKdsXeg", "4OHBOnWOqaEC1mWXOpVL3yV50s0qGSRC")
    lines = "area_id:29a33e8796834b1efa6\ncall_id:8afdb70ab2ed11eb85290242ac130003\n"
    moment, nonce = "1588925778000", "5138cc3a9033d69856923fd07b491173"

    signed = sign(account, moment, nonce, "/v1.0/token?grant_type=1", headers=lines)

    assert signed == "9E48A3E93B302EEECC803C7241985D0A34EB944F40FB573C7B5C2A82158AF13E"


def test_the_cloud_says_what_a_plug_measures(cloud: TuyaCloudSimulator) -> None:
    assert read(project(cloud), TuyaCloud).values == SAID
    assert read(project(cloud), TuyaCloud).values == SAID
    assert len(cloud.tokens) == 1


def test_a_token_that_is_over_is_replaced(cloud: TuyaCloudSimulator) -> None:
    read(project(cloud), TuyaCloud)
    cloud.fault = "token_over"

    assert read(project(cloud), TuyaCloud).values == SAID


def test_old_values_of_a_device_that_is_offline_are_not_taken(cloud: TuyaCloudSimulator) -> None:
    cloud.fault = "offline"

    with pytest.raises(Unreachable):
        read(project(cloud), TuyaCloud)


@pytest.mark.parametrize(("fault", "error"), [("down", BadReply), ("not_json", BadReply)])
def test_a_cloud_in_trouble_is_worth_retrying(
    cloud: TuyaCloudSimulator, fault: str, error: type[Exception]
) -> None:
    cloud.fault = fault

    with pytest.raises(error):
        read(project(cloud), TuyaCloud)


def test_credentials_that_do_not_fit_are_for_a_person(cloud: TuyaCloudSimulator) -> None:
    wrong = {"client_id": cloud.client_id, "secret": "another"}
    for changed in (
        {"secrets": wrong},
        {"secrets": {}},
        {"host": "", "options": {"region": "moon"}},
    ):
        with pytest.raises(Permanent):
            read(project(cloud, **changed), TuyaCloud)
    with pytest.raises(Permanent):
        read(project(cloud, address="unknown"), TuyaCloud)


def test_an_address_inside_is_not_called(cloud: TuyaCloudSimulator, settings: Any) -> None:
    settings.HTTP_ALLOWED_PRIVATE = []

    with pytest.raises(BadTarget):
        read(project(cloud), TuyaCloud)
