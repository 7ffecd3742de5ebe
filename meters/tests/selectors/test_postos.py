from __future__ import annotations

import csv
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from clients.kernel.periods import Period, day_start
from clients.models import Tenant
from meters.errors import NotEnoughData
from meters.models import Holiday, MeterKind, PeakHours, Quality, Rule
from meters.selectors.demand import demand
from meters.selectors.postos import days_without_peak, national_holidays, timetable_of
from meters.services.peak_hours import UnknownDistributor, copy_peak_hours, known_hours
from meters.testing import keep_intervals, make_meter, make_metering_point, make_site

SAO_PAULO = ZoneInfo("America/Sao_Paulo")
YEAR = date(2026, 1, 1), date(2027, 1, 1)
MONDAY = day_start(date(2026, 11, 9), SAO_PAULO)
NOW = datetime(2026, 12, 1, tzinfo=UTC)
LIGHT = [("peak", "17:30", "20:30"), ("intermediate", "20:30", "22:30")]
ENEL_RJ = [
    ("intermediate", "16:00", "18:00"),
    ("peak", "18:00", "21:00"),
    ("intermediate", "21:00", "22:00"),
]
COELBA = [("intermediate", "16:00", "18:00"), ("peak", "18:00", "21:00")]


def enter(
    tenant: Tenant, hours: list[tuple[str, str, str]], distributor: str = "Light", **fields: object
) -> None:
    for posto, start, end in hours:
        PeakHours.objects.create(
            **{
                "tenant": tenant,
                "distributor": distributor,
                "posto": posto,
                "from_time": time.fromisoformat(start),
                "until_time": time.fromisoformat(end),
                "starts_on": date(2026, 1, 1),
                "source": "the bill of March",
                **fields,
            }
        )


@pytest.mark.parametrize(
    ("hours", "expected"),
    [
        (
            LIGHT,
            {"17:29": "off_peak", "17:30": "peak", "20:30": "intermediate", "22:30": "off_peak"},
        ),
        (
            ENEL_RJ,
            {
                "15:59": "off_peak",
                "16:00": "intermediate",
                "18:00": "peak",
                "21:59": "intermediate",
            },
        ),
        (COELBA, {"17:59": "intermediate", "20:59": "peak", "21:00": "off_peak"}),
    ],
    ids=["after only", "both sides", "before only"],
)
def test_posto_follows_the_distributors_own_hours(
    acacia: Tenant, hours: list[tuple[str, str, str]], expected: dict[str, str]
) -> None:
    enter(acacia, hours)

    timetable = timetable_of("light", *YEAR)

    assert timetable is not None
    day = date(2026, 11, 9)
    said = {
        at: timetable.posto(datetime.combine(day, time.fromisoformat(at), SAO_PAULO))
        for at in expected
    }
    assert said == expected


def test_carnival_tuesday_and_corpus_christi_have_no_peak_but_carnival_monday_has(
    acacia: Tenant,
) -> None:
    enter(acacia, LIGHT)
    timetable = timetable_of("Light", *YEAR)

    assert timetable is not None
    has_peak = {day: timetable.has_peak_hours(day) for day in (
        date(2026, 2, 16), date(2026, 2, 17), date(2026, 4, 3), date(2026, 6, 4), date(2026, 6, 5),
        date(2026, 11, 14), date(2026, 11, 20),
    )}  # fmt: skip

    assert list(has_peak.values()) == [True, False, False, False, True, False, True]


def test_calendar_is_the_list_of_the_regulator() -> None:
    for year, carnival, corpus in (
        (2024, date(2024, 2, 13), date(2024, 5, 30)),
        (2025, date(2025, 3, 4), date(2025, 6, 19)),
        (2028, date(2028, 2, 29), date(2028, 6, 15)),
    ):
        assert len(days_without_peak(year)) == 11
        assert {carnival, corpus} <= days_without_peak(year)
        assert date(year, 11, 20) in national_holidays(year)
        assert date(year, 11, 20) not in days_without_peak(year)


def test_a_tenant_decides_about_disputed_days(acacia: Tenant) -> None:
    enter(acacia, LIGHT)
    disputed = date(2026, 11, 20)
    before = timetable_of("Light", *YEAR)
    Holiday.objects.create(tenant=acacia, day=disputed, name="Zumbi", source="letter of Light")

    after = timetable_of("Light", *YEAR)

    assert before is not None
    assert after is not None
    assert before.to_confirm([disputed]) == [disputed]
    assert (after.has_peak_hours(disputed), after.to_confirm([disputed])) == (False, [])


def test_hours_hold_from_a_day_to_another(acacia: Tenant) -> None:
    enter(acacia, [("peak", "17:00", "20:00")], ends_on=date(2026, 7, 1))
    enter(acacia, [("peak", "18:00", "21:00")], starts_on=date(2026, 7, 1))
    timetable = timetable_of("Light", *YEAR)

    assert timetable is not None
    at = [
        datetime.combine(day, time(17, 30), SAO_PAULO)
        for day in (date(2026, 6, 30), date(2026, 7, 1))
    ]
    assert [timetable.posto(moment) for moment in at] == ["peak", "off_peak"]


def test_there_is_no_usual_timetable(acacia: Tenant) -> None:
    assert timetable_of("", *YEAR) is None
    assert timetable_of("Nobody knows", *YEAR) is None


def test_demand_is_the_mean_of_measured_quarters_in_local_time(acacia: Tenant) -> None:
    enter(acacia, LIGHT)
    point = make_metering_point(tenant=acacia, site=make_site(tenant=acacia, distributor="Light"))
    meter = make_meter(tenant=acacia, metering_point=point)
    watts = [100.0] * 96
    watts[4 * 18] = 5_000.0  # 18:00 local, 21:00 UTC
    watts[4 * 21] = 7_000.0
    watts[4 * 3] = 9_000.0
    keep_intervals(meter, MONDAY, watts)
    keep_intervals(
        meter,
        MONDAY + timedelta(days=1),
        [50_000.0],
        quality=Quality.ESTIMATED,
        rule=Rule.REGISTER_GAP,
    )
    keep_intervals(meter, MONDAY + timedelta(days=1, minutes=15), [60_000.0], seconds_covered=300)

    found = demand(meter, Period(MONDAY, MONDAY + timedelta(days=2)), now=NOW)

    assert {row.posto: (row.max_w, row.quarters) for row in found.postos} == {
        "peak": (5_000.0, 12),
        "intermediate": (7_000.0, 8),
        "off_peak": (9_000.0, 76),
    }
    assert (found.max_w, found.quarters, found.left_out) == (9_000.0, 96, 2)
    assert found.max_at == MONDAY + timedelta(hours=3)
    assert found.hours[18].mean_w == (5_000 + 3 * 100) / 4
    assert (found.sources, found.is_confirmed, found.to_confirm) == (
        ["the bill of March"],
        False,
        [],
    )
    assert round(sum(row.energy_wh for row in found.postos)) == round(sum(watts) / 4)


def test_demand_without_hours_has_no_postos_and_water_has_no_demand(acacia: Tenant) -> None:
    meter, water = make_meter(tenant=acacia), make_meter(tenant=acacia, kind=MeterKind.WATER)
    keep_intervals(meter, MONDAY, [100.0, 300.0])
    period = Period(MONDAY, MONDAY + timedelta(days=1))

    found = demand(meter, period, now=NOW)

    assert (found.postos, found.max_w, found.mean_w) == ([], 300.0, 200.0)
    for wrong, code in ((water, "not_for_water"), (make_meter(tenant=acacia), "not_enough_data")):
        with pytest.raises(NotEnoughData) as refused:
            demand(wrong, period, now=NOW)
        assert refused.value.error_code == code


def test_known_hours_are_copied_once_and_wait_to_be_confirmed(acacia: Tenant) -> None:
    copy_peak_hours("Enel RJ", starts_on=date(2026, 1, 1))
    copy_peak_hours("Enel RJ", starts_on=date(2026, 1, 1))

    rows = [
        (r.posto, f"{r.from_time:%H:%M}", f"{r.until_time:%H:%M}") for r in PeakHours.objects.all()
    ]

    assert rows == ENEL_RJ
    assert not PeakHours.objects.filter(is_confirmed=True).exists()
    assert all(row.source for row in PeakHours.objects.all())
    with pytest.raises(UnknownDistributor):
        copy_peak_hours("EDP ES", starts_on=date(2026, 1, 1))


def test_disputed_and_unverified_hours_are_not_shipped() -> None:
    with (Path(__file__).parents[2] / "data" / "peak_hours.csv").open(newline="") as file:
        kinds = {row["confidence"] for row in csv.DictReader(file)}

    assert kinds == {"secondary_agree", "single"}
    assert not {"CPFL Paulista", "Neoenergia Coelba"} & {row.distributor for row in known_hours()}
