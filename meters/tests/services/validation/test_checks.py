"""Each rule of the catalogue: what it finds, and what it lets pass."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from meters.errors import WrongParameters
from meters.models import MeterKind, RuleCode
from meters.services.validation.catalogue import CATALOGUE, checked
from meters.services.validation.checks import CHECKS
from meters.services.validation.material import (
    Finding,
    Material,
    Quarters,
    Readings,
    no_quarters,
)

SAO_PAULO = ZoneInfo("America/Sao_Paulo")
MONDAY = datetime(2026, 3, 2, 3, tzinfo=UTC)  # midnight there
START = MONDAY.timestamp()
QUARTER, HOUR, DAY = 900, 3_600, 86_400


def found(code: str, material: Material, **changed: float) -> list[Finding]:
    return list(CHECKS[code](material, {**CATALOGUE[code].defaults, **changed}))


def readings(every: float = QUARTER, **columns: Sequence[float | None]) -> Readings:
    """Columns of readings from midnight on; None where nothing was said."""
    size = max(len(values) for values in columns.values())
    at = START + every * np.arange(size, dtype=np.float64)
    return Readings(at, {k: np.array(v, np.float64) for k, v in columns.items()}, at + 1)


def material(
    given: Readings | None = None, quarters: Quarters | None = None, **fields: Any
) -> Material:
    given = given or Readings(np.empty(0))
    return Material(
        **{
            "kind": MeterKind.ENERGY,
            "zone": SAO_PAULO,
            "starts_at": START,
            "ends_at": START + 90 * DAY,
            "readings": given,
            "quarters": quarters or no_quarters(),
            **fields,
        }
    )


def quarters(amounts: Sequence[float | None], estimated: Sequence[int] = ()) -> Quarters:
    size = len(amounts)
    is_estimated = np.zeros(size, bool)
    is_estimated[list(estimated)] = True
    return Quarters(
        (START + QUARTER * np.arange(size)).astype(np.int64),
        np.array(amounts, np.float64),
        np.full(size, float(QUARTER)),
        is_estimated,
    )


def busy(count: int, seed: int = 1) -> list[float]:
    """Values around a thousand that never repeat."""
    dice = random.Random(seed)
    return [1_000 + dice.random() * 50 for _ in range(count)]


def days(*amounts: float) -> list[float | None]:
    """Quarter-hours that add up to so much on each day."""
    return [amount / 96 for amount in amounts for _ in range(96)]


def test_every_rule_of_the_catalogue_has_its_function() -> None:
    assert set(CATALOGUE) == set(CHECKS) == set(RuleCode.values)


@pytest.mark.parametrize("code", RuleCode.values)
def test_a_rule_finds_nothing_where_there_is_nothing(code: str) -> None:
    assert found(code, material()) == []


@pytest.mark.parametrize("code", RuleCode.values)
def test_defaults_are_within_their_own_bounds(code: str) -> None:
    assert checked(code, CATALOGUE[code].defaults) == CATALOGUE[code].defaults
    with pytest.raises(WrongParameters):
        checked(code, {"no_such": 1})


@pytest.mark.parametrize(
    "value", [True, "3", None, float("nan"), float("inf"), -1, 10**12, 10**400], ids=repr
)
def test_a_parameter_is_a_number_within_its_bounds(value: object) -> None:
    with pytest.raises(WrongParameters):
        checked("stuck_value", {"at_least_hours": value})


def test_missing_intervals_are_two_readings_too_far_apart() -> None:
    at = START + QUARTER * np.array([*range(40), *range(48, 80)], np.float64)

    (gap,) = found("missing_intervals", material(Readings(at)))

    assert (gap.starts_at, gap.ends_at) == (START + 39 * QUARTER, START + 48 * QUARTER)
    assert gap.values == {"silent_s": 8_100.0, "expected_every_s": 900.0, "missed": 8.0}


def test_an_hourly_meter_misses_nothing_within_an_hour_or_two() -> None:
    at = START + HOUR * np.array([*range(30), *range(31, 60)], np.float64)

    assert found("missing_intervals", material(Readings(at), sample_s=3_600)) == []


def test_the_expected_distance_goes_before_the_usual_one() -> None:
    at = START + HOUR * np.arange(30, dtype=np.float64)

    gaps = found("missing_intervals", material(Readings(at), reports_every_s=60))

    assert len(gaps) == 29


def test_duplicates_are_told_once_a_day() -> None:
    seconds = START + np.array([60.0, 120.0, DAY + 60.0])

    first, second = found("duplicate", material(second_values=seconds))

    assert first.values == {"second_values": 2.0}
    assert second.starts_at == START + DAY + 60


def test_inactive_is_a_meter_silent_for_days() -> None:
    silent = material(silent_since=START, ends_at=START + 3 * DAY)
    lately = material(silent_since=START, ends_at=START + 3 * DAY - 1)

    assert [f.starts_at for f in found("inactive", silent)] == [START]
    assert found("inactive", lately) == []


def test_interval_size_is_judged_by_day() -> None:
    at = np.concatenate((START + 60 * np.arange(1_440.0), START + DAY + 300 * np.arange(288.0)))

    (day,) = found("interval_size", material(Readings(at), reports_every_s=60))

    assert (day.starts_at, day.ends_at) == (START + DAY, START + 2 * DAY)
    assert day.values == {"usual_every_s": 300.0, "expected_every_s": 60.0}


def test_a_clock_is_ahead_when_readings_come_from_the_future() -> None:
    at = START + QUARTER * np.arange(10, dtype=np.float64)
    received = at + 2.0
    received[4:6] -= 300

    (early,) = found("clock", material(Readings(at, {}, received)))

    assert (early.starts_at, early.ends_at) == (at[4], at[5] + 1)
    assert early.values == {"ahead_s": 298.0, "readings": 2.0}


def test_high_and_low_days_are_those_far_from_the_average() -> None:
    amounts = days(*[10_000] * 10, 31_000, 10_000, 900, 10_000)

    high, low = found("high_low", material(quarters=quarters(amounts)))

    assert high.starts_at == START + 10 * DAY
    assert high.values == {"used_wh": 31_000.0, "usual_wh": 10_000.0}
    assert low.starts_at == START + 12 * DAY


def test_a_day_of_which_half_is_unknown_is_not_low() -> None:
    amounts = [*days(*[10_000] * 10), *[None] * 90, *[10_000 / 96] * 6, *days(10_000)]

    assert found("high_low", material(quarters=quarters(amounts))) == []


def test_an_interval_spike_stands_above_the_third_highest() -> None:
    amounts = [*[100.0] * 94, 110.0, 309.0]

    (spike,) = found("interval_spike", material(quarters=quarters(amounts)))

    assert spike.starts_at == START + 95 * QUARTER
    assert spike.values == {"used_wh": 309.0, "third_highest_wh": 100.0}
    assert found("interval_spike", material(quarters=quarters([*[100.0] * 95, 280.0]))) == []


def test_a_spike_leaves_both_neighbours_and_comes_back() -> None:
    values = busy(96)
    values[40] = 2_000.0
    values[70] = 100.0

    spikes = found("spike", material(readings(power_w=values)))

    assert [f.starts_at for f in spikes] == [START + 40 * QUARTER, START + 70 * QUARTER]
    assert spikes[0].values["power_w"] == 2_000.0


def test_a_level_that_stays_is_no_spike() -> None:
    values = [*busy(50), *[value * 2 for value in busy(46, 2)]]

    assert found("spike", material(readings(power_w=values))) == []


def test_a_value_is_stuck_when_it_repeats_for_hours() -> None:
    values = [*busy(20), *[431.5] * 13, *busy(20, 2)]

    (stuck,) = found("stuck_value", material(readings(power_w=values)))

    assert (stuck.starts_at, stuck.ends_at) == (START + 20 * QUARTER, START + 32 * QUARTER + 1)
    assert stuck.values == {"power_w": 431.5, "readings": 13.0}


@pytest.mark.parametrize(
    "values",
    [[*busy(20), *[431.5] * 12, *busy(20)], [0.0] * 96],
    ids=["less than three hours", "nothing is used"],
)
def test_a_value_that_repeats_is_not_always_stuck(values: list[float]) -> None:
    assert found("stuck_value", material(readings(power_w=values))) == []


def test_a_meter_whose_voltage_or_register_moves_is_not_stuck() -> None:
    steady = [431.5] * 96

    with_voltage = readings(power_w=steady, voltage_l1_v=busy(96))
    with_register = readings(power_w=steady, energy_import_wh=[108.0 * n for n in range(96)])

    assert found("stuck_value", material(with_voltage)) == []
    assert found("stuck_value", material(with_register)) == []


def test_zero_consumption_is_a_day_of_nothing_on_a_meter_in_use() -> None:
    amounts = [*days(*[5_000] * 6), *[0.0] * 96, *days(5_000)]

    (zero,) = found("zero_consumption", material(quarters=quarters(amounts)))

    assert (zero.starts_at, zero.ends_at) == (START + 6 * DAY, START + 7 * DAY)
    assert zero.values == {"zero_s": 86_400.0, "used_days": 6.0}


def test_a_zero_is_explained_by_an_outage_or_by_a_place_that_stands_empty() -> None:
    amounts = [*days(*[5_000] * 6), *[0.0] * 96]
    dead = readings(voltage_l1_v=[*[220.0] * (6 * 96), *[0.0] * 96])
    empty = [*days(5_000), *[0.0] * (8 * 96)]

    assert found("zero_consumption", material(dead, quarters(amounts))) == []
    assert len(found("zero_consumption", material(quarters=quarters(empty)))) == 0


def test_negative_power_is_a_transformer_put_on_backwards() -> None:
    values = [*busy(40), *[-value for value in busy(10)], *busy(40)]

    (below,) = found("negative_consumption", material(readings(power_w=values)))

    assert (below.starts_at, below.ends_at) == (START + 40 * QUARTER, START + 50 * QUARTER)
    assert below.values["readings"] == 10.0


def test_a_solar_system_may_draw_a_little_and_a_meter_with_export_may_give() -> None:
    night = [*[-2.9] * 30, *busy(40), *[-2.9] * 26]
    gives = readings(power_w=[-value for value in busy(96)], energy_export_wh=[7.0] * 96)

    assert found("negative_consumption", material(readings(power_w=night))) == []
    assert found("negative_consumption", material(gives)) == []


def test_prolonged_estimation_is_a_day_of_estimates() -> None:
    amounts = days(5_000, 5_000, 5_000)

    long = material(quarters=quarters(amounts, estimated=range(90, 190)))
    short = material(quarters=quarters(amounts, estimated=range(90, 185)))

    (estimated,) = found("prolonged_estimation", long)
    assert (estimated.starts_at, estimated.ends_at) == (START + 90 * QUARTER, START + 190 * QUARTER)
    assert found("prolonged_estimation", short) == []


def test_the_quarter_hours_of_a_day_add_up_to_the_register() -> None:
    register = [50.0 * n for n in range(97)]
    whole, short = [50.0] * 96, [50.0] * 90 + [20.0] * 6

    (missed,) = found("sum_check", material(readings(energy_import_wh=register), quarters(short)))

    assert missed.values == {"intervals_wh": 4_600.0, "register_wh": 4_750.0}
    fine = material(readings(energy_import_wh=register), quarters(whole))
    assert found("sum_check", fine) == []


def test_a_sum_that_a_register_event_explains_is_not_asked_about() -> None:
    register = readings(energy_import_wh=[50.0 * n for n in range(97)])
    event = ((START + HOUR, START + 2 * HOUR),)

    explained = material(register, quarters([40.0] * 96), explained=event)

    assert found("sum_check", explained) == []


def test_a_wrong_multiplier_shows_in_power_against_the_register() -> None:
    register = [250.0 * n for n in range(96)]

    (wrong,) = found(
        "multiplier", material(readings(power_w=[10_000.0] * 96, energy_import_wh=register))
    )

    assert wrong.values["times"] == 10.0
    fine = material(readings(power_w=[1_000.0] * 96, energy_import_wh=register))
    assert found("multiplier", fine) == []


def test_a_scale_jump_is_a_power_of_ten_from_one_day_to_the_next() -> None:
    jump = days(*[5_000, 5_400, 4_900, 5_100, 5_000, 5_200], 51_000, 50_000)
    more = days(*[5_000, 5_400, 4_900, 5_100, 5_000, 5_200], 15_000)

    first, *_rest = found("scale_jump", material(quarters=quarters(jump)))

    assert (first.starts_at, first.values["times"]) == (START + 6 * DAY, 10.0)
    assert found("scale_jump", material(quarters=quarters(more))) == []


@pytest.mark.parametrize(
    ("name", "right", "wrong"),
    [
        ("voltage_l1_v", 0.0, 1_270.0),
        ("voltage_l1_v", 127.0, 12.7),
        ("frequency_hz", 60.1, 600.0),
        ("power_factor", -0.92, 92.0),
    ],
)
def test_values_that_their_unit_does_not_allow(name: str, right: float, wrong: float) -> None:
    values = [*[right] * 10, *[wrong] * 3, *[right] * 10]

    (bad,) = found("plausibility", material(readings(**{name: values})))

    assert (bad.starts_at, bad.ends_at) == (START + 10 * QUARTER, START + 12 * QUARTER + 1)
    assert bad.values == {name: wrong, "readings": 3.0}


def test_an_hour_far_from_the_same_hour_of_similar_days() -> None:
    day = [100.0 + 10 * (n // 4) for n in range(96)]
    amounts = [*day * 10]
    amounts[9 * 96 + 40 : 9 * 96 + 48] = [20.0] * 8

    (low,) = found("dynamic_comparison", material(quarters=quarters(amounts)))

    assert (low.starts_at, low.ends_at) == (
        START + 9 * DAY + 10 * HOUR,
        START + 9 * DAY + 12 * HOUR,
    )
    assert low.values["direction"] == "below"


@pytest.mark.parametrize(("odd", "flagged"), [(25.0, 0), (110.0, 0), (800.0, 1)])
def test_an_hour_that_is_off_by_little_is_no_anomaly(odd: float, flagged: int) -> None:
    """22 W in each hour of the night, whose spread is nearly nothing."""
    amounts = [5.5 if n % 96 < 24 else 60.0 for n in range(96 * 10)]
    amounts[9 * 96 + 8 : 9 * 96 + 12] = [odd / 4] * 4

    findings = found("dynamic_comparison", material(quarters=quarters(amounts)))

    assert len(findings) == flagged
    assert [set(f.values) >= {"spreads", "usual_w", "worst_w"} for f in findings] == [
        True
    ] * flagged


def test_a_sunday_is_compared_with_days_of_rest() -> None:
    """Working days use a lot, weekends little: no weekend is an anomaly once one is known."""
    week = [*days(*[9_600] * 5), *days(*[96, 96])]

    flagged = found("dynamic_comparison", material(quarters=quarters(week * 4)))

    assert {(f.starts_at - START) // DAY for f in flagged} <= {5, 6, 12, 13}


def test_a_phase_is_silent_while_the_others_speak() -> None:
    third = [*[220.0] * 40, *[0.0] * 8, *[None] * 4, *[220.0] * 40]

    (dead,) = found(
        "silent_phase",
        material(
            readings(voltage_l1_v=[220.0] * 92, voltage_l2_v=[221.0] * 92, voltage_l3_v=third)
        ),
    )

    assert (dead.starts_at, dead.ends_at) == (START + 40 * QUARTER, START + 52 * QUARTER)
    assert dead.values == {"phase": "voltage_l3_v", "voltage_l3_v": 0.0, "highest_v": 221.0}


def test_a_phase_that_a_meter_never_had_is_not_silent() -> None:
    two = readings(voltage_l1_v=[220.0] * 92, voltage_l2_v=[221.0] * 92, voltage_l3_v=[0.0] * 92)

    assert found("silent_phase", material(two)) == []


def test_a_quarter_hour_uses_no_more_than_the_meter_carries() -> None:
    amounts = [*[500.0] * 10, 3_000.0, 2_800.0, *[500.0] * 10]

    (over,) = found("demand_limit", material(quarters=quarters(amounts), limit=10_000))

    assert (over.starts_at, over.ends_at) == (START + 10 * QUARTER, START + 12 * QUARTER)
    assert over.values == {"highest_w": 12_000.0, "limit_w": 10_000.0}
    assert found("demand_limit", material(quarters=quarters(amounts))) == []


def test_a_register_that_falls_is_told_unless_somebody_said_why() -> None:
    fell = readings(energy_import_wh=[100.0, 200.0, 5.0, 50.0])
    event = ((START + QUARTER, START + 2 * QUARTER),)

    (fall,) = found("register_fall", material(fell))

    assert fall.values == {"register": "energy_import_wh", "before": 200.0, "after": 5.0}
    assert found("register_fall", material(fell, explained=event)) == []


def test_local_days_have_23_and_25_hours_where_clocks_change() -> None:
    rome = material(zone=ZoneInfo("Europe/Rome"))
    spring = (date(2026, 3, 29) - date(1970, 1, 1)).days

    lengths = [rome.instant(day + 1) - rome.instant(day) for day in (spring - 1, spring)]

    assert lengths == [DAY, 23 * HOUR]


@pytest.mark.parametrize("code", RuleCode.values)
def test_a_verdict_does_not_depend_on_data_that_comes_much_later(code: str) -> None:
    """What was judged of a stretch stays true when weeks are added after it."""
    make: Callable[[int], list[float]] = lambda n: busy(n)  # noqa: E731 - the same values again
    values = make(96 * 60)
    values[500:530] = [7.5] * 30
    values[700] = 9_000.0
    values[900:905] = [-500.0] * 5

    def judged(count: int) -> list[tuple[float, float]]:
        whole = readings(power_w=values[:count], energy_import_wh=[float(n) for n in range(count)])
        amounts = [value / 4 for value in values[:count]]
        stretch = material(whole, quarters(amounts), reports_every_s=900, limit=2_000)
        until = START + 30 * timedelta(days=1).total_seconds()
        return [(f.starts_at, f.ends_at) for f in found(code, stretch) if f.ends_at < until]

    assert judged(96 * 32) == judged(96 * 60)
