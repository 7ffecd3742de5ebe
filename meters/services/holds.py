"""Who needs raw readings to stay: a registry that apps above fill.

A holder is a function that tells, for the open tenant, which readings it stands on. Billing holds
what issued invoices were made of until 12 months after they are paid.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from clients.kernel.periods import Period


@dataclass(frozen=True, slots=True)
class Hold:
    """Readings of a meter from `starts_at` (in) to `ends_at` (out), and why they must stay.

    `since` is when they were relied upon; what came later is not part of it. `until` is when the
    hold ends by itself, if that is known already.
    """

    meter_id: int
    starts_at: datetime
    ends_at: datetime
    reason: str
    since: datetime
    until: datetime | None = None


# Holds that touch the period; of these meters only, unless it is None. Asked in the tenant's scope.
Holder = Callable[[Period, Collection[int] | None, datetime], Iterable[Hold]]
HOLDS: Final[dict[str, Holder]] = {}


def holds_on(
    period: Period, meter_ids: Collection[int] | None, *, now: datetime
) -> list[tuple[str, Hold]]:
    """Every hold on readings of the period, with its holder's name."""
    return [
        (name, hold) for name, holder in HOLDS.items() for hold in holder(period, meter_ids, now)
    ]
