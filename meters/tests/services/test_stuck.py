"""What cannot be computed waits apart, seen by people, and holds nobody up."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import OperationalError, connection

from clients.kernel.tenancy import acting_for
from clients.models import Tenant
from meters.models import Estimate, Interval, Meter, Stuck
from meters.models.reading import Touched
from meters.services import intervals
from meters.services.intervals import Run, recompute_all_touched
from meters.tasks.intervals import sweep_touched
from meters.testing import keep_readings, make_meter, register_rows

pytestmark = pytest.mark.commits
START = datetime(2026, 3, 10, 1, tzinfo=UTC)
NOW = datetime(2026, 4, 1, tzinfo=UTC)
REGISTER = register_rows(START, [0, 100, 200, 300])


def new_meter(tenant: Tenant) -> Meter:
    with acting_for(tenant.pk):
        return make_meter(tenant=tenant)


def computed(tenant: Tenant) -> set[int]:
    with acting_for(tenant.pk):
        return set(Interval.objects.values_list("meter_id", flat=True))


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> set[int]:
    """Meters of which the database says that a number is too large, as it does for 10^19."""
    meters: set[int] = set()
    compute = intervals._compute

    def fail_for_some(runs: Sequence[Run], **options: Any) -> list[Run]:
        found = compute(runs, **options)
        if meters & {run.meter_id for run in runs}:
            with connection.cursor() as cursor:
                cursor.execute("SELECT (1e19)::bigint")
        return found

    monkeypatch.setattr(intervals, "_compute", fail_for_some)
    return meters


def test_one_meter_that_cannot_be_computed_holds_up_nobody(
    acacia: Tenant, broken: set[int]
) -> None:
    bad, good = new_meter(acacia), new_meter(acacia)
    broken.add(bad.pk)
    for meter in (bad, good):
        keep_readings(meter, REGISTER, now=NOW)

    recompute_all_touched(acacia.pk)

    assert computed(acacia) == {good.pk}
    with acting_for(acacia.pk):
        assert "bigint out of range" in Stuck.objects.get(meter=bad).error
        assert set(Touched.objects.values_list("meter_id", flat=True)) == {bad.pk}


def test_it_is_tried_again_after_an_hour_and_is_free_when_it_works(
    acacia: Tenant, broken: set[int]
) -> None:
    meter = new_meter(acacia)
    broken.add(meter.pk)
    keep_readings(meter, REGISTER, now=NOW)
    recompute_all_touched(acacia.pk)

    broken.clear()
    recompute_all_touched(acacia.pk)
    assert computed(acacia) == set()
    with acting_for(acacia.pk):
        Stuck.objects.update(retry_at=NOW - timedelta(days=300))
    recompute_all_touched(acacia.pk)

    assert computed(acacia) == {meter.pk}
    with acting_for(acacia.pk):
        assert not Stuck.objects.exists()
        assert not Estimate.objects.exists()


def test_a_server_that_is_away_is_no_meters_fault(
    acacia: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    meter = new_meter(acacia)
    keep_readings(meter, REGISTER, now=NOW)

    def away(*_: Any, **__: Any) -> list[Run]:
        raise OperationalError("the connection is lost")

    monkeypatch.setattr(intervals, "_compute", away)
    with pytest.raises(OperationalError):
        recompute_all_touched(acacia.pk)

    with acting_for(acacia.pk):
        assert not Stuck.objects.exists()
        assert Touched.objects.exists()


def test_what_fails_for_one_company_does_not_end_the_sweep(
    acacia: Tenant, baobab: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad, good = new_meter(acacia), new_meter(baobab)
    for meter in (bad, good):
        keep_readings(meter, REGISTER, now=NOW)
    take = intervals._take

    def fail_for_acacia(tenant_id: int) -> list[Run]:
        if tenant_id == acacia.pk:
            raise OperationalError("the connection is lost")
        return take(tenant_id)

    monkeypatch.setattr(intervals, "_take", fail_for_acacia)
    sweep_touched()

    assert (computed(acacia), computed(baobab)) == (set(), {good.pk})
