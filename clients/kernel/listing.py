"""What stands above and below a list: cards that filter, and sums of what is shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from unfold.views import ChangeList

from clients.kernel import show
from clients.kernel.panels import Words


@dataclass(frozen=True, slots=True)
class Card:
    """One choice of the main filter: name, how many rows, what they add up to."""

    name: Words
    count: int
    value: str
    query: str
    is_current: bool
    show_count: bool = False


@dataclass(frozen=True, slots=True)
class Sum:
    """One total of the filtered rows: `emitido R$ 9.333,72`."""

    name: Words
    value: str
    kind: str = ""


def state_cards(
    cl: ChangeList,
    parameter: str,
    states: Sequence[tuple[str, Words]],
    counts: Mapping[str, int],
    cents: Mapping[str, int] | None = None,
    currency: str = "BRL",
) -> list[Card]:
    """Cards for `parameter`, one per state; the empty code stands for all of them."""
    current = cl.params.get(parameter) or cl.filter_params.get(parameter, [""])[0]
    cards = []
    for code, name in states:
        n = counts.get(code, 0) if code else sum(counts.values())
        total = None if cents is None else cents.get(code, 0) if code else sum(cents.values())
        value = show.number(n) if total is None else show.money(total, currency)
        drop = ["p"] if code else [parameter, "p"]
        query = cl.get_query_string({parameter: code} if code else {}, drop)
        cards.append(Card(name, n, value, query, current == code, total is not None))
    return cards
