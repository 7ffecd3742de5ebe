"""Payloads as devices write them, in bytes, and what must never be made of anything else."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meters.drivers.mqtt import DIALECTS
from meters.drivers.pushed import Listener, Malformed, Presence, Said

SAO_PAULO = ZoneInfo("America/Sao_Paulo")
# A plug's own words, from the public repository of draytronics.
TASMOTA = (
    b'{"Time":"2025-02-12T22:47:39","ENERGY":{"TotalStartTime":"2025-02-10T16:47:09",'
    b'"Total":0.904,"Yesterday":0.636,"Today":0.258,"Power":122,"ApparentPower":126,'
    b'"ReactivePower":33,"Factor":0.96,"Voltage":243,"Current":0.521}}'
)
TASMOTA_PHASES = (
    b'{"Time":"2026-01-31T23:59:59","ENERGY":{"Total":[1.1,2.2,3.3],"ExportActive":0.5,'
    b'"Power":[100,200,300],"ApparentPower":[110,210,310],"Factor":[0.9,0.9,0.9],'
    b'"Frequency":60,"Voltage":[127,128,126],"Current":[0.8,1.6,2.4]}}'
)
# Status of a Pro 3EM as shelly-api-docs.shelly.cloud shows EM and EMData.
EM = {
    "id": 0,
    "a_current": 4.029,
    "a_voltage": 236.1,
    "a_act_power": 951.2,
    "a_aprt_power": 951.9,
    "a_pf": 1,
    "a_freq": 50,
    "b_current": 4.027,
    "b_voltage": 236.201,
    "b_act_power": -951.1,
    "b_aprt_power": 951.8,
    "b_pf": 1,
    "b_freq": 50,
    "c_current": 3.03,
    "c_voltage": 236.402,
    "c_act_power": 715.4,
    "c_aprt_power": 716.2,
    "c_pf": 1,
    "c_freq": 50,
    "n_current": None,
    "total_current": 11.083,
    "total_act_power": 715.5,
    "total_aprt_power": 2620.0,
    "user_calibrated_phase": [],
}
EMDATA = {"id": 0, "a_total_act_energy": 0, "total_act": 6302.57, "total_act_ret": 15.5}
# A switch of a Plus 1PM, from a public collection of device answers.
SWITCH = {
    "id": 0,
    "source": "timer",
    "output": True,
    "apower": 8.9,
    "voltage": 237.5,
    "aenergy": {"total": 6.532, "by_minute": [45.199, 47.141, 88.397], "minute_ts": 1626935779},
    "temperature": {"tC": 23.5, "tF": 74.4},
}
Z2M = (
    b'{"current":0.45,"energy":12.34,"last_seen":"2026-01-31T23:59:59-03:00","linkquality":120,'
    b'"power":101,"state":"ON","voltage":222}'
)


def said(
    driver: str, address: str, topic: str, payload: bytes | dict[str, Any], **more: Any
) -> Any:
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return DIALECTS[driver].hear(Listener(address=address, **more), topic, body)


def test_tasmota_says_local_time_and_kilowatt_hours() -> None:
    heard = said("tasmota", "plug", "tele/plug/SENSOR", TASMOTA, zone=SAO_PAULO)

    assert heard == Said(
        {
            "energy_import_wh": 904,
            "power_w": 122,
            "apparent_power_va": 126,
            "reactive_power_var": 33,
            "power_factor": 0.96,
            "voltage_l1_v": 243,
            "current_l1_a": 0.521,
        },
        datetime(2025, 2, 13, 1, 47, 39, tzinfo=UTC),
    )


def test_tasmota_of_three_phases_is_summed_and_named_by_phase() -> None:
    heard = said("tasmota", "quadro", "tele/quadro/SENSOR", TASMOTA_PHASES, zone=SAO_PAULO)

    assert heard.values["energy_import_wh"] == 6600
    assert heard.values["energy_export_wh"] == 500
    assert heard.values["power_w"] == 600
    assert (heard.values["power_l1_w"], heard.values["power_l3_w"]) == (100, 300)
    assert (heard.values["voltage_l2_v"], heard.values["current_l3_a"]) == (128, 2.4)
    assert heard.values["power_factor"] == pytest.approx(600 / 630)
    assert heard.measured_at == datetime(2026, 2, 1, 2, 59, 59, tzinfo=UTC)


def test_an_offset_or_unix_seconds_say_the_same_instant() -> None:
    wanted = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
    for time in ("2026-01-31T09:00:00-03:00", 1769860800, 1769860800000, "2026-01-31T12:00:00Z"):
        heard = said("tasmota", "p", "tele/p/SENSOR", {"Time": time, "ENERGY": {"Power": 1}})
        assert heard == Said({"power_w": 1.0}, wanted)


def test_a_changed_full_topic_is_followed() -> None:
    listener = Listener(address="casa/%prefix%/quadro")

    assert DIALECTS["tasmota"].topics(listener) == (
        "casa/tele/quadro/SENSOR",
        "casa/tele/quadro/LWT",
    )


def test_shelly_status_has_no_time_and_its_notification_has() -> None:
    status = said("shelly", "pro3em-1", "pro3em-1/status/em:0", EM)
    notice = {
        "src": "pro3em-1",
        "dst": "pro3em-1/events",
        "method": "NotifyStatus",
        "params": {"ts": 1769860800.25, "em:0": EM, "sys": {"uptime": 1}},
    }
    told = said("shelly", "pro3em-1", "pro3em-1/events/rpc", notice)

    assert status.measured_at is None
    assert told == Said(status.values, datetime(2026, 1, 31, 12, 0, 0, 250_000, tzinfo=UTC))
    assert status.values["power_w"] == 715.5
    assert status.values["power_l2_w"] == -951.1
    assert status.values["voltage_l3_v"] == 236.402
    assert "current_n_a" not in status.values


def test_components_at_the_same_instant_do_not_contradict_each_other() -> None:
    def notice(name: str, status: Any) -> Any:
        told = {"method": "NotifyStatus", "params": {"ts": 1769860800, name: status}}
        return said("shelly", "s", "s/events/rpc", told)

    power, energy = notice("em:0", EM), notice("emdata:0", EMDATA)

    assert energy.values == {"energy_import_wh": 6303, "energy_export_wh": 16}
    assert energy.measured_at - power.measured_at == datetime.resolution


def test_shelly_channels_are_meters_of_their_own() -> None:
    one = {"id": 1, "current": 1.5, "voltage": 220, "act_power": 300, "pf": 0.9, "freq": 60}
    notice = {"method": "NotifyStatus", "params": {"ts": 1769860800, "em1:1": one}}

    assert said("shelly", "s", "s/events/rpc", notice, channel=0) is None
    assert said("shelly", "s", "s/events/rpc", notice, channel=1).values["power_w"] == 300
    assert said("shelly", "s", "s/status/switch:0", SWITCH).values == {
        "power_w": 8.9,
        "voltage_l1_v": 237.5,
        "energy_import_wh": 7,
    }
    assert said("shelly", "s", "s/status/switch:0", {"id": 0, "output": True}) is None


def test_zigbee2mqtt_says_kilowatt_hours_and_perhaps_when() -> None:
    heard = said("zigbee2mqtt", "zigbee2mqtt/Quadro", "zigbee2mqtt/Quadro", Z2M)
    silent = said("zigbee2mqtt", "z/Q", "z/Q", {"energy": 1, "last_seen": None})

    assert heard == Said(
        {
            "energy_import_wh": 12_340,
            "power_w": 101,
            "voltage_l1_v": 222,
            "current_l1_a": 0.45,
        },
        datetime(2026, 2, 1, 2, 59, 59, tzinfo=UTC),
    )
    assert silent == Said({"energy_import_wh": 1000}, None)
    assert said("zigbee2mqtt", "z/Q", "z/Q", {"voltage": 3000, "battery": 80}) is None


@pytest.mark.parametrize(
    ("driver", "topic", "payload", "is_online"),
    [
        ("tasmota", "tele/x/LWT", b"Online", True),
        ("tasmota", "tele/x/LWT", b"Offline", False),
        ("shelly", "x/online", b"true", True),
        ("shelly", "x/online", b"false", False),
        ("zigbee2mqtt", "x/availability", b'{"state":"online"}', True),
        ("zigbee2mqtt", "x/availability", b"offline", False),
    ],
)
def test_a_last_will_is_presence(driver: str, topic: str, payload: bytes, is_online: bool) -> None:
    assert said(driver, "x", topic, payload) == Presence(is_online)


@pytest.mark.parametrize("driver", DIALECTS)
@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\xff\xfe",
        b"[]",
        b"12",
        b"{" * 10_000,
        b"[" * 60_000,
        b'{"ENERGY":{"Total":"lots"}}',
        b'{"ENERGY":[1]}',
        b'{"ENERGY":{"Total":-1}}',
        b'{"ENERGY":{"Total":1e300},"energy":1e300,"em:0":1}',
        b'{"Time":"yesterday","ENERGY":{"Total":1},"last_seen":"x","energy":true}',
        b"x" * 70_000,
    ],
)
def test_nonsense_is_malformed_or_about_something_else(driver: str, payload: bytes) -> None:
    listener = Listener(address="x")
    for topic in DIALECTS[driver].topics(listener):
        try:
            heard = DIALECTS[driver].hear(listener, topic, payload)
        except Malformed:
            continue
        assert heard is None


WORDS = [
    "ENERGY",
    "Total",
    "Power",
    "Time",
    "Epoch",
    "method",
    "params",
    "ts",
    "em:0",
    "emdata:0",
    "total_act",
    "energy",
]
WORDS += ["power", "last_seen", "aenergy", "total"]
_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                [
                    "ENERGY",
                    "Total",
                    "Power",
                    "Time",
                    "Epoch",
                    "method",
                    "params",
                    "ts",
                    "em:0",
                    "emdata:0",
                    "total_act",
                    "energy",
                    "power",
                    "last_seen",
                    "aenergy",
                    "total",
                ]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)


@settings(max_examples=150, deadline=None)
@given(_json)
def test_no_json_breaks_a_dialect(said_by_device: Any) -> None:
    payload = json.dumps(said_by_device).encode()
    listener = Listener(address="x", zone=SAO_PAULO)
    for dialect in DIALECTS.values():
        for topic in dialect.topics(listener):
            try:
                heard = dialect.hear(listener, topic, payload)
            except Malformed:
                continue
            assert heard is None or isinstance(heard, Presence) or heard.values
