from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from meters.errors import BadReadings
from meters.services.bodies import read_body

AT = "2026-03-10T01:00:00Z"
GOOD = json.dumps({"measured_at": AT, "meter": "AA:01", "power_w": 1.5})
ODD = {
    "an exponent beyond any number": ('"energy_kwh":1e99999999999999999999', "out_of_range"),
    "one below any number": ('"voltage":1e-99999999999999999999', "out_of_range"),
    "objects in objects": ('"foo":' + '{"a":' * 700 + "1" + "}" * 700, "unknown_field"),
    "lists in extra": ('"extra":{"a":' + "[" * 700 + "]" * 700 + "}", "invalid_type"),
    "half a surrogate pair": ('"extra":{"a":"\\ud800"}', "invalid_reading"),
    "a name with one": ('"energy_kwh":1,"a\\ud800":1', "invalid_reading"),
    "a name with one, twice": ('"\\ud800":1,"\\ud800":1', "repeated_field"),
    "no number": ('"power_w":NaN', "malformed"),
    "an endless number": ('"power_w":1,"extra":{"a":1e400}', "out_of_range"),
    "a whole one": ('"power_w":1,"extra":{"a":' + "9" * 5_000 + "}", "out_of_range"),
    "a long number as the meter": ('"power_w":1,"meter":' + "9" * 21, "invalid_type"),
    "more power than there is": ('"power_w":2e11', "out_of_range"),
    "more flow than any pipe lets through": ('"flow_l_per_s":1e9', "out_of_range"),
    "a little below zero": ('"energy_kwh":-0.0001', "out_of_range"),
    "a name twice, with a long number": (
        '"power_w":1,"power_w":2,"extra":{"a":' + "1" * 4_500 + "}",
        "repeated_field",
    ),
}


@pytest.mark.parametrize("name", ODD)
@pytest.mark.parametrize("form", ["list", "envelope", "lines"])
def test_an_odd_item_is_named_and_the_good_ones_are_understood(name: str, form: str) -> None:
    inside, code = ODD[name]
    odd = f'{{"measured_at":"{AT}",{inside}}}'
    items = [GOOD, odd, GOOD.replace("01:00", "02:00")]
    bodies = {
        "list": "[" + ",".join(items) + "]",
        "envelope": '{"readings": [' + ",".join(items) + "] }",
        "lines": "\n".join(items),
    }

    said = read_body(bodies[form].encode())

    assert list(said.items) == [0, 2]
    assert {item: fault.error_code for item, fault in said.faults.items()} == {1: code}
    str(said.faults[1]).encode()  # as an answer says it


def test_a_time_that_is_no_text_is_named() -> None:
    odd = '{"timestamp":"\\ud800","device_id":"AA:01","energy_kwh":1}'

    said = read_body(f"[{odd},{GOOD}]".encode())

    assert {item: fault.error_code for item, fault in said.faults.items()} == {0: "invalid_reading"}
    assert list(said.items) == [1]


def test_bytes_that_are_no_text_cost_their_item_alone() -> None:
    body = f"[ {GOOD} ,{GOOD.replace('01:00', '02:00')} , {GOOD}]".encode()

    said = read_body(body.replace(b"T02:00", b"T\xff2:00"))

    assert (list(said.items), list(said.faults)) == ([0, 2], [1])


@pytest.mark.parametrize("body", ["[%s,]", "[%s %s]", "[%s", "[%s]]", '{"readings":[%s]', "[,%s]"])
def test_a_list_that_is_none_is_refused_whole(body: str) -> None:
    with pytest.raises(BadReadings) as refused:
        read_body(body.replace("%s", GOOD).encode())

    assert refused.value.error_code == "malformed"


@pytest.mark.parametrize(
    "body",
    [
        '{"readings":[%s],"readings":[%s]}',
        '{"readings":[%s], "read\\u0069ngs" : [%s] }',
        '{"readings":[%s],"readings":[{}, %s]}',
    ],
)
def test_an_envelope_with_two_lists_is_refused_whole(body: str) -> None:
    with pytest.raises(BadReadings) as refused:
        read_body((body % (GOOD, GOOD.replace("01:00", "02:00"))).encode())

    assert refused.value.error_code == "repeated_field"


def test_a_carriage_return_does_not_hide_a_name_said_twice() -> None:
    twice = '{"measured_at":"AT","meter":"AA:01",\r"power_w":1,\r"power_w":2}'.replace("AT", AT)

    said = read_body(f"{twice}\r\n\r\n{GOOD}\r\n".encode())

    assert {item: fault.error_code for item, fault in said.faults.items()} == {0: "repeated_field"}
    assert list(said.items) == [1]


@pytest.mark.parametrize("value", ["-0.0", "0", "0.0004"])
def test_next_to_nothing_is_zero(value: str) -> None:
    said = read_body(f'{{"unix": 1790000000, "energy_kwh": {value}}}'.encode())

    assert said.samples.column(0) == [0]


def test_long_numbers_are_kept_as_they_were_written() -> None:
    body: dict[str, Any] = {"unix": 1_790_000_000, "power_w": 1, "extra": {"a": 10**40}}

    said = read_body(json.dumps(body).encode(), now=datetime(2026, 11, 1, tzinfo=UTC))

    assert said.samples.row(0) == [1.0, {"a": 1e40}]
