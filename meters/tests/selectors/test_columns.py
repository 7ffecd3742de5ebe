from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from clients.kernel.charts import Mark
from clients.kernel.periods import Period, day_of, day_start, month_of
from clients.kernel.tenancy import acting_for
from clients.models import Tenant
from meters.models import Quality, Rule
from meters.selectors.columns import TooManyPoints, series
from meters.services.disregarding import disregard_readings
from meters.services.intervals import recompute_all_touched
from meters.testing import keep_intervals, keep_readings, make_meter, make_metering_point

SAO_PAULO = ZoneInfo("America/Sao_Paulo")
DAY = day_of(date(2026, 3, 10), SAO_PAULO)
NOW = datetime(2026, 5, 1, tzinfo=UTC)


def minutes(start: datetime, count: int, **columns: Any) -> list[dict[str, Any]]:
    return [
        {"measured_at": start + timedelta(minutes=n), **{k: v(n) for k, v in columns.items()}}
        for n in range(count)
    ]


def test_energy_is_summed_and_its_gaps_estimates_and_edits_are_marked(acacia: Tenant) -> None:
    meter = make_meter(tenant=acacia, metering_point=make_metering_point(tenant=acacia))
    keep_intervals(meter, DAY.start, [400.0] * 4 + [None] * 4 + [800.0] * 4)
    keep_intervals(meter, DAY.start + timedelta(hours=3), [40.0] * 4, quality=Quality.ESTIMATED)
    edited = {"quality": Quality.EDITED, "rule": Rule.BY_HAND, "author": "Ana"}
    keep_intervals(meter, DAY.start + timedelta(hours=4), [40.0] * 2, **edited)

    found = series(
        meter, ["energy_import"], Period(DAY.start, DAY.start + timedelta(hours=5)), now=NOW
    )

    (line,) = found.lines
    start = int(DAY.start.timestamp())
    assert line.v == [100.0] * 4 + [None] * 4 + [200.0] * 4 + [10.0] * 6 + [None] * 2
    assert (found.resolution, found.step_s, line.unit) == ("15min", 900, "Wh")
    assert set(found.marks) == {
        Mark(start + 3_600, start + 7_200, "missing"),
        Mark(start + 3 * 3_600, start + 4 * 3_600, "estimated"),
        Mark(start + 4 * 3_600, start + 4 * 3_600 + 1_800, "edited", "Ana"),
        Mark(start + 4 * 3_600 + 1_800, start + 5 * 3_600, "missing"),
    }
    assert (found.known, found.estimated) == (14 / 20, 6 / 20)


def test_what_has_not_come_is_not_missing(acacia: Tenant) -> None:
    meter = make_meter(tenant=acacia, metering_point=make_metering_point(tenant=acacia))
    keep_intervals(meter, DAY.start, [400.0] * 8)

    found = series(meter, ["energy_import"], DAY, now=DAY.start + timedelta(hours=2))

    assert (found.known, found.marks) == (1.0, [])


def test_a_month_is_hours_by_itself_and_quarters_when_asked(acacia: Tenant) -> None:
    meter = make_meter(tenant=acacia, metering_point=make_metering_point(tenant=acacia))
    march = month_of(date(2026, 3, 1), SAO_PAULO)
    watts = [float(n % 7) * 40 for n in range(31 * 96)]
    keep_intervals(meter, march.start, watts)

    hours = series(meter, ["energy_import"], march, now=NOW)
    quarters = series(meter, ["energy_import"], march, now=NOW, resolution="15min")

    assert (hours.resolution, len(hours.t)) == ("1h", 744)
    assert (quarters.resolution, len(quarters.t)) == ("15min", 2_976)
    line = hours.lines[0]
    assert sum(v or 0 for v in line.v) == pytest.approx(sum(watts) / 4)
    assert (line.v[0], line.low, line.high) == (
        60.0,
        [min(watts[4 * n : 4 * n + 4]) / 4 for n in range(744)],
        [max(watts[4 * n : 4 * n + 4]) / 4 for n in range(744)],
    )
    for wrong in ("raw", "1min"):
        with pytest.raises(TooManyPoints):
            series(meter, ["energy_import"], march, now=NOW, resolution=wrong)


def test_previous_period_lies_under_the_same_places(acacia: Tenant) -> None:
    meter = make_meter(tenant=acacia, metering_point=make_metering_point(tenant=acacia))
    keep_intervals(meter, DAY.start - timedelta(days=1), [400.0] * 96)
    keep_intervals(meter, DAY.start, [800.0] * 96)

    found = series(meter, ["energy_import"], DAY, now=NOW, compare=True)

    assert (found.lines[0].v, found.lines[0].prev) == ([200.0] * 96, [100.0] * 96)


@pytest.mark.commits
def test_readings_keep_their_peaks_whatever_the_resolution(acacia: Tenant) -> None:
    with acting_for(acacia.pk):
        meter = make_meter(
            tenant=acacia, metering_point=make_metering_point(tenant=acacia), sample_seconds=60
        )
    rows = minutes(
        DAY.start - timedelta(days=2),
        3 * 1_440,
        power_w=lambda n: 9_000.0 if n == 3_200 else 100.0 + n % 10,
        voltage_l1_v=lambda _n: 220.0,
    )
    del rows[2 * 1_440 + 100 : 2 * 1_440 + 200]
    keep_readings(meter, rows, now=NOW)
    recompute_all_touched(acacia.pk)

    with acting_for(acacia.pk):
        raw = series(meter, ["power_w", "voltage_l1_v"], DAY, now=NOW, compare=True)
        three = Period(DAY.start - timedelta(days=2), DAY.end)
        coarse = series(meter, ["power_w", "energy_import"], three, now=NOW)
        spike = three.start + timedelta(minutes=3_200)
        disregard_readings(meter, [spike], reason="lightning")
        after = series(meter, ["power_w"], three, now=NOW)

    power, voltage = raw.lines
    assert (raw.resolution, raw.step_s) == ("raw", 60)
    assert len(raw.t) == 1_340 + 1  # a None in the hole
    assert power.v.count(None) == 1
    assert power.prev is not None
    assert power.prev[:3] == [100.0, 101.0, 102.0]
    assert voltage.v.count(220.0) == 1_340
    assert [mark.kind for mark in raw.marks] == ["missing"]
    assert (coarse.resolution, len(coarse.t)) == ("15min", 288)
    assert coarse.lines[0].high is not None
    assert max(v for v in coarse.lines[0].high if v is not None) == 9_000.0
    place = 3_200 // 15
    values = [9_000.0 if n == 3_200 else 100.0 + n % 10 for n in range(place * 15, place * 15 + 15)]
    assert coarse.lines[0].v[place] == pytest.approx(sum(values) / 15)
    assert after.lines[0].high is not None
    assert max(v for v in after.lines[0].high if v is not None) == 109.0


@pytest.mark.commits
def test_days_and_months_are_local_and_come_from_day_totals(acacia: Tenant) -> None:
    with acting_for(acacia.pk):
        meter = make_meter(tenant=acacia, metering_point=make_metering_point(tenant=acacia))
    start = day_start(date(2026, 1, 30), SAO_PAULO)
    rows = [
        {"measured_at": start + timedelta(minutes=15 * n), "energy_import_wh": 10 * n}
        for n in range(4 * 96 + 1)
    ]
    keep_readings(meter, rows, now=NOW)
    recompute_all_touched(acacia.pk)
    period = Period(start, start + timedelta(days=3, hours=5))

    with acting_for(acacia.pk):
        days = series(meter, ["energy_import"], period, now=NOW, resolution="1d")
        months = series(meter, ["energy_import"], period, now=NOW, resolution="1mo", compare=True)

    assert days.lines[0].v == [960.0] * 4
    assert days.t == [int((start + timedelta(days=n)).timestamp()) for n in range(4)]
    assert months.lines[0].v == [1_920.0, 1_920.0]
    assert months.period.start == day_start(date(2026, 1, 1), SAO_PAULO)
    assert months.period.end == day_start(date(2026, 3, 1), SAO_PAULO)
    assert months.lines[0].prev == [None, None]
    assert days.known == 1.0


def test_number_of_queries_does_not_depend_on_the_question(acacia: Tenant) -> None:
    meter = make_meter(tenant=acacia, metering_point=make_metering_point(tenant=acacia))
    keep_intervals(meter, DAY.start, [400.0] * 96)

    counts = []
    for quantities in (["energy_import"], ["energy_import", "energy_export", "volume"]):
        with CaptureQueriesContext(
            connection,
        ) as queries:
            series(meter, quantities, DAY, now=NOW, compare=True)
        counts.append(len(queries))
    with CaptureQueriesContext(connection) as queries:
        series(
            meter,
            ["energy_import", "power_w", "voltage_l1_v", "voltage_l2_v"],
            month_of(date(2026, 3, 1), SAO_PAULO),
            now=NOW,
            compare=True,
        )

    assert counts == [4, 4]  # place, sums, sums before, runs
    assert len(queries) == 6
