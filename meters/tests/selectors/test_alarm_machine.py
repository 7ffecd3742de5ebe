"""What rings and what does not, told by samples alone."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meters.selectors.alarm_machine import (
    Cleared,
    Condition,
    Hours,
    Memory,
    Raised,
    Transition,
    run,
)
from meters.selectors.alarm_samples import Series, rates

START = datetime(2026, 3, 10, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
SAO_PAULO = ZoneInfo("America/Sao_Paulo")


def at(minute: float) -> datetime:
    return START + MINUTE * minute


def told(condition: Condition, *values: float, minutes: Sequence[float] = ()) -> list[Transition]:
    times = [at(minute) for minute in (minutes or range(len(values)))]
    return run(condition, Memory(), times, values)


def test_it_rings_when_the_condition_held_long_enough() -> None:
    condition = Condition("<", 198.0, holds=5 * MINUTE)

    found = told(condition, 220, 197, 196, 197, 195, 197, 197, 190, 220)

    assert found == [
        Raised(at(6), since=at(1), value=197, extreme=195),
        Cleared(at(8), value=220, extreme=190),
    ]


def test_one_good_sample_ends_the_count() -> None:
    assert told(Condition("<", 198.0, holds=3 * MINUTE), 197, 197, 199, 197, 197, 197) == []


def test_a_gap_says_nothing_about_what_was_in_between() -> None:
    condition = Condition("<", 198.0, holds=5 * MINUTE, patience=2 * MINUTE)

    found = told(condition, *[190] * 7, minutes=[0, 1, 10, 11, 12, 14, 15])

    assert found == [Raised(at(15), since=at(10), value=190, extreme=190)]


def test_a_gap_does_not_end_an_alarm() -> None:
    condition = Condition(">", 10.0, patience=MINUTE)

    assert told(condition, 11, 12, minutes=[0, 600]) == [Raised(at(0), at(0), 11, 11)]


def test_hysteresis_keeps_a_trembling_value_from_ringing_again() -> None:
    shaky = [9, 11, 9.5, 11, 9.5, 8.9, 11]

    assert len(told(Condition(">", 10.0), *shaky)) == 5
    assert told(Condition(">", 10.0, hysteresis=1.0), *shaky) == [
        Raised(at(1), at(1), 11, 11),
        Cleared(at(5), 8.9, 11),
        Raised(at(6), at(6), 11, 11),
    ]


@pytest.mark.parametrize(
    ("operator", "bad", "good"),
    [
        (">", [10.1], [10.0, 9]),
        (">=", [10.0, 11], [9.9]),
        ("<", [9.9], [10.0, 11]),
        ("<=", [10.0, 9], [10.1]),
        ("==", [10.0], [9.9, 10.1]),
        ("!=", [9.9, 10.1], [10.0]),
    ],
)
def test_the_six_comparisons(operator: str, bad: list[float], good: list[float]) -> None:
    condition = Condition(operator, 10.0)

    for value in bad:
        assert told(condition, value) == [Raised(at(0), at(0), value, value)]
        for end in good:
            assert told(condition, value, end)[1] == Cleared(at(1), end, value)
    for value in good:
        assert told(condition, value) == []


def test_outside_its_hours_a_rule_sleeps_and_its_alarm_ends() -> None:
    night = Hours(SAO_PAULO, start=time(22), end=time(6))
    condition = Condition(">", 10.0, hours=night)
    six = datetime(2026, 3, 10, 6, tzinfo=SAO_PAULO)
    times = [six - MINUTE, six, six + timedelta(hours=16)]

    found = run(condition, Memory(), times, [11, 11, 11])

    assert found == [
        Raised(times[0], times[0], 11, 11),
        Cleared(times[1], 11, 11, reason="schedule"),
        Raised(times[2], times[2], 11, 11),
    ]


def test_a_night_belongs_to_the_day_on_which_it_began() -> None:
    friday_night = Hours(SAO_PAULO, frozenset({4}), time(22), time(6))

    friday = datetime(2026, 3, 13, tzinfo=SAO_PAULO)
    assert [friday_night.cover(friday + timedelta(hours=h)) for h in (5, 21, 23, 29, 31)] == [
        False,
        False,
        True,
        True,
        False,
    ]


def test_a_rate_compares_with_the_value_before_the_window() -> None:
    series = Series([at(minute) for minute in (0, 5, 10, 15, 60)], [1.0, 2.0, 4.0, 4.0, 9.0])

    found = rates(series, 10 * MINUTE)

    assert (found.times, found.values) == ([at(10), at(15)], [3.0, 2.0])


CONDITIONS = st.builds(
    Condition,
    operator=st.sampled_from([">", ">=", "<", "<=", "==", "!="]),
    threshold=st.integers(-2, 2).map(float),
    holds=st.integers(0, 6).map(lambda n: n * MINUTE),
    hysteresis=st.sampled_from([0.0, 0.5, 1.0]),
    patience=st.integers(1, 5).map(lambda n: n * MINUTE),
    hours=st.sampled_from(
        [None, Hours(SAO_PAULO, start=time(9, 10), end=time(9, 40)), Hours(SAO_PAULO, frozenset())]
    ),
)
SAMPLES = st.lists(
    st.tuples(st.integers(0, 120), st.integers(-3, 3).map(float)),
    unique_by=lambda sample: sample[0],
    max_size=60,
).map(sorted)


@settings(max_examples=300, deadline=None)
@given(CONDITIONS, SAMPLES, st.lists(st.integers(0, 60), max_size=8))
def test_any_batches_of_the_same_samples_tell_the_same(
    condition: Condition, samples: list[tuple[int, float]], cuts: list[int]
) -> None:
    times, values = [at(minute) for minute, _ in samples], [value for _, value in samples]
    memory, whole, parts = Memory(), Memory(), []
    edges = sorted({0, len(samples), *(cut for cut in cuts if cut < len(samples))})

    one_by_one = [
        found
        for first, last in itertools.pairwise(edges)
        for found in run(condition, memory, times[first:last], values[first:last])
    ]
    parts = run(condition, whole, times, values)

    assert one_by_one == parts
    assert memory == whole
    assert [type(found) for found in parts] == [Raised, Cleared] * (len(parts) // 2) + [Raised] * (
        len(parts) % 2
    )
