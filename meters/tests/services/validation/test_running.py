from __future__ import annotations

import random
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from clients.kernel.periods import Period
from clients.kernel.tenancy import acting_for
from clients.models import Tenant
from meters.models import (
    Change,
    Disregarded,
    Edit,
    ExceptionState,
    Interval,
    Meter,
    MeterException,
    Quality,
    Resolution,
    RuleCode,
    ValidationRule,
)
from meters.services.intervals import recompute_all_touched
from meters.services.validation.decisions import (
    accept_exception,
    estimate_exception,
    reopen_exception,
    take_back_edit,
)
from meters.services.validation.rules import set_rule
from meters.services.validation.running import follow_changes, validate_meter, validate_silence
from meters.testing import keep_readings, make_meter, make_metering_point

MONDAY = datetime(2026, 3, 2, 3, tzinfo=UTC)  # midnight in São Paulo
NOON = datetime(2026, 3, 20, 12, tzinfo=UTC)
QUARTER = timedelta(minutes=15)


def power(start: datetime, values: Iterable[float]) -> list[dict[str, Any]]:
    return [
        {"measured_at": start + QUARTER * place, "power_w": float(value)}
        for place, value in enumerate(values)
    ]


def a_day(seed: int = 1) -> list[float]:
    """Ninety-six values that never repeat."""
    dice = random.Random(seed)
    return [500 + dice.random() * 100 for _ in range(96)]


def installed(tenant: Tenant, **fields: Any) -> Meter:
    return make_meter(tenant=tenant, metering_point=make_metering_point(tenant=tenant), **fields)


def judge(tenant: Tenant) -> None:
    recompute_all_touched(tenant.pk)
    while follow_changes(tenant.pk, now=NOON):
        pass


def said(**wanted: Any) -> list[tuple[Any, ...]]:
    rows = MeterException.objects.filter(**wanted).order_by("rule", "starts_at")
    return list(rows.values_list("rule", "starts_at", "ends_at", "values", "state"))


@pytest.mark.commits
def test_a_stuck_meter_is_found_as_its_readings_come(acacia: Tenant) -> None:
    with acting_for(acacia.pk):
        meter = installed(acacia)
        keep_readings(meter, power(MONDAY, a_day()), now=NOON)
        keep_readings(meter, power(MONDAY + timedelta(days=1), [431.5] * 40), now=NOON)

    judge(acacia)

    with acting_for(acacia.pk):
        (row,) = MeterException.objects.filter(rule=RuleCode.STUCK_VALUE)
        assert row.meter == meter
        assert row.starts_at == MONDAY + timedelta(days=1)
        assert row.values == {"power_w": 431.5, "readings": 40.0}
        assert row.state == ExceptionState.OPEN
        assert not Change.objects.filter(follower="validation").exists()


@pytest.mark.commits
def test_validating_again_changes_nothing(acacia: Tenant) -> None:
    with acting_for(acacia.pk):
        meter = installed(acacia)
        keep_readings(meter, power(MONDAY, [*a_day()[:50], *[9.25] * 46]), now=NOON)
    judge(acacia)

    with acting_for(acacia.pk):
        before = list(MeterException.objects.order_by("pk").values())
        validate_meter(meter, Period(MONDAY, MONDAY + timedelta(days=1)), now=NOON + QUARTER)

        assert list(MeterException.objects.order_by("pk").values()) == before
        assert len(before) == 1


@pytest.mark.commits
def test_an_exception_whose_data_came_late_closes_itself(acacia: Tenant) -> None:
    whole = power(MONDAY, a_day())
    with acting_for(acacia.pk):
        meter = installed(acacia, reports_every_seconds=900)
        keep_readings(meter, [*whole[:40], *whole[60:]], now=NOON)
    judge(acacia)
    with acting_for(acacia.pk):
        (gap,) = MeterException.objects.filter(rule=RuleCode.MISSING_INTERVALS)
        assert gap.state == ExceptionState.OPEN
        keep_readings(meter, whole[40:60], now=NOON)

    judge(acacia)

    with acting_for(acacia.pk):
        gap.refresh_from_db()
        assert (gap.state, gap.resolution) == (ExceptionState.RESOLVED, Resolution.HEALED)
        assert gap.decided_at == NOON
        assert gap.decided_by == ""


@pytest.mark.commits
def test_what_a_person_decided_stays_decided(acacia: Tenant) -> None:
    with acting_for(acacia.pk):
        meter = installed(acacia)
        keep_readings(meter, power(MONDAY, [*a_day()[:50], *[9.25] * 20]), now=NOON)
    judge(acacia)
    with acting_for(acacia.pk):
        (row,) = MeterException.objects.filter(rule=RuleCode.STUCK_VALUE)
        accept_exception(row, author="Marina", note="Bomba ligada", now=NOON)
        keep_readings(meter, power(MONDAY + 70 * QUARTER, [9.25] * 10), now=NOON)

    judge(acacia)

    with acting_for(acacia.pk):
        (row,) = MeterException.objects.filter(rule=RuleCode.STUCK_VALUE)
        assert (row.state, row.resolution) == (ExceptionState.RESOLVED, Resolution.ACCEPTED)
        assert (row.decided_by, row.note) == ("Marina", "Bomba ligada")
        assert row.values["readings"] == 30


@pytest.mark.commits
def test_a_rule_that_is_switched_off_asks_nothing(acacia: Tenant) -> None:
    with acting_for(acacia.pk):
        meter = installed(acacia)
        keep_readings(meter, power(MONDAY, [*a_day()[:50], *[9.25] * 20]), now=NOON)
    judge(acacia)

    with acting_for(acacia.pk):
        set_rule(RuleCode.STUCK_VALUE, is_enabled=False, now=NOON)

        (row,) = MeterException.objects.filter(rule=RuleCode.STUCK_VALUE)
        assert row.resolution == Resolution.WITHDRAWN
        validate_meter(meter, Period(MONDAY, MONDAY + timedelta(days=1)), now=NOON)
        row.refresh_from_db()
        assert row.state == ExceptionState.RESOLVED
        assert ValidationRule.objects.count() == 1


@pytest.mark.commits
def test_silence_is_told_once_and_ends_with_the_next_reading(acacia: Tenant) -> None:
    with acting_for(acacia.pk):
        meter = installed(acacia)
        keep_readings(meter, power(MONDAY, a_day()), now=NOON)
    judge(acacia)
    with acting_for(acacia.pk):
        assert validate_silence(meter, now=MONDAY + timedelta(days=2)) == 0
        assert validate_silence(meter, now=MONDAY + timedelta(days=9)) == 1
        assert validate_silence(meter, now=MONDAY + timedelta(days=10)) == 1
        (row,) = MeterException.objects.filter(rule=RuleCode.INACTIVE)
        assert row.starts_at == MONDAY + 95 * QUARTER
        keep_readings(meter, power(MONDAY + timedelta(days=11), [400.0]), now=NOON)

    judge(acacia)

    with acting_for(acacia.pk):
        row.refresh_from_db()
        assert row.resolution == Resolution.HEALED


@pytest.mark.commits
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_same_readings_in_any_batches_give_the_same_exceptions(
    acacia: Tenant, seed: int
) -> None:
    """Two meters, the same data: one all at once, one in pieces of any size and order."""
    values = [
        *a_day(1)[:60], *[7.5] * 30, *a_day(2), *a_day(3)[:20], -400.0, *a_day(4),
        *[33.25] * 130, *a_day(5), 9_000.0, *a_day(6),
    ]  # fmt: skip
    rows = power(MONDAY, values)
    del rows[200:230]
    dice = random.Random(seed)
    pieces, place = [], 0
    while place < len(rows):
        size = dice.randint(5, 90)
        pieces.append(rows[place : place + size])
        place += size
    dice.shuffle(pieces)
    with acting_for(acacia.pk):
        whole, pieced = (installed(acacia, reports_every_seconds=900) for _ in range(2))
        keep_readings(whole, rows, now=NOON)
    judge(acacia)

    for piece in pieces:
        with acting_for(acacia.pk):
            keep_readings(pieced, piece, now=NOON)
            keep_readings(pieced, piece[: len(piece) // 2], now=NOON)
        judge(acacia)

    with acting_for(acacia.pk):
        expected = said(meter=whole, state=ExceptionState.OPEN)
        assert said(meter=pieced, state=ExceptionState.OPEN) == expected
        assert {row[0] for row in expected} >= {"stuck_value", "spike", "missing_intervals"}


@pytest.mark.commits
def test_a_stuck_stretch_is_estimated_and_the_estimate_taken_back(acacia: Tenant) -> None:
    with acting_for(acacia.pk):
        meter = installed(acacia)
        values = [value for seed in range(8) for value in a_day(seed)]
        values[7 * 96 + 20 : 7 * 96 + 44] = [431.5] * 24
        keep_readings(meter, power(MONDAY, values), now=NOON)
    judge(acacia)
    with acting_for(acacia.pk):
        (row,) = MeterException.objects.filter(rule=RuleCode.STUCK_VALUE)
        stretch = Interval.objects.filter(
            meter=meter, starts_at__gte=row.starts_at, starts_at__lt=row.ends_at - QUARTER
        )

        estimate_exception(row, author="Marina", now=NOON)
    judge(acacia)

    with acting_for(acacia.pk):
        row.refresh_from_db()
        assert row.resolution == Resolution.ESTIMATED
        assert {quarter.author for quarter in stretch} == {"Marina"}
        assert {quarter.quality for quarter in stretch} == {Quality.ESTIMATED}
        reopen_exception(row, author="Marina", now=NOON)
    judge(acacia)

    with acting_for(acacia.pk):
        row.refresh_from_db()
        assert row.state == ExceptionState.OPEN
        assert {quarter.quality for quarter in stretch.all()} == {Quality.DERIVED}


@pytest.mark.commits
def test_taking_an_estimate_back_takes_back_the_decision_that_made_it(acacia: Tenant) -> None:
    with acting_for(acacia.pk):
        meter = installed(acacia)
        values = [value for seed in range(8) for value in a_day(seed)]
        values[7 * 96 + 20 : 7 * 96 + 44] = [431.5] * 24
        keep_readings(meter, power(MONDAY, values), now=NOON)
    judge(acacia)
    with acting_for(acacia.pk):
        (row,) = MeterException.objects.filter(rule=RuleCode.STUCK_VALUE)
        stretch = Interval.objects.filter(
            meter=meter, starts_at__gte=row.starts_at, starts_at__lt=row.ends_at - QUARTER
        )
        before = list(stretch.values_list("starts_at", "energy_import_ws", "quality"))
        estimate_exception(row, author="Marina", now=NOON)
    judge(acacia)

    with acting_for(acacia.pk):
        edit = Edit.objects.get()
        reopened = take_back_edit(edit, author="Rui", now=NOON)
        again = take_back_edit(edit, author="Rui", now=NOON)
    judge(acacia)

    with acting_for(acacia.pk):
        row.refresh_from_db()
        assert (reopened, again) == ([row], [])
        assert (row.state, row.resolution) == (ExceptionState.OPEN, "")
        assert not Disregarded.objects.exists()
        assert list(stretch.values_list("starts_at", "energy_import_ws", "quality")) == before
        assert Edit.objects.get().undone_by == "Rui"
