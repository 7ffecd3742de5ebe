"""What a register did, against what really happened to it; no database."""

from __future__ import annotations

from fractions import Fraction
from itertools import accumulate
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meters.models import EventKind
from meters.services.detection import (
    EXCURSIONS,
    HISTORY_S,
    Explained,
    Found,
    Known,
    Limits,
    explain,
)
from meters.tests.physics import HOUR_S, MOST_W, History, histories

DAYS: Final = 10
EXAMPLES: Final = settings(max_examples=100, deadline=None, derandomize=True)
FOREVER: Final = float("inf")


def limits_of(history: History) -> Limits:
    rate = MOST_W / HOUR_S
    return Limits(rate, rate, history.register.step, history.register.modulus)


def explained(history: History) -> Explained:
    return explain(history.seconds, history.values, limits_of(history))


def stored(found: Found, *, is_decided: bool = False) -> Known:
    return Known(
        found.kind, found.starts, found.ends, found.offset, found.factor, is_decided=is_decided
    )


def booked(found: Explained) -> Fraction:
    return sum((Fraction(step.used or 0) for step in found.steps), start=Fraction(0))


@EXAMPLES
@given(history=histories(DAYS))
def test_events_are_what_happened(history: History) -> None:
    found = explained(history)

    assert [(e.kind, e.starts, e.ends, e.factor) for e in found.events] == [
        (e.kind, e.starts, e.ends, e.factor) for e in history.explanations
    ]


@EXAMPLES
@given(history=histories(DAYS))
def test_what_is_booked_is_what_flowed(history: History) -> None:
    found = explained(history)

    assert abs(booked(found) - history.used) <= history.tolerance


@EXAMPLES
@given(history=histories(DAYS))
def test_steps_join_without_hole_and_none_is_more_than_can_flow(history: History) -> None:
    found, limits = explained(history), limits_of(history)

    assert [step.starts for step in found.steps[1:]] == [step.ends for step in found.steps[:-1]]
    assert (found.steps[0].starts, found.steps[-1].ends) == (
        history.seconds[0],
        history.seconds[-1],
    )
    coarsest = max(history.tolerance, limits.step)
    for step in found.steps:
        most = limits.rate * (step.ends - step.starts) + coarsest
        assert step.used is not None
        assert 0 <= step.used <= most


@EXAMPLES
@given(history=histories(DAYS), data=st.data())
def test_what_is_stored_in_any_order_is_found_again(history: History, data: st.DataObject) -> None:
    found = explained(history)
    is_decided = data.draw(st.booleans())
    known = [stored(event, is_decided=is_decided) for event in found.events]
    # What a person confirmed to be wrong is not even looked at again.
    expected = [event for event in found.events if not (is_decided and event.kind in EXCURSIONS)]

    again = explain(
        history.seconds,
        history.values,
        limits_of(history),
        known=data.draw(st.permutations(known)),
        given_until=data.draw(st.sampled_from([-FOREVER, FOREVER])),
    )

    assert again.steps == found.steps
    assert [stored(event) for event in again.events] == [stored(event) for event in expected]


@EXAMPLES
@given(history=histories(DAYS), data=st.data())
def test_a_part_says_what_the_whole_says(history: History, data: st.DataObject) -> None:
    whole = explained(history)
    first = data.draw(st.sampled_from(whole.steps)).starts
    place = history.seconds.index(int(first))
    known = [stored(event) for event in whole.events if event.ends > first]
    scale = Fraction(1)
    for event in whole.events:
        if event.ends <= first:
            scale *= event.factor

    part = explain(
        history.seconds[place:],
        history.values[place:],
        limits_of(history),
        known=known,
        scale=scale,
        given_until=first + HISTORY_S,
    )

    assert part.steps == [step for step in whole.steps if step.starts >= first]
    assert part.events == [event for event in whole.events if event.starts >= first]


@st.composite
def nonsense(draw: st.DrawFn) -> tuple[list[int], list[int]]:
    """Readings of a register that does whatever it likes."""
    waits = st.sampled_from([1, 60, 900, 3_600, 9_000, 100_000, 180_000, 4_000_000])
    values = st.integers(0, 20_000) | st.sampled_from([0, 9_999, 10**9])
    seconds = list(accumulate(draw(st.lists(waits, min_size=1, max_size=25)), initial=0))
    return seconds, draw(st.lists(values, min_size=len(seconds), max_size=len(seconds)))


@settings(EXAMPLES, max_examples=400)
@given(readings=nonsense(), digits=st.sampled_from([None, 4, 5]))
def test_whatever_a_register_says_no_more_is_booked_than_can_flow(
    readings: tuple[list[int], list[int]], digits: int | None
) -> None:
    seconds, values = readings
    limits = Limits(5.0, 1.0, modulus=10**digits if digits else None)

    found = explain(seconds, values, limits)

    assert found == explain(seconds, values, limits)
    assert [step.starts for step in found.steps[1:]] == [step.ends for step in found.steps[:-1]]
    assert found.steps[-1].ends == seconds[-1]
    scale = max([Fraction(1), *(event.factor for event in found.events)]) ** len(found.events)
    for step in found.steps:
        window = step.ends - step.starts + HISTORY_S
        assert 0 <= (step.used or 0) <= limits.rate * window + limits.step * scale


@pytest.mark.parametrize(
    ("registers", "kind", "wh"),
    [
        ((9_000, 9_990, 15), EventKind.ROLLOVER, 990 + 25),
        ((5_000, 5_990, 15), EventKind.RESET, 990 + 15),
        # What lacks to the end is possible, but as likely it never flowed.
        ((7_500, 8_490, 15), EventKind.DROP, 990),
    ],
)
def test_a_fall_near_the_end_is_a_rollover_only_when_little_lacks(
    registers: tuple[int, ...], kind: EventKind, wh: int
) -> None:
    limits = Limits(rate=10.0, from_zero=0.1, modulus=10_000)

    found = explain((0, 900, 1_800), registers, limits)

    assert [event.kind for event in found.events] == [kind]
    assert booked(found) == wh
