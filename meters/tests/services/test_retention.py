from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from clients.kernel.periods import Period
from clients.kernel.tenancy import acting_for
from clients.models import Tenant
from meters.errors import ReadingsHeld
from meters.models import (
    Change,
    DayTotal,
    Interval,
    Meter,
    Quarantine,
    Reading,
    ReadingHold,
    RegisterEvent,
    Retention,
    Touched,
)
from meters.services.holds import HOLDS, Hold
from meters.services.imports import (
    check_import,
    run_import,
    start_import,
    undo_import,
    work_on_import,
)
from meters.services.intervals import recompute_all_touched
from meters.services.retention import (
    floors,
    keep_retention,
    raw_months,
    retention_outlook,
)
from meters.testing import keep_readings, make_meter, make_metering_point, register_rows

pytestmark = pytest.mark.commits
NOW = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
HOUR = timedelta(hours=1)


def months_ago(count: int, day: int = 10) -> datetime:
    month = NOW.date().replace(day=1)
    for _ in range(count):
        month = (month - timedelta(days=1)).replace(day=1)
    return datetime(month.year, month.month, day, tzinfo=UTC)


OLD, OLDER, RECENT = months_ago(9), months_ago(12), months_ago(1)


def new_meter(tenant: Tenant, **fields: Any) -> Meter:
    with acting_for(tenant.pk):
        return make_meter(
            tenant=tenant, metering_point=make_metering_point(tenant=tenant), **fields
        )


def settle(tenant: Tenant) -> None:
    """All is computed, and every follower has seen it."""
    recompute_all_touched(tenant.pk)
    with acting_for(tenant.pk):
        Change.objects.all().delete()


@pytest.fixture
def meter(acacia: Tenant) -> Meter:
    """A meter with a day of readings in an older month, in an old one and in a recent one."""
    found = new_meter(acacia, serial="M1")
    for start, register in ((OLDER, 0), (OLD, 5_000), (RECENT, 9_000)):
        rows = register_rows(start, [register + 10 * n for n in range(24)], every=HOUR)
        keep_readings(found, rows, now=NOW)
    settle(acacia)
    return found


def keep_for(tenant: Tenant, months: int | None) -> None:
    with acting_for(tenant.pk):
        Retention.objects.update_or_create(tenant=tenant, defaults={"keep_months": months})


def readings(tenant: Tenant) -> list[datetime]:
    with acting_for(tenant.pk):
        return sorted(
            {
                at.replace(hour=0, minute=0)
                for at in Reading.objects.values_list("measured_at", flat=True)
            }
        )


def second_layer(tenant: Tenant) -> list[Any]:
    with acting_for(tenant.pk):
        return [
            *Interval.objects.order_by("meter_id", "starts_at").values(),
            *DayTotal.objects.order_by("meter_id", "day").values(),
        ]


def month(at: datetime) -> date:
    return at.date().replace(day=1)


@pytest.fixture
def held() -> Iterator[list[Hold]]:
    holds: list[Hold] = []

    def near(period: Period, _meters: Any, _now: datetime) -> list[Hold]:
        return [h for h in holds if h.starts_at < period.end and h.ends_at > period.start]

    HOLDS["test"] = near
    yield holds
    del HOLDS["test"]


def test_without_a_choice_raw_readings_stay_for_ever(acacia: Tenant, meter: Meter) -> None:
    keep_retention(NOW)
    keep_for(acacia, None)
    keep_retention(NOW)

    assert readings(acacia) == [OLDER, OLD, RECENT]


def test_months_that_nobody_keeps_are_dropped_as_tables(acacia: Tenant, meter: Meter) -> None:
    layer = second_layer(acacia)
    keep_for(acacia, 6)

    swept = keep_retention(NOW)
    again = keep_retention(NOW)

    assert swept.dropped == [month(OLDER), month(OLD)]
    assert swept.rows == 0
    assert (again.dropped, again.rows) == ([], 0)
    assert readings(acacia) == [RECENT]
    assert month(OLD) not in raw_months()
    assert second_layer(acacia) == layer


def test_where_another_company_keeps_the_month_only_ones_own_rows_go(
    acacia: Tenant, baobab: Tenant, meter: Meter
) -> None:
    other = new_meter(baobab, serial="B1")
    keep_readings(other, register_rows(OLD, [1, 2, 3], every=HOUR), now=NOW)
    settle(baobab)
    keep_for(acacia, 6)

    swept = keep_retention(NOW)

    assert swept.dropped == [month(OLDER)]
    assert swept.kept[month(OLD)] == "kept"
    assert swept.rows == 24
    assert readings(acacia) == [RECENT]
    assert readings(baobab) == [OLD]


def test_what_somebody_stands_on_stays_until_the_hold_ends(
    acacia: Tenant, meter: Meter, held: list[Hold]
) -> None:
    layer = second_layer(acacia)
    held.append(Hold(meter.pk, OLD, OLD + HOUR * 3, "Invoice 000007", since=NOW))
    keep_for(acacia, 6)

    first = keep_retention(NOW)

    assert first.dropped == [month(OLDER)]
    assert first.kept[month(OLD)] == "held"
    assert first.rows == 21
    with acting_for(acacia.pk):
        assert Reading.objects.filter(measured_at__lt=OLD + HOUR * 3).count() == 3
        assert ReadingHold.objects.get().reason == "Invoice 000007"
    held.clear()
    assert keep_retention(NOW).dropped == [month(OLD)]
    assert readings(acacia) == [RECENT]
    assert second_layer(acacia) == layer


@pytest.mark.parametrize("waiting", ["touched", "followed", "importing"])
def test_nothing_goes_while_something_old_is_not_settled(
    acacia: Tenant, meter: Meter, waiting: str
) -> None:
    if waiting == "touched":
        keep_readings(meter, register_rows(OLD + HOUR / 2, [5_005]), now=NOW)
    with acting_for(acacia.pk):
        if waiting == "followed":
            Change.objects.create(
                follower="alarms", meter_id=meter.pk, starts_at=OLD, ends_at=OLD + HOUR
            )
        if waiting == "importing":
            content = f"measured_at,energy_import_wh\n{OLD.isoformat()},1\n".encode()
            check_import(start_import("x.csv", content, meter=meter, now=NOW))
    keep_for(acacia, 6)
    with acting_for(acacia.pk):
        assert retention_outlook(NOW).waits_for == [waiting]

    swept = keep_retention(NOW)

    assert (swept.dropped, swept.rows) == ([], 0)
    assert readings(acacia) == [OLDER, OLD, RECENT]


def test_a_dry_run_says_what_would_go_and_what_holds_it(
    acacia: Tenant, meter: Meter, held: list[Hold]
) -> None:
    held.append(Hold(meter.pk, OLD, OLD + HOUR * 3, "Invoice 000007", since=NOW))
    keep_for(acacia, 6)

    with acting_for(acacia.pk):
        outlook = retention_outlook(NOW)

    assert [(m.month, m.rows, m.held) for m in outlook.months] == [
        (month(OLDER), 24, 0),
        (month(OLD), 24, 3),
    ]
    assert outlook.rows == 45
    assert [hold.reason for hold in outlook.holds] == ["Invoice 000007"]
    assert readings(acacia) == [OLDER, OLD, RECENT]


def test_late_data_of_a_settled_time_is_set_apart_and_changes_nothing(
    acacia: Tenant, meter: Meter
) -> None:
    keep_for(acacia, 6)
    keep_retention(NOW - timedelta(minutes=5))
    layer = second_layer(acacia)

    keep_readings(meter, register_rows(OLD + HOUR / 2, [5_005, 5_007], every=HOUR), now=NOW)
    settle(acacia)

    assert second_layer(acacia) == layer
    assert readings(acacia) == [RECENT]
    with acting_for(acacia.pk):
        apart = Quarantine.objects.order_by("measured_at")
        assert [(row.reason, row.reading["energy_import_wh"]) for row in apart] == [
            ("settled", 5_005),
            ("settled", 5_007),
        ]
        assert Touched.objects.count() == 0


def test_what_is_open_is_computed_as_if_nothing_had_been_dropped(
    acacia: Tenant, meter: Meter
) -> None:
    _raw_since, settled = floors(6, NOW)
    rows = register_rows(settled - HOUR, [20_000, 20_100, 20_300], every=HOUR * 2 / 3)
    keep_readings(meter, rows, now=NOW)
    settle(acacia)
    keep_for(acacia, 6)
    keep_retention(NOW - timedelta(minutes=5))
    layer = second_layer(acacia)

    again = {"measured_at": settled + HOUR / 3, "power_w": 5.0}
    keep_readings(meter, [{**again, "measured_at": settled + HOUR / 4}], now=NOW)
    settle(acacia)

    before = [row for row in layer if row.get("starts_at", settled) < settled]
    now_before = [row for row in second_layer(acacia) if row.get("starts_at", settled) < settled]
    assert now_before == before
    at_floor = [
        row["energy_import_ws"] for row in second_layer(acacia) if row.get("starts_at") == settled
    ]
    assert at_floor == [r["energy_import_ws"] for r in layer if r.get("starts_at") == settled]


def test_what_was_found_before_the_settled_time_stands_when_more_comes_after_it(
    acacia: Tenant, meter: Meter
) -> None:
    _raw_since, settled = floors(6, NOW)
    registers = [20_000, 20_100, 0, 20_300, 20_400, 20_500]
    keep_readings(meter, register_rows(settled - HOUR * 4, registers, every=HOUR), now=NOW)
    keep_readings(meter, register_rows(settled + HOUR * 2, [20_600, 0], every=HOUR), now=NOW)
    settle(acacia)
    keep_for(acacia, 6)
    keep_retention(NOW - timedelta(minutes=5))

    keep_readings(meter, register_rows(settled + HOUR * 4, [20_800], every=HOUR), now=NOW)
    settle(acacia)

    with acting_for(acacia.pk):
        found = RegisterEvent.objects.order_by("starts_at").values_list("kind", "starts_at")
        near = [(kind, at) for kind, at in found if abs(at - settled) < timedelta(days=1)]
        assert near == [("dip", settled - HOUR * 3), ("dip", settled + HOUR * 2)]
        after = Interval.objects.filter(starts_at__gte=settled, starts_at__lt=settled + HOUR * 4)
        assert sum(row.energy_import_ws or 0 for row in after) == 400 * 3_600


def test_an_import_of_a_settled_time_is_refused_and_not_undone(
    acacia: Tenant, meter: Meter
) -> None:
    content = f"measured_at,energy_import_wh\n{(OLD - HOUR).isoformat()},4990\n".encode()
    with acting_for(acacia.pk):
        job = start_import("x.csv", content, meter=meter, now=NOW)
        check_import(job)
    work_on_import(acacia.pk, job.pk, now=NOW)
    with acting_for(acacia.pk):
        job.refresh_from_db()
        run_import(job, now=NOW)
    work_on_import(acacia.pk, job.pk, now=NOW)
    settle(acacia)
    keep_for(acacia, 6)
    keep_retention(NOW)

    with acting_for(acacia.pk):
        job.refresh_from_db()
        with pytest.raises(ReadingsHeld, match="settled"):
            undo_import(job, now=NOW)
        late = start_import("late.csv", content, meter=meter, now=NOW)
        check_import(late)
    work_on_import(acacia.pk, late.pk, now=NOW)
    with acting_for(acacia.pk):
        late.refresh_from_db()
    assert late.report["reasons"] == {"settled": 1}
