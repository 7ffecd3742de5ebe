"""What devices send in words of their own, and what becomes of it."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from clients.kernel.tenancy import acting_for
from clients.models import Tenant
from meters.models import Conflict, DeviceKey, Meter, Quarantine, Reading, Touched
from meters.testing import make_key, make_meter
from meters.tests.door import HOUR_AGO, NOW, Door, reading

pytestmark = pytest.mark.commits
AT = HOUR_AGO.isoformat()
UNIX = int(HOUR_AGO.timestamp())


def kept(tenant: Tenant, *names: str) -> list[tuple[Any, ...]]:
    with acting_for(tenant.pk):
        return list(Reading.objects.order_by("measured_at").values_list(*names))


def declare(tenant: Tenant, **fields: Any) -> None:
    with acting_for(tenant.pk):
        DeviceKey.objects.update(**fields)


def test_names_that_devices_use_become_ours_exactly(door: Door, acacia: Tenant, key: str) -> None:
    status, said = door.post(
        b'{"timestamp": "%s", "device_id": "AA:01", "energy_kwh": 1234.567, "energy_wh": 1234567.0,'
        b' "voltage_l1": 220.5, "current_l1": 3.2, "power_total": 705.6, "power_factor": 0.99,'
        b' "frequency": 60.01, "voltage_avg": 220.4}' % AT.encode(),
        key,
    )

    assert (status, said["accepted"], said["items"]) == (200, 1, [])
    with acting_for(acacia.pk):
        row = Reading.objects.get()
    assert row.energy_import_wh == 1_234_567
    assert (row.voltage_l1_v, row.power_w, row.frequency_hz) == (220.5, 705.6, 60.01)
    assert row.extra == {"voltage_avg": 220.4}


@pytest.mark.parametrize(
    ("said", "expected_wh"),
    [
        ("0.001", 1),
        ("8388607.999", 8_388_607_999),
        ("123456789.123", 123_456_789_123),  # a float would be off
        ("0.0004", 0),
        ("0.0005", 1),
    ],
)
def test_kilowatt_hours_are_converted_in_decimals(
    door: Door, acacia: Tenant, key: str, said: str, expected_wh: int
) -> None:
    door.post(f'{{"measured_at":"{AT}","energy_kwh":{said}}}'.encode(), key)

    assert kept(acacia, "energy_import_wh") == [(expected_wh,)]


def test_a_unit_that_could_be_two_is_refused_with_the_choices(
    door: Door, acacia: Tenant, key: str
) -> None:
    status, said = door.post({"measured_at": AT, "energy": 5.0}, key)

    assert (status, said["code"]) == (422, "ambiguous_unit")
    assert said["detail"] == (
        "Item 0: “energy” does not say its unit. Send one of: energy_wh, energy_kwh."
    )


def test_two_names_of_one_quantity_must_agree(door: Door, acacia: Tenant, key: str) -> None:
    status, said = door.post({"measured_at": AT, "energy_kwh": 1.0, "energy_wh": 2}, key)

    assert (status, said["code"]) == (422, "repeated_field")
    assert kept(acacia, "energy_import_wh") == []


def test_the_form_of_the_platform_before_is_one_reading_per_instant(
    door: Door, acacia: Tenant, meter: Meter, key: str
) -> None:
    rows = [
        {"device_id": "AA:01", "timestamp": AT, "metric": metric, "value": value}
        for metric, value in (
            ("voltage_l1", 221.5),
            ("current_l1", 4.0),
            ("energy_kwh", 10.25),
            ("thd", 3.5),
        )
    ]
    rows[0]["extra"] = {"source": "poll"}

    status, said = door.post(rows, key)

    assert (status, said["accepted"], said["items"]) == (200, 4, [])
    assert kept(acacia, "voltage_l1_v", "current_l1_a", "energy_import_wh", "extra") == [
        (221.5, 4.0, 10_250, {"source": "poll", "thd": 3.5})
    ]


def test_quantities_of_an_instant_may_come_one_by_one_and_again(
    door: Door, acacia: Tenant, key: str
) -> None:
    metrics = {"voltage_l1": 221.5, "current_l1": 4.0, "energy_kwh": 10.25, "humidity": 41}
    requests = [
        {"device_id": "AA:01", "timestamp": AT, "metric": metric, "value": value}
        for metric, value in metrics.items()
    ]
    with acting_for(acacia.pk):
        Touched.objects.all().delete()

    first = [door.post(request, key)[1] for request in requests]
    again = [door.post(request, key)[1] for request in requests]

    assert [answer["accepted"] for answer in first] == [1, 1, 1, 1]
    assert [answer["duplicates"] for answer in again] == [1, 1, 1, 1]
    assert kept(acacia, "voltage_l1_v", "current_l1_a", "energy_import_wh", "extra") == [
        (221.5, 4.0, 10_250, {"humidity": 41})
    ]
    with acting_for(acacia.pk):
        assert Touched.objects.count() == 4
        assert not Conflict.objects.exists()


def test_what_was_said_of_a_quantity_never_changes(door: Door, acacia: Tenant, key: str) -> None:
    door.post(reading(power_w=1.0), key)

    _status, said = door.post([reading(power_w=2.0, voltage_l1_v=220.0)], key)

    assert said["items"] == [{"item": 0, "outcome": "conflict"}]
    assert kept(acacia, "power_w", "voltage_l1_v") == [(1.0, 220.0)]
    with acting_for(acacia.pk):
        assert Conflict.objects.get().reading["power_w"] == 2.0


def test_obis_codes_are_read_in_their_units(door: Door, acacia: Tenant, key: str) -> None:
    rows = [
        {"measured_at": AT, "1-0:1.8.0": 1234.567, "2.8.0": "000012.500*kWh", "16.7.0": "-250*W"},
        {
            "measured_at": NOW.isoformat(),
            "1-0:1.8.0*255": "1234567*Wh",
            "1-0:1.7.0": "1.25*kW",
            "32.7.0": 220.1,
            "1.8.1": 600.5,
        },
    ]

    status, said = door.post(rows, key)

    assert (status, said["accepted"], said["items"]) == (200, 2, [])
    assert kept(acacia, "energy_import_wh", "energy_export_wh", "power_w", "voltage_l1_v") == [
        (1_234_567, 12_500, -250.0, None),
        (1_234_567, None, 1_250.0, 220.1),
    ]
    assert kept(acacia, "extra")[1] == ({"1.8.1": 600.5},)


@pytest.mark.parametrize(
    ("code", "value", "expected"),
    [
        ("1.7.0", 1.25, "ambiguous_unit"),
        ("1-0:16.7.0", 0.8, "ambiguous_unit"),
        ("1.8.0", "12*V", "wrong_unit"),
        ("1.8.0", "12,5*kWh", "invalid_type"),
        ("8-0:1.0.0", 5, "unknown_field"),
        ("1.8.0", True, "invalid_type"),
        ("1.8.0", -1, "out_of_range"),
    ],
)
def test_obis_codes_that_cannot_be_right_are_refused(
    door: Door, acacia: Tenant, key: str, code: str, value: Any, expected: str
) -> None:
    status, said = door.post({"measured_at": AT, code: value}, key)

    assert (status, said["code"]) == (422, expected)
    assert kept(acacia, "measured_at") == []


def test_good_and_bad_items_mix_in_every_form(door: Door, acacia: Tenant, key: str) -> None:
    rows: list[dict[str, Any]] = [
        reading(HOUR_AGO + timedelta(seconds=second)) for second in range(5)
    ]
    rows[1]["power_w"] = "x"
    rows[3] = {"measured_at": AT, "colour": 1}
    lines = b"\n".join(json.dumps(row).encode() for row in rows) + b'\n{"measured_at": '

    answers = [
        door.post({"readings": rows}, key)[1],
        door.post(gzip.compress(lines), key, content_encoding="gzip")[1],
    ]

    assert [(a["accepted"], a["duplicates"], a["rejected"]) for a in answers] == [
        (3, 0, 2),
        (0, 3, 3),
    ]
    assert [(i["item"], i["code"]) for i in answers[1]["items"] if i["outcome"] == "rejected"] == [
        (1, "invalid_type"),
        (3, "unknown_field"),
        (5, "malformed"),
    ]
    assert len(kept(acacia, "measured_at")) == 3


def test_a_large_body_in_a_devices_words_is_understood_too(
    door: Door, acacia: Tenant, key: str
) -> None:
    rows = [
        {"ts": (HOUR_AGO - timedelta(seconds=n)).isoformat(), "device_id": "AA:01", "voltage": 220}
        for n in range(3_000)
    ]

    status, said = door.post(rows, key)

    assert (status, said["accepted"]) == (200, 3_000)


# Times ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "time", "status"),
    [
        ({}, {"unix": UNIX}, 200),
        ({}, {"unix_ms": UNIX * 1000}, 200),
        ({}, {"measured_at": UNIX}, 422),
        ({"epoch_unit": "s"}, {"timestamp": UNIX}, 200),
        ({"epoch_unit": "s"}, {"timestamp": float(UNIX)}, 200),
        ({"epoch_unit": "ms"}, {"ts": UNIX * 1000}, 200),
        ({"epoch_unit": "s"}, {"ts": True}, 422),
        ({"epoch_unit": "s"}, {"ts": 10**400}, 422),
    ],
)
def test_numbers_as_times_need_a_declared_unit(
    door: Door, acacia: Tenant, key: str, fields: Any, time: Any, status: int
) -> None:
    declare(acacia, **fields)

    assert door.post({**time, "power_w": 1}, key)[0] == status
    assert kept(acacia, "measured_at") == ([(HOUR_AGO,)] if status == 200 else [])


def test_a_time_without_offset_needs_a_declared_zone(door: Door, acacia: Tenant, key: str) -> None:
    local = (HOUR_AGO - timedelta(hours=3)).strftime("%Y-%m-%d %H:%M:%S.500")
    refused = door.post({"measured_at": local, "power_w": 1}, key)
    declare(acacia, time_zone="America/Sao_Paulo")
    with acting_for(acacia.pk):
        other = make_key(Meter.objects.get(), time_zone="America/Sao_Paulo")

    accepted = door.post({"measured_at": local, "power_w": 1}, other.secret)

    assert (refused[0], refused[1]["code"]) == (422, "invalid_time")
    assert accepted[1]["accepted"] == 1
    assert kept(acacia, "measured_at") == [(HOUR_AGO + timedelta(milliseconds=500),)]


def test_local_times_that_happened_twice_or_never_wait_for_a_person(
    door: Door, acacia: Tenant, key: str
) -> None:
    declare(acacia, time_zone="America/New_York")

    _status, said = door.post(
        [
            {"measured_at": "2025-11-02T01:30:00", "power_w": 1},
            {"measured_at": "2026-03-08T02:30:00", "power_w": 2},
            {"measured_at": "2026-03-08T03:30:00", "power_w": 3},
        ],
        key,
    )

    assert (said["accepted"], said["rejected"]) == (1, 2)
    assert [(item["item"], item["code"]) for item in said["items"]] == [
        (0, "ambiguous_time"),
        (1, "no_such_time"),
    ]
    with acting_for(acacia.pk):
        assert Quarantine.objects.count() == 2
    assert kept(acacia, "measured_at") == [(datetime(2026, 3, 8, 7, 30, tzinfo=UTC),)]


def test_without_a_time_a_reading_is_refused_unless_the_key_declares_no_clock(
    door: Door, acacia: Tenant, key: str
) -> None:
    refused = door.post({"power_w": 1}, key)
    with acting_for(acacia.pk):
        clockless = make_key(Meter.objects.get(), stamps_arrival=True).secret

    before = datetime.now(tz=UTC)
    accepted = door.post({"device_id": "AA:01", "metric": "voltage", "value": 220}, clockless)

    assert refused[1]["code"] == "missing_field"
    assert "/api/v1/time" in refused[1]["detail"]
    assert accepted[1]["accepted"] == 1
    [(at,)] = kept(acacia, "measured_at")
    assert before <= at <= datetime.now(tz=UTC)


def test_a_whole_number_as_device_is_its_serial(door: Door, acacia: Tenant) -> None:
    with acting_for(acacia.pk):
        gateway = make_key(make_meter(tenant=acacia, serial="7"), make_meter(tenant=acacia))

    said = door.post(
        {"device_id": 7, "timestamp": AT, "metric": "power", "value": 5}, gateway.secret
    )

    assert said[1]["accepted"] == 1
