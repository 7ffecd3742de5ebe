from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection, connections

from clients.kernel.invariants import INVARIANTS, check_all
from clients.kernel.tenancy import acting_for
from clients.models import Tenant
from meters.errors import KeyRevoked, MeteringPointInUse
from meters.models import Interval, Touched
from meters.models.quantities import QUANTITIES
from meters.models.reading import Reading
from meters.services.copying import FIELDS
from meters.services.installations import install_meter
from meters.services.intervals import recompute_all_touched
from meters.services.keys import revoke_key, rotate_key
from meters.services.partitions import make_partitions
from meters.tasks.intervals import recompute, sweep_touched
from meters.testing import (
    keep_readings,
    make_key,
    make_meter,
    make_metering_point,
    register_rows,
)

NOW = datetime(2026, 4, 1, tzinfo=UTC)


def test_revoking_twice_keeps_the_first_moment(acacia: Tenant) -> None:
    key = make_key(make_meter(tenant=acacia)).key

    revoke_key(key, now=NOW)
    revoke_key(key, now=NOW + timedelta(days=1))

    key.refresh_from_db()
    assert key.revoked_at == NOW
    with pytest.raises(KeyRevoked):
        rotate_key(key, now=NOW)


def test_rotating_never_prolongs_the_old_key(acacia: Tenant) -> None:
    key = make_key(make_meter(tenant=acacia)).key

    rotate_key(key, now=NOW, overlap=timedelta(days=1))
    rotate_key(key, now=NOW, overlap=timedelta(days=30))

    key.refresh_from_db()
    assert key.expires_at == NOW + timedelta(days=1)


def test_a_point_is_served_by_one_meter_at_a_time(acacia: Tenant) -> None:
    point = make_metering_point(tenant=acacia)
    make_meter(tenant=acacia, metering_point=point)

    with pytest.raises(MeteringPointInUse):
        install_meter(make_meter(tenant=acacia), point, at=NOW)


@pytest.mark.commits
def test_partitions_are_made_ahead_and_once(acacia: Tenant) -> None:
    now = datetime.now(tz=UTC)

    make_partitions(now)
    make_partitions(now)

    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_inherits WHERE inhparent = 'meters_reading'::regclass"
        )
        assert cursor.fetchone() == (4,)


def test_quantities_model_table_and_copy_agree(acacia: Tenant) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT attname, atttypid::regtype::text FROM pg_attribute "
            "WHERE attrelid = 'meters_reading'::regclass AND attnum > 0 ORDER BY attnum"
        )
        columns = dict(cursor.fetchall())

    types = {"register": "bigint", "instant": "real"}
    assert {q.name: types[q.kind] for q in QUANTITIES}.items() <= columns.items()
    assert set(columns) == {*FIELDS, "received_at"}
    assert set(columns) == {field.column for field in Reading._meta.concrete_fields}


@pytest.mark.commits
def test_a_lost_nudge_loses_nothing(acacia: Tenant, baobab: Tenant) -> None:
    for tenant in (acacia, baobab):
        with acting_for(tenant.pk):
            meter = make_meter(tenant=tenant)
        keep_readings(meter, register_rows(NOW - timedelta(days=1), [0, 7]), now=NOW)

    sweep_touched()
    sweep_touched()

    for tenant in (acacia, baobab):
        recompute(tenant.pk)
        with acting_for(tenant.pk):
            assert Interval.objects.get().energy_import_ws == 7 * 3_600
            assert Touched.objects.count() == 0


@pytest.mark.commits
def test_invariants_hold_and_notice_when_they_do_not(acacia: Tenant) -> None:
    with acting_for(acacia.pk):
        meter = make_meter(tenant=acacia)
    keep_readings(meter, register_rows(NOW - timedelta(days=1), [0, 7, 9]), now=NOW)
    recompute_all_touched(acacia.pk)
    own = [rule.name for rule in INVARIANTS if rule.name.startswith("meters.")]

    assert {finding.name for finding in check_all() if finding.rows} == set()
    with acting_for(acacia.pk):
        Interval.objects.filter(energy_import_ws=7 * 3_600).update(energy_import_ws=1)

    assert {finding.name for finding in check_all() if finding.rows} == {
        "meters.days_unlike_intervals"
    }
    assert len(own) == 4
