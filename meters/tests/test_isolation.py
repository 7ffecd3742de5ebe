from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import (
    DatabaseError,
    IntegrityError,
    ProgrammingError,
    connection,
    connections,
    transaction,
)
from django.utils import timezone

from clients.kernel.tenancy import acting_for
from clients.models import Tenant
from meters import models
from meters.models import (
    ForwardedMeter,
    Forwarder,
    Installation,
    Interval,
    Meter,
    MeteringPoint,
    Reading,
)
from meters.services.forwarding import gather
from meters.services.intervals import recompute_all_touched
from meters.testing import keep_readings, make_key, make_meter, make_metering_point, register_rows

pytestmark = pytest.mark.commits
TABLES = sorted(
    model._meta.db_table
    for model in vars(models).values()
    if isinstance(model, type) and hasattr(model, "_meta")
)

# Those that `fill` fills. Every table of the project is tried in tests/test_every_table.py.
FILLED = {
    "meters_change",
    "meters_conflict",
    "meters_daytotal",
    "meters_devicekey",
    "meters_devicekeymeter",
    "meters_forwardbatch",
    "meters_forwarder",
    "meters_interval",
    "meters_meter",
    "meters_meterclock",
    "meters_quarantine",
    "meters_reading",
    "meters_touched",
}


def fill(tenant: Tenant) -> Meter:
    """Something in every table of this app."""
    with acting_for(tenant.pk):
        point = make_metering_point(tenant=tenant)
        meter = make_meter(tenant=tenant, metering_point=point)
        make_key(meter)
        found = Forwarder.objects.create(name="Head", url="https://example.com", device_key="x")
        ForwardedMeter.objects.create(forwarder=found, meter=meter)
    now = timezone.now()
    start = now.replace(minute=0, second=0, microsecond=0) - timedelta(hours=3)
    keep_readings(meter, register_rows(start, [0, 5, 9]), now=now)
    recompute_all_touched(tenant.pk)
    with acting_for(tenant.pk):
        gather()
    for minutes in (5, 10):  # one computed and not gathered, one not even computed
        late = register_rows(start + timedelta(minutes=minutes), [1])
        recompute_all_touched(tenant.pk)
        keep_readings(meter, late, now=now)
    keep_readings(meter, register_rows(start, [99]), now=now)
    keep_readings(meter, register_rows(datetime(1970, 1, 1, tzinfo=UTC), [1]), now=now)
    return meter


def count(table: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {table}")
        return int(cursor.fetchone()[0])


def test_each_table_shows_a_tenant_its_own_rows_and_nobody_else_any(
    acacia: Tenant, baobab: Tenant
) -> None:
    fill(acacia)
    with acting_for(acacia.pk):
        own = {table: count(table) for table in TABLES}
    fill(baobab)

    assert {table: count(table) for table in TABLES} == dict.fromkeys(TABLES, 0)
    for tenant in (acacia, baobab):
        with acting_for(tenant.pk):
            assert {table: count(table) for table in TABLES} == own
    assert {name for name, rows in own.items() if not rows} & FILLED == set()


def test_rows_cannot_point_at_another_tenants(acacia: Tenant, baobab: Tenant) -> None:
    theirs = fill(baobab)
    with acting_for(acacia.pk):
        point = make_metering_point(tenant=acacia)
    attempts: list[Callable[[], Any]] = [
        lambda: Installation.objects.create(
            tenant=acacia, meter_id=theirs.pk, metering_point=point, starts_at=timezone.now()
        ),
        lambda: MeteringPoint.objects.create(tenant=baobab, site=point.site, name="x"),
        lambda: Interval.objects.create(
            tenant=acacia,
            meter_id=theirs.pk,
            starts_at=datetime(2020, 1, 1, tzinfo=UTC),
            seconds_covered=900,
            quality="measured",
            rule="register",
        ),
    ]

    for attempt in attempts:
        with pytest.raises((IntegrityError, ProgrammingError)), acting_for(acacia.pk):
            attempt()


@pytest.mark.parametrize(
    ("statement", "role"),
    [
        ("SELECT 1 FROM {partition}", "default"),
        (
            "INSERT INTO {partition} (tenant_id, meter_id, measured_at) VALUES (1, 1, now())",
            "default",
        ),
        (
            "INSERT INTO meters_reading (tenant_id, meter_id, measured_at) VALUES (1, 1, now())",
            "default",
        ),
        ("DELETE FROM meters_reading", "default"),
        ("UPDATE meters_reading SET power_w = 0", "default"),
        ("TRUNCATE meters_reading", "default"),
        (
            "INSERT INTO meters_touched (tenant_id, meter_id, quarter_at) VALUES (1, 1, now())",
            "default",
        ),
        ("SELECT meters_store_or_report('[]')", "default"),
        ("SELECT meters_senders('{{}}')", "default"),
        ("SELECT meters_make_partition(current_date)", "default"),
        ("SELECT 1 FROM {partition}", "ingest"),
        ("SELECT 1 FROM meters_reading", "ingest"),
        ("DELETE FROM {partition}", "ingest"),
        ("UPDATE {partition} SET power_w = 0", "ingest"),
        ("SELECT 1 FROM meters_devicekey", "ingest"),
        ("SELECT 1 FROM meters_touched", "ingest"),
        ("SELECT 1 FROM clients_client", "ingest"),
        ("SELECT meters_make_partition('1990-01-01')", "ingest"),
        ("SELECT meters_make_partition('2990-01-01')", "ingest"),
    ],
)
def test_the_roles_may_no_more_than_they_must(statement: str, role: str, acacia: Tenant) -> None:
    fill(acacia)
    partition = f"meters_reading_{timezone.now() - timedelta(hours=3):%Y_%m}"
    with (
        pytest.raises(DatabaseError) as refused,
        transaction.atomic(using=role),
        connections[role].cursor() as cursor,
    ):
        cursor.execute(statement.format(partition=partition))

    assert "permission denied" in str(refused.value) or "no partition for" in str(refused.value)


def test_readings_are_kept_when_they_are_read_through_the_parent(acacia: Tenant) -> None:
    meter = fill(acacia)

    with acting_for(acacia.pk):
        assert Reading.objects.filter(meter_id=meter.pk).count() == 5
