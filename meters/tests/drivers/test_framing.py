from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meters.drivers.base import BadReply, Unreachable
from meters.drivers.framing import (
    IllegalAddress,
    MbapFraming,
    Question,
    RtuFraming,
    checksum,
)

FIRST_VOLTAGE = Question(unit=1, function=4, start=0, count=2, number=7)
ANSWER = bytes.fromhex("01 04 04 43 66 33 34 1B 38")  # 230.2 V, from Eastron's own document


def test_the_question_and_its_checksum_are_as_in_the_vendors_document() -> None:
    assert RtuFraming().wrap(FIRST_VOLTAGE) == bytes.fromhex("01 04 00 00 00 02 71 CB")
    assert checksum(ANSWER[:-2]) == ANSWER[-2:]


def test_an_answer_comes_whole_or_in_any_pieces_behind_any_noise() -> None:
    @given(noise=st.binary(max_size=20), cut=st.integers(0, 30))
    def check(noise: bytes, cut: int) -> None:
        framing, arrived = RtuFraming(), bytearray()
        stream = noise + ANSWER
        found = None
        for part in (stream[:cut], stream[cut:]):
            arrived += part
            found = framing.take(arrived, FIRST_VOLTAGE) or found
        assert found == [0x4366, 0x3334]

    check()


def test_an_adapter_that_hears_itself_is_understood() -> None:
    framing = RtuFraming()
    arrived = bytearray(framing.wrap(FIRST_VOLTAGE) + ANSWER)
    assert framing.take(arrived, FIRST_VOLTAGE) == [0x4366, 0x3334]


def test_a_wrong_checksum_is_no_answer() -> None:
    spoilt = bytearray(ANSWER)
    spoilt[4] ^= 1
    assert RtuFraming().take(spoilt, FIRST_VOLTAGE) is None


def test_another_units_answer_is_passed_over() -> None:
    other = bytes.fromhex("02 04 04 00 00 00 00")
    arrived = bytearray(other + checksum(other) + ANSWER)
    assert RtuFraming().take(arrived, FIRST_VOLTAGE) == [0x4366, 0x3334]


def test_a_late_answer_is_never_taken_for_another_question() -> None:
    late = bytes.fromhex("0006 0000 0007 01 04 04 1111 2222")
    mine = bytes.fromhex("0007 0000 0007 01 04 04 4366 3334")
    framing, arrived = MbapFraming(), bytearray(late)
    assert framing.take(arrived, FIRST_VOLTAGE) is None
    arrived += mine
    assert framing.take(arrived, FIRST_VOLTAGE) == [0x4366, 0x3334]


def test_a_foreign_protocol_is_noticed_at_once() -> None:
    with pytest.raises(BadReply) as refused:
        MbapFraming().take(bytearray(b"SSH-2.0-OpenSSH_9.6\r\n"), FIRST_VOLTAGE)
    assert refused.value.error_code == "not_modbus"


@pytest.mark.parametrize(
    ("code", "kind", "error"),
    [
        (1, BadReply, "illegal_function"),
        (2, IllegalAddress, "illegal_address"),
        (4, BadReply, "device_failure"),
        (6, BadReply, "device_busy"),
    ],
)
def test_exceptions_have_names(code: int, kind: type[BadReply], error: str) -> None:
    body = bytes([1, 0x84, code])
    with pytest.raises(kind) as refused:
        RtuFraming().take(bytearray(body + checksum(body)), FIRST_VOLTAGE)
    assert refused.value.error_code == error


def test_a_gateway_that_finds_no_device_means_that_nobody_answers() -> None:
    for code in (10, 11):
        with pytest.raises(Unreachable):
            MbapFraming().take(bytearray(bytes([0, 7, 0, 0, 0, 3, 1, 0x84, code])), FIRST_VOLTAGE)
