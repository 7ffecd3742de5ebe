from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clients.kernel.money import Money, cents_of, round_half_up, split

CENTS = st.integers(-(10**15), 10**15)


def test_money_of_two_currencies_does_not_mix() -> None:
    with pytest.raises(ValueError, match="cannot combine USD with BRL"):
        Money(1, "BRL") + Money(1, "USD")
    assert Money(500, "BRL") - Money(200, "BRL") + -Money(1, "BRL") == Money(299, "BRL")


@pytest.mark.parametrize(
    ("value", "rounded"),
    [("0.5", 1), ("-0.5", -1), ("1.5", 2), ("2.5", 3), ("2.4999999999", 2), ("-2.5", -3), ("0", 0)],
)
def test_halves_go_away_from_zero(value: str, rounded: int) -> None:
    assert round_half_up(Decimal(value)) == rounded


@pytest.mark.parametrize(
    ("units", "cents"), [("19.995", 2000), ("0.004", 0), ("1234567.89", 123456789)]
)
def test_cents_of_an_amount(units: str, cents: int) -> None:
    assert cents_of(Decimal(units)) == cents


@given(CENTS, st.lists(st.integers(0, 10**9), min_size=1, max_size=20).filter(any))
def test_parts_add_up_and_are_within_a_cent_of_their_share(cents: int, weights: list[int]) -> None:
    parts = split(cents, weights)
    assert sum(parts) == cents
    for part, weight in zip(parts, weights, strict=True):
        assert abs(part - Decimal(cents) * weight / sum(weights)) < Decimal("1.0001")
        assert weight or part == 0


def test_the_cent_left_over_goes_to_the_largest_fraction() -> None:
    assert split(100, [1, 1, 1]) == [34, 33, 33]
    assert split(-100, [1, 1, 1]) == [-34, -33, -33]
    assert split(5, [3, 7]) == [2, 3]


@pytest.mark.parametrize("weights", [[], [0, 0], [1, -1]])
def test_weights_that_say_nothing_are_refused(weights: list[int]) -> None:
    with pytest.raises(ValueError, match="weights must be"):
        split(100, weights)
