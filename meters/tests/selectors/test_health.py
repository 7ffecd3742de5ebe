from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from clients.kernel.tenancy import acting_for
from clients.models import Tenant
from meters.models import DayTotal, EventKind, MeterClock, RegisterEvent, Rule
from meters.selectors.health import PAGE, health
from meters.testing import keep_readings, make_meter, make_metering_point

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)


@pytest.mark.commits
def test_each_trouble_is_told(acacia: Tenant) -> None:
    with acting_for(acacia.pk):
        point = make_metering_point(tenant=acacia, name="Quadro")
        good = make_meter(tenant=acacia, metering_point=point, reports_every_seconds=60)
        silent, never = make_meter(tenant=acacia), make_meter(tenant=acacia)
        ahead = make_meter(tenant=acacia)
        make_meter(tenant=acacia, is_active=False)
        for day in range(1, 8):
            DayTotal.objects.create(
                tenant=acacia,
                meter=good,
                day=NOW.date() - timedelta(days=day),
                rule=Rule.REGISTER,
                interval_count=96,
                seconds_covered=86_400,
                seconds_estimated=0,
                seconds_expected=86_400,
            )
        MeterClock.objects.create(
            tenant=acacia, meter=ahead, least_lag_s=-300.0, last_lag_s=-299.0, seen_at=NOW
        )
        RegisterEvent.objects.create(
            tenant=acacia, meter=silent, kind=EventKind.RESET, starts_at=NOW, ends_at=NOW
        )
    for meter, age, every in ((good, 0, 60), (silent, 180, 60), (ahead, -5, 60)):
        rows = [
            {"measured_at": NOW - timedelta(minutes=age, seconds=every * n), "power_w": 1.0}
            for n in range(30)
        ]
        keep_readings(meter, rows, now=NOW)

    with acting_for(acacia.pk):
        with CaptureQueriesContext(connection) as queries:
            found = health(now=NOW)
        odd = health(now=NOW, state="odd")
        searched = health(now=NOW, search="quadro")
        beyond = health(now=NOW, page=9)
        by_week = health(now=NOW, order="-week")

    rows = {row.serial: row for row in found.rows}
    assert len(queries) == 3
    assert {serial: row.situation for serial, row in rows.items()} == {
        good.serial: "online",
        silent.serial: "silent",
        never.serial: "never",
        ahead.serial: "online",
    }
    assert found.counts == {"online": 2, "silent": 1, "never": 1, "incomplete": 2, "odd": 1}
    assert found.rows[0].serial == never.serial  # those in trouble first
    assert (rows[good.serial].week_share, rows[good.serial].every_s) == (1.0, 60)
    assert rows[good.serial].name == "Quadro"
    clock = rows[ahead.serial].clock
    assert clock is not None
    assert clock.state == "ahead"
    assert [row.serial for row in odd.rows] == [silent.serial]
    assert [row.serial for row in searched.rows] == [good.serial]
    assert (beyond.rows, beyond.total) == ([], 4)
    assert by_week.rows[0].serial == good.serial


def test_pages_hold_fifty_and_take_three_queries(acacia: Tenant) -> None:
    for _ in range(PAGE + 3):
        make_meter(tenant=acacia)

    with CaptureQueriesContext(connection) as queries:
        first = health(now=NOW, order="name")
    second = health(now=NOW, order="name", page=2)

    assert (len(first.rows), len(second.rows), first.total) == (PAGE, 3, PAGE + 3)
    assert len(queries) == 3
