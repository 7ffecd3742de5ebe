"""Money is an integer of the currency's smallest unit and never travels without its currency."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Final

LARGEST_CENTS: Final = 10**12  # a typed amount above it was mistyped


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in the smallest unit (cents) of `currency` (ISO 4217)."""

    cents: int
    currency: str

    def __add__(self, other: Money) -> Money:
        return Money(self.cents + self._same(other).cents, self.currency)

    def __sub__(self, other: Money) -> Money:
        return Money(self.cents - self._same(other).cents, self.currency)

    def __neg__(self) -> Money:
        return Money(-self.cents, self.currency)

    def _same(self, other: Money) -> Money:
        if other.currency != self.currency:
            raise ValueError(f"cannot combine {other.currency} with {self.currency}")
        return other


def round_half_up(value: Decimal) -> int:
    """The nearest integer; halves go away from zero. A line is rounded once, here."""
    return int(value.quantize(Decimal(1), ROUND_HALF_UP))


def cents_of(units: Decimal) -> int:
    """The whole cents in an amount of currency units, halves up: 19.995 is 2000."""
    return round_half_up(units * 100)


def split(cents: int, weights: Sequence[int]) -> list[int]:
    """`cents` in parts proportional to `weights`, whose sum is exactly `cents`.

    Largest remainder: each part is rounded down, and the cents left over go to the largest
    fractions, the earlier part first. Raises ValueError when no weight is positive.
    """
    whole = sum(weights)
    if whole <= 0 or min(weights) < 0:
        raise ValueError("weights must be non-negative and not all zero")
    sign, amount = (-1, -cents) if cents < 0 else (1, cents)
    shares = [divmod(amount * weight, whole) for weight in weights]
    left = amount - sum(part for part, _ in shares)
    by_fraction = sorted(range(len(shares)), key=lambda index: -shares[index][1])
    lucky = set(by_fraction[:left])
    return [sign * (part + (index in lucky)) for index, (part, _) in enumerate(shares)]
