from __future__ import annotations

import asyncio
import gzip
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils.translation import override

from clients.kernel.tenancy import acting_for
from clients.models import Tenant
from meters.api import lane, senders
from meters.models import Conflict, DeviceKey, Meter, Quarantine, Reading, Touched
from meters.services.ingest import WAITS
from meters.services.keys import revoke_key, rotate_key
from meters.testing import make_key, make_meter
from meters.tests.door import HOUR_AGO, NOW, Door, reading, stored

pytestmark = pytest.mark.commits


def test_a_reading_is_stored_and_its_quarter_touched(
    door: Door, acacia: Tenant, meter: Meter, key: str
) -> None:
    answer = door.post(reading(energy_import_wh=12_345, extra={"rssi": -70}), key)

    assert answer == (
        200,
        {"accepted": 1, "duplicates": 0, "conflicts": 0, "rejected": 0, "items": []},
    )
    with acting_for(acacia.pk):
        kept = Reading.objects.get()
        touched = Touched.objects.get()
    assert (kept.meter_id, kept.energy_import_wh, kept.power_w) == (meter.pk, 12_345, 1_500.5)
    assert kept.extra == {"rssi": -70}
    assert touched.quarter_at <= HOUR_AGO < touched.quarter_at + timedelta(minutes=15)


def test_list_envelope_lines_and_gzip_mean_the_same(door: Door, acacia: Tenant, key: str) -> None:
    rows = [reading(HOUR_AGO + timedelta(minutes=minute)) for minute in range(4)]
    lines = b"\n".join(json.dumps(row).encode() for row in rows[2:3] + rows[:1])

    answers = [
        door.post(rows[:1], key),
        door.post({"readings": rows[1:2]}, key),
        door.post(lines, key),
        door.post(gzip.compress(json.dumps(rows).encode()), key, content_encoding="gzip"),
    ]

    assert [(status, said["accepted"]) for status, said in answers] == [
        (200, 1),
        (200, 1),
        (200, 1),
        (200, 1),
    ]
    assert [said["duplicates"] for _, said in answers] == [0, 0, 1, 3]
    assert len(stored(acacia)) == 4


def test_the_same_bytes_twice_change_nothing(door: Door, acacia: Tenant, key: str) -> None:
    rows = [reading(HOUR_AGO + timedelta(seconds=second), power_w=0.1) for second in range(50)]
    door.post(rows, key)

    status, said = door.post(rows, key)

    assert (status, said["accepted"], said["duplicates"]) == (200, 0, 50)
    assert said["items"][7] == {"item": 7, "outcome": "duplicate"}
    assert len(stored(acacia)) == 50


def test_another_value_for_an_instant_is_a_conflict_and_the_first_is_kept(
    door: Door, acacia: Tenant, key: str
) -> None:
    door.post(reading(power_w=1.0), key)

    status, said = door.post(
        [reading(power_w=2.0), reading(HOUR_AGO + timedelta(seconds=1), power_w=3.0)], key
    )
    door.post(reading(power_w=2.0), key)

    assert status == 200
    assert said["items"] == [{"item": 0, "outcome": "conflict"}]
    assert (said["accepted"], said["conflicts"]) == (1, 1)
    assert [power for _at, power in stored(acacia)] == [1.0, 3.0]
    with acting_for(acacia.pk):
        assert Conflict.objects.get().reading["power_w"] == 2.0


def test_one_request_may_contradict_itself(door: Door, acacia: Tenant, key: str) -> None:
    _status, said = door.post([reading(), reading(), reading(power_w=9.0)], key)

    assert [item["outcome"] for item in said["items"]] == ["duplicate", "conflict"]
    assert len(stored(acacia)) == 1


def test_a_sender_who_repeats_itself_does_not_fail_the_others(
    door: Door, acacia: Tenant, meter: Meter, key: str
) -> None:
    with acting_for(acacia.pk):
        other = make_meter(tenant=acacia, serial="BB:02")
        other_key = make_key(other).secret
    door.post(reading(), key)

    answers = door.post_together(
        [
            (reading(), key),
            ({"measured_at": HOUR_AGO.isoformat(), "power_w": 5.0}, other_key),
            (reading(power_w=7.0), key),
        ]
    )

    assert [(s, a["accepted"], a["duplicates"], a["conflicts"]) for s, a in answers] == [
        (200, 0, 1, 0),
        (200, 1, 0, 0),
        (200, 0, 0, 1),
    ]


def waiting(item: int, code: str) -> dict[str, object]:
    """An item in quarantine, and what its sender is told to do."""
    detail = WAITS[code] % {"item": item}
    return {"item": item, "outcome": "rejected", "code": code, "detail": detail}


def test_an_impossible_clock_is_quarantined_once(
    door: Door, acacia: Tenant, meter: Meter, key: str
) -> None:
    rows = [
        reading(datetime(1970, 1, 1, tzinfo=UTC)),
        reading(),
        reading(NOW + timedelta(hours=2)),
    ]

    status, said = door.post(rows, key)
    door.post(rows, key)

    assert (status, said["accepted"], said["rejected"]) == (200, 1, 2)
    assert said["items"] == [
        waiting(0, "clock_unset"),
        waiting(2, "in_future"),
    ]
    assert len(stored(acacia)) == 1
    with acting_for(acacia.pk):
        assert sorted(Quarantine.objects.values_list("reason", flat=True)) == [
            "clock_unset",
            "in_future",
        ]


@pytest.mark.parametrize(
    ("at", "code"),
    [("0001-01-01T00:00:00+14:00", "clock_unset"), ("9999-12-31T23:59:59-14:00", "in_future")],
)
def test_an_offset_that_leaves_the_calendar_is_an_impossible_clock(
    door: Door, acacia: Tenant, key: str, at: str, code: str
) -> None:
    status, said = door.post([{**reading(), "measured_at": at}, reading()], key)

    assert (status, said["accepted"]) == (200, 1)
    assert said["items"] == [waiting(0, code)]
    assert len(stored(acacia)) == 1


def test_a_request_may_span_months(door: Door, acacia: Tenant, key: str) -> None:
    rows = [reading(NOW - timedelta(days=days)) for days in (1, 40, 400, 1_800)]

    assert door.post(rows, key)[1]["accepted"] == 4
    assert len(stored(acacia)) == 4


def test_rows_may_speak_of_different_things(door: Door, acacia: Tenant, key: str) -> None:
    base = {"measured_at": HOUR_AGO.isoformat(), "meter": "AA:01"}
    rows = [
        {**base, "energy_import_wh": 5},
        {**base, "measured_at": NOW.isoformat(), "voltage_l1_v": 220.5, "power_w": None},
        {**base, "measured_at": (NOW - timedelta(minutes=1)).isoformat(), "extra": {"a": "b"}},
    ]

    assert door.post(rows, key)[1]["accepted"] == 3
    with acting_for(acacia.pk):
        found = Reading.objects.order_by("measured_at")
        assert [(r.energy_import_wh, r.voltage_l1_v, r.extra) for r in found] == [
            (5, None, None),
            (None, None, {"a": "b"}),
            (None, 220.5, None),
        ]


def test_the_meter_may_be_left_out_when_the_key_has_one(
    door: Door, acacia: Tenant, meter: Meter, key: str
) -> None:
    assert door.post({"measured_at": HOUR_AGO.isoformat(), "power_w": 1}, key)[0] == 200
    assert door.post(reading(NOW, meter=str(meter.public_id)), key)[1]["accepted"] == 1


def test_a_key_reports_its_own_meters_only(
    door: Door, acacia: Tenant, baobab: Tenant, key: str
) -> None:
    with acting_for(baobab.pk):
        foreign = make_meter(tenant=baobab, serial="CC:03")
    with acting_for(acacia.pk):
        make_meter(tenant=acacia, serial="DD:04")

    answers = [
        door.post([reading(), reading(NOW, meter=name)], key)
        for name in ("CC:03", str(foreign.public_id), "DD:04", "nothing")
    ]

    refused = [said["items"][-1] for _status, said in answers]
    assert [(item["item"], item["code"]) for item in refused] == [(1, "unknown_meter")] * 4
    assert refused[0]["detail"].replace("CC:03", "nothing") == refused[3]["detail"]
    assert [status for status, _said in answers] == [200] * 4
    assert len(stored(acacia)) == 1


def test_an_unknown_key_stores_nothing(door: Door, acacia: Tenant, key: str) -> None:
    assert door.post(reading(), "plsk_nonsense")[0] == 401
    assert door.post(reading(), "")[1]["code"] == "key_missing"
    assert door.headers[b"www-authenticate"] == b"Bearer"
    assert stored(acacia) == []


def test_a_revoked_key_stops(
    door: Door, acacia: Tenant, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(senders, "KNOWN_FOR_S", 0.0)  # a second passes at once
    assert door.post(reading(), key)[0] == 200

    with acting_for(acacia.pk):
        revoke_key(DeviceKey.objects.get(), now=NOW)

    assert door.post(reading(NOW), key)[1]["code"] == "unknown_key"
    assert len(stored(acacia)) == 1
    assert senders.KNOWN_FOR_S <= 2


def test_a_rotated_key_overlaps_with_the_new_one(
    door: Door, acacia: Tenant, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(senders, "KNOWN_FOR_S", 0.0)
    with acting_for(acacia.pk):
        old = DeviceKey.objects.get()
        new = rotate_key(old, now=NOW, overlap=timedelta(days=1))

    assert door.post(reading(), key)[0] == 200
    assert door.post(reading(NOW), new.secret)[0] == 200
    with acting_for(acacia.pk):
        DeviceKey.objects.filter(pk=old.pk).update(expires_at=NOW - timedelta(minutes=1))
    assert door.post(reading(), key)[0] == 401


def test_too_many_requests_are_told_when_to_come_back(
    door: Door, acacia: Tenant, meter: Meter
) -> None:
    with acting_for(acacia.pk):
        slow = make_key(meter, rate_per_minute=2).secret

    statuses = [door.post(reading(), slow)[0] for _ in range(5)]

    assert statuses.count(429) >= 1
    assert 1 <= int(door.headers[b"retry-after"]) <= 60


def test_the_last_use_of_a_key_is_known(door: Door, acacia: Tenant, key: str) -> None:
    door.post(reading(), key)

    with acting_for(acacia.pk):
        assert DeviceKey.objects.get().last_used_at is not None


def test_refusals_speak_the_sender_language(door: Door, key: str) -> None:
    with override("pt-br"):
        _status, said = door.post(b"{", key, accept_language="pt-BR,pt;q=0.9")

    assert said["detail"].startswith("O conteúdo não é JSON")


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("voltage_a_v", "“voltage_l1_v”"),
        ("voltage_b", "“voltage_l2_v”"),
        ("current_t", "“current_l3_a”"),
        ("power_c_w", "“power_l3_w”"),
        ("power_t", "“extra”"),
        ("power_hp", "“power_w”"),
    ],
)
def test_a_hint_is_about_the_same_phase(
    name: str, hint: str, door: Door, acacia: Tenant, key: str
) -> None:
    _status, said = door.post(ONE % (AT, b'"%s":1' % name.encode()), key)

    assert (said["code"], stored(acacia)) == ("unknown_field", [])
    assert hint in said["detail"]


ONE = b'{"measured_at":"%s","meter":"AA:01",%s}'
AT = HOUR_AGO.isoformat().encode()
BAD: dict[str, tuple[bytes, int, str]] = {
    "nothing": (b"", 400, "malformed"),
    "no reading": (b"[]", 422, "empty"),
    "null": (b"null", 422, "invalid_type"),
    "a number": (b"7", 422, "invalid_type"),
    "half": (b'{"measured_at":', 400, "malformed"),
    "deep list": (b"[" * 100_000, 422, "invalid_type"),
    "deep object": (b'{"extra":' * 100_000, 400, "malformed"),
    "not a number": (ONE % (AT, b'"power_w":NaN'), 400, "malformed"),
    "infinite": (ONE % (AT, b'"power_w":Infinity'), 400, "malformed"),
    "beyond float": (ONE % (AT, b'"power_w":1e400'), 422, "out_of_range"),
    "beyond real": (ONE % (AT, b'"power_w":1e39'), 422, "out_of_range"),
    "huge integer": (ONE % (AT, b'"energy_import_wh":' + b"9" * 5_000), 422, "out_of_range"),
    "negative register": (ONE % (AT, b'"energy_import_wh":-1'), 422, "out_of_range"),
    "fraction of a register": (ONE % (AT, b'"energy_import_wh":1.5'), 422, "invalid_type"),
    "true": (ONE % (AT, b'"energy_import_wh":true'), 422, "invalid_type"),
    "text": (ONE % (AT, b'"power_w":"1500"'), 422, "invalid_type"),
    "arabic digits": (ONE % (AT, '"power_w":١٢'.encode()), 400, "malformed"),
    "wrong unit": (ONE % (AT, b'"power_hp":1.5'), 422, "unknown_field"),
    "no unit": (ONE % (AT, b'"energy":1.5'), 422, "ambiguous_unit"),
    "milli or mega": (ONE % (AT, b'"energy_mwh":1.5'), 422, "ambiguous_unit"),
    "unknown field": (ONE % (AT, b'"colour":1'), 422, "unknown_field"),
    "said twice": (ONE % (AT, b'"power_w":1,"power_w":2'), 422, "repeated_field"),
    "no value": (ONE % (AT, b'"power_w":null'), 422, "empty_reading"),
    "no time": (b'{"meter":"AA:01","power_w":1}', 422, "missing_field"),
    "no offset": (ONE % (b"2026-01-01T00:00:00", b'"power_w":1'), 422, "invalid_time"),
    "week date": (ONE % (b"2025-W01-1", b'"power_w":1'), 422, "invalid_time"),
    "leap second": (ONE % (b"2016-12-31T23:59:60Z", b'"power_w":1'), 422, "invalid_time"),
    "epoch number": (b'{"measured_at":1767225600,"power_w":1}', 422, "invalid_time"),
    "nul in extra": (ONE % (AT, b'"extra":{"a":"\\u0000"}'), 422, "invalid_reading"),
    "half a surrogate": (ONE % (AT, b'"extra":{"a":"\\ud800"}'), 400, "malformed"),
    "nested extra": (ONE % (AT, b'"extra":{"a":{"b":1}}'), 422, "invalid_type"),
    "utf-16": ('{"power_w":1}'.encode("utf-16"), 400, "malformed"),
    "byte order mark": (b"\xef\xbb\xbf" + ONE % (AT, b'"power_w":1'), 400, "malformed"),
    "nul in meter": (
        b'{"measured_at":"%s","meter":"AA:01\\u0000","power_w":1}' % AT,
        422,
        "unknown_meter",
    ),
    "too many": (b"[" + b"{}," * 20_001 + b"{}]", 413, "too_large"),
    "too large": (b" " * (8 * 1024 * 1024 + 1), 413, "too_large"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_bodies_are_refused_whole(name: str, door: Door, acacia: Tenant, key: str) -> None:
    body, expected, code = BAD[name]

    status, said = door.post(body, key)

    assert (status, said["code"]) == (expected, code)
    assert said["detail"]
    assert stored(acacia) == []


def test_one_bad_item_is_named_and_the_others_are_stored(
    door: Door, acacia: Tenant, key: str
) -> None:
    rows = [reading(HOUR_AGO + timedelta(seconds=second)) for second in range(30)]
    rows[17]["power_w"] = "x"

    status, said = door.post(rows, key)

    assert (status, said["accepted"], said["rejected"]) == (200, 29, 1)
    assert said["items"] == [
        {
            "item": 17,
            "outcome": "rejected",
            "code": "invalid_type",
            "field": "power_w",
            "detail": "Item 17: “power_w” must be a number with a point and no quotes: 1234.5.",
        }
    ]
    assert len(stored(acacia)) == 29


def test_a_strict_sender_has_one_bad_item_refuse_all(door: Door, acacia: Tenant, key: str) -> None:
    rows = [reading(HOUR_AGO + timedelta(seconds=second)) for second in range(30)]
    rows[17]["power_w"] = "x"

    status, said = door.post(rows, key, query="strict=1")

    assert (status, said["code"]) == (422, "invalid_type")
    assert "17" in said["detail"]
    assert stored(acacia) == []
    assert door.post(rows, key, query="strict=yes")[1]["code"] == "unknown_parameter"


def test_compressed_bodies_are_bounded_and_checked(door: Door, acacia: Tenant, key: str) -> None:
    bomb = gzip.compress(b" " * 200_000_000)
    fine = gzip.compress(json.dumps(reading()).encode())

    answers = [
        door.post(bomb, key, content_encoding="gzip"),
        door.post(b"not gzip", key, content_encoding="gzip"),
        door.post(fine[:-9], key, content_encoding="gzip"),
        door.post(fine + fine, key, content_encoding="gzip"),
        door.post(gzip.compress(fine), key, content_encoding="gzip"),
        door.post(fine, key, content_encoding="br"),
        door.post(fine, key),
    ]

    assert [status for status, _said in answers] == [413, 400, 400, 400, 400, 415, 400]
    assert stored(acacia) == []


def test_only_post_is_taken(door: Door, key: str) -> None:
    assert door.post(reading(), key, method="GET")[0] == 405


def test_the_unit_that_was_meant_is_named(door: Door, key: str) -> None:
    _status, said = door.post(ONE % (AT, b'"power_hp":1.5'), key)

    assert said["detail"] == "Item 0: there is no “power_hp”; send “power_w”, in W."


def test_a_body_that_never_begins_is_not_waited_for(
    door: Door, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lane, "READ_TIMEOUT_S", 0.05)
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        await asyncio.Event().wait()
        raise AssertionError

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    headers = [(b"authorization", b"Bearer " + key.encode()), (b"content-length", b"100")]
    door.run(door.lane({"method": "POST", "headers": headers}, receive, send))

    assert sent[0]["status"] == 408
    assert door.post(reading(), key, content_length="9" * 5_000)[0] == 413


def test_an_odd_item_does_not_keep_the_good_ones_out(door: Door, acacia: Tenant, key: str) -> None:
    good = json.dumps(reading()).encode()
    odd = [
        ONE % (AT, b'"energy_kwh":1e99999999999999999999'),
        ONE % (AT, b'"foo":' + b'{"a":' * 700 + b"1" + b"}" * 700),
        b'{"timestamp":"\\ud800","device_id":"AA:01","power_w":1}',
        ONE % (AT, b'"\\ud800":1'),
    ]

    status, said = door.post(b"[%s]" % b",".join([*odd, good]), key)

    assert (status, said["accepted"], said["rejected"]) == (200, 1, 4)
    assert len(stored(acacia)) == 1
