"""A follower hears of every stretch once, and of nothing else."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from django.db import transaction

from clients.kernel.tenancy import acting_for
from clients.models import Tenant
from meters.models import Meter
from meters.services.followers import FOLLOWERS, Change, take_changes, tenants_waiting
from meters.services.intervals import recompute_all_touched
from meters.testing import keep_readings, make_meter

pytestmark = pytest.mark.commits
START = datetime(2026, 3, 10, 1, tzinfo=UTC)
NOW = datetime(2026, 4, 1, tzinfo=UTC)
QUARTER = timedelta(minutes=15)


@pytest.fixture
def watched() -> Iterator[set[int]]:
    """Meters that the follower "test" wants to hear of."""
    meters: set[int] = set()

    def wants(meter_ids: Collection[int]) -> set[int]:
        return meters & set(meter_ids)

    FOLLOWERS["test"] = wants
    yield meters
    del FOLLOWERS["test"]


def meter_of(tenant: Tenant) -> Meter:
    with acting_for(tenant.pk):
        return make_meter(tenant=tenant)


def tell(meter: Meter, *quarters: int) -> None:
    rows = [{"measured_at": START + QUARTER * n, "power_w": 1.0} for n in quarters]
    keep_readings(meter, rows, now=NOW)
    recompute_all_touched(meter.tenant_id)


def test_a_follower_hears_of_each_touched_stretch_of_its_meters(
    acacia: Tenant, baobab: Tenant, watched: set[int]
) -> None:
    mine, other, foreign = meter_of(acacia), meter_of(acacia), meter_of(baobab)
    watched |= {mine.pk}

    tell(mine, 0, 1, 5)
    tell(other, 0)
    tell(foreign, 0)

    assert tenants_waiting("test") == [acacia.pk]
    with acting_for(acacia.pk):
        assert take_changes("test") == [
            Change(mine.pk, START, START + 2 * QUARTER),
            Change(mine.pk, START + 5 * QUARTER, START + 6 * QUARTER),
        ]
        assert take_changes("test") == []


def test_what_was_taken_comes_back_when_the_work_fails(acacia: Tenant, watched: set[int]) -> None:
    meter = meter_of(acacia)
    watched |= {meter.pk}
    tell(meter, 0)

    with acting_for(acacia.pk):
        assert len(take_changes("test")) == 1
        transaction.set_rollback(True)

    with acting_for(acacia.pk):
        assert len(take_changes("test")) == 1
    assert tenants_waiting("test") == []


def test_recent_readings_may_be_asked_for_alone(acacia: Tenant, watched: set[int]) -> None:
    late, fresh = meter_of(acacia), meter_of(acacia)
    watched |= {late.pk, fresh.pk}
    tell(late, 0, 8)
    tell(fresh, 8)

    with acting_for(acacia.pk):
        taken = take_changes("test", since=START + 8 * QUARTER + QUARTER)
        assert [(change.meter_id, change.starts_at) for change in taken] == [
            (late.pk, START + 8 * QUARTER),
            (fresh.pk, START + 8 * QUARTER),
        ]
        assert [change.starts_at for change in take_changes("test")] == [START]
