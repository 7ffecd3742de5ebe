"""What a register does besides counting up, and what people say about it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from clients.kernel.periods import Period
from clients.kernel.tenancy import acting_for
from clients.models import Tenant
from meters.errors import BadDecision, BadEdit, Doubtful, NotServingYet
from meters.models import (
    DayTotal,
    Edit,
    Estimate,
    EventKind,
    EventState,
    Interval,
    Meter,
    RegisterEvent,
)
from meters.selectors.energy import metered_energy
from meters.services import intervals
from meters.services.disregarding import disregard_readings, regard_again
from meters.services.editing import edit_interval, estimate_gap, undo_edit
from meters.services.installations import (
    change_multiplier,
    exchange_meter,
    install_meter,
    remove_meter,
)
from meters.services.intervals import recompute_all_touched
from meters.services.register_events import (
    confirm_event,
    correct_event,
    reopen_event,
    would_book,
)
from meters.testing import keep_readings, make_meter, make_metering_point, make_site, register_rows

pytestmark = pytest.mark.commits
MIDNIGHT = datetime(2026, 3, 10, 3, tzinfo=UTC)  # 00:00 in São Paulo
QUARTER = timedelta(minutes=15)
NOW = datetime(2026, 4, 1, tzinfo=UTC)
DAY = Period(MIDNIGHT, MIDNIGHT + timedelta(days=1))


def new_meter(tenant: Tenant, **fields: Any) -> Meter:
    with acting_for(tenant.pk):
        point = make_metering_point(tenant=tenant)
        return make_meter(tenant=tenant, metering_point=point, **fields)


def used(tenant: Tenant, meter: Meter, registers: list[int], start: datetime = MIDNIGHT) -> int:
    """Wh of all intervals, after these readings."""
    keep_readings(meter, register_rows(start, registers), now=NOW)
    return total(tenant, meter)


def total(tenant: Tenant, meter: Meter) -> int:
    recompute_all_touched(tenant.pk)
    with acting_for(tenant.pk):
        found = Interval.objects.filter(meter=meter).values_list("energy_import_ws", flat=True)
        return sum(value or 0 for value in found) // 3_600


def events(tenant: Tenant, meter: Meter) -> list[tuple[Any, ...]]:
    with acting_for(tenant.pk):
        rows = RegisterEvent.objects.filter(meter=meter).order_by("starts_at")
        return list(
            rows.values_list("kind", "value_before", "value_between", "value_after", "left_out")
        )


@pytest.mark.parametrize(
    ("registers", "wh", "event"),
    [
        ([9_900, 9_950, 20, 70], 170, ("rollover", 9_950, None, 20, 0)),
        ([5_000, 5_040, 0, 30], 70, ("reset", 5_040, None, 0, 0)),
        ([5_000, 5_010, 0, 5_020, 5_030], 30, ("dip", 5_010, 0, 5_020, 1)),
        ([5_000, 5_010, 5_009, 5_020], 20, ("dip", 5_010, 5_009, 5_020, 1)),
        ([5_000, 5_010, 2_400, 2_401, 5_020], 20, ("dip", 5_010, 2_400, 5_020, 2)),
        ([5_000, 5_010, 900_000, 5_020], 20, ("spike", 5_010, 900_000, 5_020, 1)),
        ([5_000, 5_010, 4_000, 4_010], 20, ("drop", 5_010, None, 4_000, 0)),
        ([5_000, 5_010, 90_000, 90_010], 20, ("jump", 5_010, None, 90_000, 0)),
    ],
)
def test_what_a_register_does_is_explained_and_counted(
    acacia: Tenant, registers: list[int], wh: int, event: tuple[Any, ...]
) -> None:
    meter = new_meter(acacia, digits=4, max_power_w=10_000)

    assert used(acacia, meter, registers) == wh

    assert events(acacia, meter) == [event]


def test_another_unit_is_known_by_value_and_pace(acacia: Tenant) -> None:
    meter = new_meter(acacia, max_power_w=10_000)
    in_wh = [500_000 + 100 * n for n in range(8)]
    in_tenths = [value * 10 for value in (500_800, 500_900, 501_000, 501_100)]

    assert used(acacia, meter, [*in_wh, *in_tenths]) == 1_100

    [event] = events(acacia, meter)
    assert event == ("scale", 500_700, None, 5_008_000, 0)


def test_a_late_reading_turns_a_drop_into_a_dip(acacia: Tenant) -> None:
    meter = new_meter(acacia, max_power_w=10_000)
    assert used(acacia, meter, [5_000, 5_010, 4_000]) == 10
    assert events(acacia, meter) == [("drop", 5_010, None, 4_000, 0)]

    assert used(acacia, meter, [5_030], start=MIDNIGHT + QUARTER * 3) == 30

    assert events(acacia, meter) == [("dip", 5_010, 4_000, 5_030, 1)]


def test_a_confirmed_event_is_not_changed_by_late_readings(acacia: Tenant) -> None:
    meter = new_meter(acacia, max_power_w=10_000)
    used(acacia, meter, [5_000, 5_010, 40])
    with acting_for(acacia.pk):
        confirm_event(RegisterEvent.objects.get(), author="Ana", now=NOW)

    assert used(acacia, meter, [60, 5_030], start=MIDNIGHT + QUARTER * 3) == 10 + 40 + 20

    kinds = [event[0] for event in events(acacia, meter)]
    assert kinds == ["reset", "jump"]


def test_a_confirmed_reset_counts_once_wherever_it_is_computed_from(acacia: Tenant) -> None:
    meter = new_meter(acacia, max_power_w=10_000)
    used(acacia, meter, [5_000, 5_010])
    used(acacia, meter, [400], start=MIDNIGHT + timedelta(days=9))
    with acting_for(acacia.pk):
        confirm_event(RegisterEvent.objects.get(), author="Ana", now=NOW)

    late = register_rows(
        MIDNIGHT + timedelta(days=1), range(100, 340, 20), every=timedelta(hours=12)
    )
    keep_readings(meter, late, now=NOW)
    assert total(acacia, meter) == 10 + 400

    assert used(acacia, meter, [390], start=MIDNIGHT + timedelta(days=8)) == 10 + 400


def test_a_rollover_next_to_the_exchange_is_none_of_it(acacia: Tenant) -> None:
    old = new_meter(acacia, digits=4, max_power_w=10_000)
    with acting_for(acacia.pk):
        new = make_meter(tenant=acacia, digits=4, max_power_w=10_000)
        point = old.installations.get().metering_point
        exchange_meter(point, new, at=MIDNIGHT + QUARTER * 2, end_register=30, start_register=9_950)

    assert used(acacia, old, [9_900, 9_980]) == 80 + 50
    assert used(acacia, new, [20, 40], start=MIDNIGHT + QUARTER * 3) == 70 + 20

    assert events(acacia, new)[-1] == ("rollover", 9_950, None, 20, 0)


def test_a_drop_is_corrected_and_the_decision_taken_back(acacia: Tenant) -> None:
    meter = new_meter(acacia, max_power_w=10_000)
    assert used(acacia, meter, [5_000, 5_010, 4_000, 4_010]) == 20
    with acting_for(acacia.pk):
        event = RegisterEvent.objects.get()
        correct_event(event, EventKind.REAL, author="Ana", now=NOW, used=7)
    assert total(acacia, meter) == 27

    with acting_for(acacia.pk):
        reopen_event(RegisterEvent.objects.get())

    assert total(acacia, meter) == 20
    assert events(acacia, meter) == [("drop", 5_010, None, 4_000, 0)]


def test_registers_to_explain_wait_their_turn_and_a_plain_one_does_not(
    acacia: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intervals, "SLOW_S", 0.0)  # one of them in a transaction
    dipped, plain = [new_meter(acacia) for _ in range(3)], new_meter(acacia)
    for meter in dipped:
        keep_readings(meter, register_rows(MIDNIGHT, [500, 600, 0, 800]), now=NOW)
    keep_readings(plain, register_rows(MIDNIGHT, [500, 600, 700]), now=NOW)

    computed = []
    while intervals.recompute_touched(acacia.pk):
        with acting_for(acacia.pk):
            computed.append(set(Interval.objects.values_list("meter_id", flat=True)))

    first, second, third = (meter.pk for meter in dipped)
    assert computed == [
        {plain.pk, first},
        {plain.pk, first, second},
        {plain.pk, first, second, third},
    ]
    assert [total(acacia, meter) for meter in dipped] == [300] * 3


def test_a_rollover_needs_digits(acacia: Tenant) -> None:
    meter = new_meter(acacia, max_power_w=10_000)
    used(acacia, meter, [5_000, 5_010, 4_000])

    with acting_for(acacia.pk), pytest.raises(BadDecision):
        correct_event(RegisterEvent.objects.get(), "rollover", author="Ana", now=NOW)

    assert events(acacia, meter)[0][0] == "drop"


def test_nobody_is_taken_down_before_being_put_up(acacia: Tenant) -> None:
    with acting_for(acacia.pk):
        installation = new_meter(acacia).installations.get()
        with pytest.raises(NotServingYet):
            remove_meter(installation, at=installation.starts_at)
        installation.refresh_from_db()
        assert installation.ends_at is None


def test_registers_at_the_exchange_count_as_readings(acacia: Tenant) -> None:
    old, at = new_meter(acacia), MIDNIGHT + QUARTER * 2 + timedelta(minutes=5)
    with acting_for(acacia.pk):
        new = make_meter(tenant=acacia)
        point = old.installations.get().metering_point
        exchange_meter(point, new, at=at, end_register=150, start_register=1_000, author="Ana")
    used(acacia, old, [0, 50, 100])

    used(acacia, new, [1_040, 1_060], start=MIDNIGHT + QUARTER * 3)

    with acting_for(acacia.pk):
        found = metered_energy([point.pk], DAY)[point.pk]
    assert found.energy_wh == 150 + 60
    assert [part["multiplier"] for part in found.evidence["meters"]] == ["1", "1"]
    assert (found.evidence["meters"][0]["last_wh"], found.evidence["meters"][1]["first_wh"]) == (
        150,
        1_000,
    )
    assert [event["kind"] for event in found.evidence["meters"][0]["events"]] == ["exchange"]


def test_other_transformers_begin_a_new_stretch(acacia: Tenant) -> None:
    meter = new_meter(acacia)
    used(acacia, meter, [0, 100, 200, 300])
    with acting_for(acacia.pk):
        place = meter.installations.get()
        change_multiplier(place, Decimal(20), at=MIDNIGHT + QUARTER, author="Ana")

    assert total(acacia, meter) == 100 + 200 * 20

    with acting_for(acacia.pk):
        found = metered_energy([place.metering_point_id], DAY)[place.metering_point_id]
    assert found.energy_wh == 100 + 200 * 20
    assert events(acacia, meter)[0][0] == "ratio"


def test_without_transformers_a_unit_is_itself_again(acacia: Tenant) -> None:
    meter = new_meter(acacia)
    used(acacia, meter, [100 * n for n in range(401)])
    with acting_for(acacia.pk):
        place = meter.installations.get()
        bound = change_multiplier(place, Decimal(20), at=MIDNIGHT, author="Ana")
    assert total(acacia, meter) == 40_000 * 20

    with acting_for(acacia.pk):
        change_multiplier(bound, Decimal(1), at=MIDNIGHT + QUARTER, author="Ana")

    assert total(acacia, meter) == 100 * 20 + 39_900


def test_days_follow_the_zone_of_the_place_where_the_meter_is_put(acacia: Tenant) -> None:
    with acting_for(acacia.pk):
        meter = make_meter(tenant=acacia)
    midnight_there = MIDNIGHT - timedelta(hours=3)
    used(acacia, meter, [100 * n for n in range(5)], start=midnight_there)
    with acting_for(acacia.pk):
        assert DayTotal.objects.get().day == (MIDNIGHT - timedelta(days=1)).date()
        site = make_site(tenant=acacia, time_zone="Europe/Lisbon")
        point = make_metering_point(tenant=acacia, site=site)

        install_meter(meter, point, at=MIDNIGHT - timedelta(days=1))

        day = DayTotal.objects.get()
        assert (day.day, day.energy_import_ws) == (MIDNIGHT.date(), 400 * 3_600)


def test_the_quarter_in_which_transformers_change_is_billed_once(acacia: Tenant) -> None:
    meter = new_meter(acacia)
    used(acacia, meter, [0, 100, 200, 300])
    at = MIDNIGHT + QUARTER + timedelta(minutes=5)
    with acting_for(acacia.pk):
        place = meter.installations.get()
        change_multiplier(place, Decimal(20), at=at, register=133, author="Ana")

    assert total(acacia, meter) == 133 + 167 * 20

    with acting_for(acacia.pk):
        found = metered_energy([place.metering_point_id], DAY)[place.metering_point_id]
    assert found.energy_wh == 133 + 167 * 20
    assert found.evidence["seconds_covered"] == 45 * 60


def test_a_disregarded_reading_is_left_out_until_it_counts_again(acacia: Tenant) -> None:
    meter = new_meter(acacia)
    assert used(acacia, meter, [0, 100, 150, 200]) == 200
    last = MIDNIGHT + QUARTER * 3
    with acting_for(acacia.pk):
        assert disregard_readings(meter, [last], reason="Typed wrong", author="Ana") == 1
        assert disregard_readings(meter, [last], reason="Typed wrong", author="Ana") == 0
    assert total(acacia, meter) == 150

    with acting_for(acacia.pk):
        assert regard_again(meter, [last]) == 1

    assert total(acacia, meter) == 200


def test_typed_values_survive_late_readings_until_undone(acacia: Tenant) -> None:
    meter = new_meter(acacia)
    used(acacia, meter, [0, 100, 200])
    with acting_for(acacia.pk):
        quarter = Period(MIDNIGHT, MIDNIGHT + QUARTER)
        edit = edit_interval(meter, quarter, 7, reason="Read by eye", author="Ana")
    assert used(acacia, meter, [40], start=MIDNIGHT + timedelta(minutes=5)) == 107

    with acting_for(acacia.pk):
        undo_edit(edit, author="Ana", now=NOW)

    assert total(acacia, meter) == 200


def test_an_estimate_that_was_asked_for_gives_way_to_readings(acacia: Tenant) -> None:
    meter = new_meter(acacia)
    used(acacia, meter, [0, 100])
    hour = Period(MIDNIGHT + QUARTER, MIDNIGHT + QUARTER * 5)
    with acting_for(acacia.pk):
        estimate_gap(meter, hour, "linear", author="Ana")
    assert total(acacia, meter) == 500

    assert used(acacia, meter, [130], start=MIDNIGHT + QUARTER * 2) == 130 + 300


def test_a_long_gap_is_filled_like_similar_days_and_closes(acacia: Tenant) -> None:
    meter = new_meter(acacia)
    registers, register = [], 0
    for quarter in range(96 * 3 + 1):  # three working days: nothing by night, 100 Wh by day
        registers.append(register)
        register += 100 if 32 <= quarter % 96 < 72 else 0
    used(acacia, meter, registers)
    morning = MIDNIGHT + timedelta(days=3)

    after = used(acacia, meter, [registers[-1] + 4_321], start=morning + timedelta(hours=20))

    assert after == registers[-1] + 4_321
    with acting_for(acacia.pk):
        gap = Interval.objects.filter(meter=meter, starts_at__gte=morning)
        assert set(gap.values_list("quality", "rule")) == {("estimated", "reference_days")}
        night = gap.filter(starts_at__lt=morning + timedelta(hours=8))
        assert {row.energy_import_ws for row in night} == {0}


def test_a_decision_that_books_more_than_can_be_delivered_asks_again(acacia: Tenant) -> None:
    meter = new_meter(acacia, digits=6, max_power_w=20_000)
    used(acacia, meter, [68_000, 68_010, 500, 510])
    with acting_for(acacia.pk):
        event = RegisterEvent.objects.get()
        said = {"author": "Ana", "now": NOW}
        assert would_book(event, EventKind.ROLLOVER) == 932_490
        with pytest.raises(Doubtful, match=r"932[.,]490"):
            correct_event(event, EventKind.ROLLOVER, **said)
        event.refresh_from_db()
        assert event.state == EventState.DETECTED

        correct_event(event, EventKind.ROLLOVER, anyway=True, **said)

    assert total(acacia, meter) == 932_510


def test_typed_use_above_what_can_be_delivered_asks_again(acacia: Tenant) -> None:
    meter = new_meter(acacia, max_power_w=20_000)
    hour = Period(MIDNIGHT, MIDNIGHT + timedelta(hours=1))
    said: Any = {"reason": "Read by hand", "author": "Ana"}
    with acting_for(acacia.pk):
        with pytest.raises(Doubtful):
            edit_interval(meter, hour, 20_001, **said)
        assert not Edit.objects.exists()

        edit_interval(meter, hour, 20_000, **said)
        edit_interval(meter, hour, 500_000, anyway=True, **said)

    assert total(acacia, meter) == 500_000


def test_no_amount_is_too_large_for_the_database(acacia: Tenant) -> None:
    meter = new_meter(acacia)
    quarter = Period(MIDNIGHT, MIDNIGHT + timedelta(minutes=15))
    used(acacia, meter, [5_000, 5_100, 90, 190])
    with acting_for(acacia.pk):
        event = RegisterEvent.objects.get(meter=meter)
        refused = {"author": "x", "now": MIDNIGHT}

        with pytest.raises(BadEdit):
            edit_interval(meter, quarter, 10**12 + 1, reason="x", author="x")
        with pytest.raises(BadDecision):
            correct_event(event, EventKind.REAL, used=10**12 + 1, **refused)
        with pytest.raises(BadDecision):
            correct_event(event, EventKind.SCALE, factor=Decimal(10**7), **refused)

        meter.installations.update(multiplier=1_000)
        with pytest.raises(BadDecision):
            correct_event(event, EventKind.REAL, used=10**10, **refused)


def test_a_typed_value_makes_its_day_no_example_for_a_gap(acacia: Tenant) -> None:
    monday = datetime(2026, 3, 2, 3, tzinfo=UTC)
    meter, registers = new_meter(acacia), [0]
    for quarter in range(4 * 96):
        registers.append(registers[-1] + 10 + quarter % 7)
    rows = register_rows(monday, registers)
    after_gap = rows[-1]["measured_at"] + timedelta(hours=12)
    rows.append({"measured_at": after_gap, "energy_import_wh": registers[-1] + 5_000})
    keep_readings(meter, rows, now=NOW)
    recompute_all_touched(acacia.pk)
    hour = Period(monday + timedelta(days=1, hours=5), monday + timedelta(days=1, hours=6))

    with acting_for(acacia.pk):
        edit_interval(meter, hour, 9_000, reason="read by eye", author="Ana")
    recompute_all_touched(acacia.pk)

    with acting_for(acacia.pk):
        (days,) = Estimate.objects.filter(meter=meter).values_list("days", flat=True)
        assert hour.start.date() not in days
        assert len(days) == 3
