from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from django.db.models import Sum
from hypothesis import given
from hypothesis import strategies as st

from clients.kernel.periods import day_start
from clients.kernel.tenancy import acting_for
from clients.models import Tenant
from meters.models import DayTotal, Interval, Meter
from meters.services.installations import exchange_meter, install_meter, keep_meter, remove_meter
from meters.services.intervals import recompute_all_touched
from meters.services.local_days import Days, Stay, local_days, stays, zone_at
from meters.services.touching import touch_known
from meters.testing import (
    keep_readings,
    make_meter,
    make_metering_point,
    make_site,
    register_rows,
)

SAO_PAULO, ACRE, LISBON = "America/Sao_Paulo", "America/Rio_Branco", "Europe/Lisbon"
NOW = datetime(2026, 4, 1, tzinfo=UTC)
START = datetime(2026, 3, 10, 1, tzinfo=UTC)
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


def test_the_zone_of_the_first_place_counts_since_ever() -> None:
    assert stays(LISBON, []) == (Stay(LISBON, None),)
    assert stays(LISBON, [(START, ACRE)]) == (Stay(ACRE, None),)


def test_a_day_belongs_to_the_last_place_on_it() -> None:
    noon = datetime(2026, 3, 10, 15, tzinfo=UTC)
    moved = [(START - 99 * HOUR, SAO_PAULO), (noon, LISBON), (noon + HOUR, ACRE)]
    assert stays(SAO_PAULO, moved) == (Stay(SAO_PAULO, None), Stay(ACRE, date(2026, 3, 10)))


def test_the_first_day_of_a_zone_begins_where_the_old_one_ended() -> None:
    zones = (Stay(SAO_PAULO, None), Stay(ACRE, date(2026, 3, 10)))
    found = local_days(zones, START - 13 * HOUR, START + 35 * HOUR)
    assert found == [
        Days(date(2026, 3, 9), date(2026, 3, 9), SAO_PAULO, SAO_PAULO),
        Days(date(2026, 3, 10), date(2026, 3, 11), ACRE, SAO_PAULO),
    ]


@st.composite
def zones(draw: st.DrawFn) -> tuple[Stay, ...]:
    places = st.tuples(
        st.integers(0, 400).map(lambda hours: START + hours * HOUR),
        st.sampled_from([SAO_PAULO, ACRE, LISBON, "Pacific/Auckland", "America/New_York"]),
    )
    return stays(SAO_PAULO, draw(st.lists(places, max_size=5)))


@given(zones=zones(), hour=st.integers(-48, 450))
def test_each_instant_lies_in_one_day(zones: tuple[Stay, ...], hour: int) -> None:
    at = START + hour * HOUR

    (days,) = local_days(zones, at, at + timedelta(microseconds=1))

    assert days.first == days.last
    assert zone_at(zones, at) == days.zone
    begins = day_start(days.first, ZoneInfo(days.opens))
    assert begins <= at < day_start(days.last + timedelta(days=1), ZoneInfo(days.zone))


@given(zones=zones())
def test_days_follow_one_another_without_a_hole(zones: tuple[Stay, ...]) -> None:
    end, days = None, local_days(zones, START - 48 * HOUR, START + 450 * HOUR)
    for some in days:
        assert end in {None, day_start(some.first, ZoneInfo(some.opens))}
        assert some.first <= some.last
        end = day_start(some.last + timedelta(days=1), ZoneInfo(some.zone))


def known(meter: Meter) -> list[object]:
    recompute_all_touched(meter.tenant_id)
    with acting_for(meter.tenant_id):
        intervals = Interval.objects.filter(meter=meter).order_by("starts_at")
        days = DayTotal.objects.filter(meter=meter).order_by("day")
        return [
            *intervals.values_list("starts_at", "energy_import_ws", "seconds_covered"),
            *days.values_list("day", "energy_import_ws", "seconds_covered", "seconds_expected"),
        ]


def as_if_new(meter: Meter) -> list[object]:
    """The same, all of it computed again."""
    with acting_for(meter.tenant_id):
        touch_known(meter.pk, LONG_AGO, None)
    return known(meter)


def metered(tenant: Tenant, zone: str = SAO_PAULO) -> Meter:
    with acting_for(tenant.pk):
        meter = make_meter(tenant=tenant, sample_seconds=60)
        point = make_metering_point(tenant=tenant, site=make_site(tenant=tenant, time_zone=zone))
        install_meter(meter, point, at=START - 72 * HOUR)
    keep_readings(meter, register_rows(START, [100 * n for n in range(400)]), now=NOW)
    recompute_all_touched(tenant.pk)
    return meter


def added_up(meter: Meter) -> list[int | None]:
    with acting_for(meter.tenant_id):
        return [
            model.objects.filter(meter=meter).aggregate(sum=Sum("energy_import_ws"))["sum"]
            for model in (Interval, DayTotal)
        ]


@pytest.mark.commits
def test_days_follow_the_zone_of_their_site(acacia: Tenant) -> None:
    meter = metered(acacia)
    with acting_for(acacia.pk):
        site = meter.installations.get().metering_point.site
        site.time_zone = ACRE
        site.save()

    found = known(meter)

    assert found == as_if_new(meter)
    with acting_for(acacia.pk):
        full = DayTotal.objects.get(meter=meter, day=date(2026, 3, 11))
        assert full.energy_import_ws == 96 * 100 * 3_600
    assert added_up(meter) == [399 * 100 * 3_600] * 2


@pytest.mark.commits
def test_days_of_meters_without_a_place_follow_the_company(acacia: Tenant) -> None:
    with acting_for(acacia.pk):
        meter = make_meter(tenant=acacia, sample_seconds=60)
    keep_readings(meter, register_rows(START, [100 * n for n in range(400)]), now=NOW)
    before = known(meter)
    with acting_for(acacia.pk):
        Tenant.objects.filter(pk=acacia.pk).update(time_zone=LISBON)

    found = known(meter)

    assert found != before
    assert found == as_if_new(meter)


@pytest.mark.commits
def test_a_meter_that_moves_keeps_the_days_of_its_old_place(acacia: Tenant) -> None:
    meter = metered(acacia)
    before = known(meter)
    moved = START + 50 * HOUR
    with acting_for(acacia.pk):
        remove_meter(meter.installations.get(), at=moved)
        place = make_site(tenant=acacia, time_zone=ACRE)
        install_meter(meter, make_metering_point(tenant=acacia, site=place), at=moved)

    found = known(meter)

    assert found == as_if_new(meter)
    assert [row for row in found if row in before and row[0] == date(2026, 3, 10)]  # type: ignore[index]
    assert added_up(meter) == [399 * 100 * 3_600] * 2


@pytest.mark.commits
def test_a_meter_removed_afterwards_counts_without_its_transformers(acacia: Tenant) -> None:
    with acting_for(acacia.pk):
        meter = make_meter(tenant=acacia)
        point = make_metering_point(tenant=acacia)
        install_meter(meter, point, at=START - 72 * HOUR, multiplier=Decimal(20))
    rows = register_rows(START, [100 * n for n in range(1_200)])  # twelve days
    keep_readings(meter, rows, now=NOW)
    recompute_all_touched(acacia.pk)
    with acting_for(acacia.pk):
        exchange_meter(point, make_meter(tenant=acacia), at=START + 2 * HOUR)

    found = known(meter)

    assert found == as_if_new(meter)
    assert added_up(meter) == [(8 * 20 + 1_191) * 100 * 3_600] * 2


@pytest.mark.commits
def test_how_long_a_sample_holds_counts_for_what_was_measured_before(acacia: Tenant) -> None:
    with acting_for(acacia.pk):
        meter = make_meter(tenant=acacia, sample_seconds=60)
    power = [{"measured_at": START + n * timedelta(minutes=10), "power_w": 1_000} for n in range(9)]
    keep_readings(meter, power, now=NOW)
    before = known(meter)
    with acting_for(acacia.pk):
        meter.sample_seconds = 900
        meter.save()
        keep_meter(meter, {"sample_seconds"})

    found = known(meter)

    assert found != before
    assert found == as_if_new(meter)
