from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from clients.kernel.periods import Period
from clients.kernel.tenancy import acting_for
from clients.models import Tenant
from meters.errors import BadFile, ImportBusy, ReadingsHeld
from meters.models import (
    Conflict,
    DayTotal,
    ImportState,
    Interval,
    Meter,
    Reading,
    ReadingImport,
    RetractedReading,
)
from meters.services import imports
from meters.services.holds import HOLDS, Hold
from meters.services.imports import (
    check_import,
    exceptions_of,
    open_imports,
    run_import,
    set_mapping,
    start_import,
    undo_import,
    work_on_import,
)
from meters.services.intervals import recompute_all_touched
from meters.testing import keep_readings, make_meter, make_metering_point, register_rows

pytestmark = pytest.mark.commits
NOW = datetime(2026, 4, 1, tzinfo=UTC)
START = datetime(2026, 3, 10, 3, tzinfo=UTC)  # midnight in São Paulo
QUARTER = timedelta(minutes=15)


@pytest.fixture
def meter(acacia: Tenant) -> Meter:
    with acting_for(acacia.pk):
        point = make_metering_point(tenant=acacia)
        return make_meter(tenant=acacia, metering_point=point, serial="M1")


def csv_of(registers: list[int], start: datetime = START) -> bytes:
    lines = [f"{(start + QUARTER * n).isoformat()},{wh}" for n, wh in enumerate(registers)]
    return ("measured_at,energy_import_wh\n" + "\n".join(lines) + "\n").encode()


def checked(tenant: Tenant, content: bytes, meter: Meter | None = None) -> ReadingImport:
    with acting_for(tenant.pk):
        job = start_import("readings.csv", content, meter=meter, by="Ana", now=NOW)
        check_import(job)
    work_on_import(tenant.pk, job.pk, now=NOW)
    return fresh(tenant, job)


def stored(tenant: Tenant, content: bytes, meter: Meter | None = None) -> ReadingImport:
    job = checked(tenant, content, meter)
    with acting_for(tenant.pk):
        run_import(job, now=NOW)
    work_on_import(tenant.pk, job.pk, now=NOW)
    recompute_all_touched(tenant.pk)
    return fresh(tenant, job)


def undone(tenant: Tenant, job: ReadingImport) -> ReadingImport:
    with acting_for(tenant.pk):
        undo_import(job, by="Ana", now=NOW)
    work_on_import(tenant.pk, job.pk, now=NOW)
    recompute_all_touched(tenant.pk)
    return fresh(tenant, job)


def fresh(tenant: Tenant, job: ReadingImport) -> ReadingImport:
    with acting_for(tenant.pk):
        return ReadingImport.objects.get(pk=job.pk)


def counts(job: ReadingImport) -> tuple[int, ...]:
    return (
        job.row_count,
        job.new_count,
        job.duplicate_count,
        job.conflict_count,
        job.refused_count,
    )


def layers(tenant: Tenant) -> dict[str, list[tuple[Any, ...]]]:
    """Everything that counts: readings, intervals and days."""
    with acting_for(tenant.pk):
        return {
            "readings": list(
                Reading.objects.order_by("meter_id", "measured_at").values_list(
                    "meter_id", "measured_at", "energy_import_wh", "power_w"
                )
            ),
            "intervals": list(
                Interval.objects.order_by("meter_id", "starts_at").values_list(
                    "meter_id", "starts_at", "energy_import_ws", "quality"
                )
            ),
            "days": list(
                DayTotal.objects.order_by("meter_id", "day").values_list(
                    "meter_id", "day", "energy_import_ws"
                )
            ),
        }


def test_a_check_says_what_would_change_and_stores_nothing(acacia: Tenant, meter: Meter) -> None:
    keep_readings(meter, register_rows(START, [1_000, 1_100, 1_250]), now=NOW)
    recompute_all_touched(acacia.pk)
    before = layers(acacia)

    job = checked(acacia, csv_of([1_000, 1_100, 9_999, 1_400, 1_500]) + b"yesterday,7\n", meter)

    assert job.state == ImportState.CHECKED
    assert counts(job) == (6, 2, 2, 1, 1)
    assert (job.first_at, job.last_at) == (START, START + QUARTER * 4)
    assert job.report["days"] == [
        {
            "meter": "M1",
            "register": "energy_import_wh",
            "day": "2026-03-10",
            "rows": 2,
            "before": 250,
            "after": 500,
            "falls": False,
        }
    ]
    assert job.report["sample"][0]["measured_at"] == "2026-03-10T00:00:00-03:00"
    assert [row["outcome"] for row in job.report["sample"]] == [
        "duplicate", "duplicate", "conflict", "new", "new",
    ]  # fmt: skip
    assert layers(acacia) == before


def test_what_the_check_foretold_for_each_day_is_what_comes_out(
    acacia: Tenant, meter: Meter
) -> None:
    keep_readings(meter, register_rows(START - QUARTER * 8, [0, 5_000]), now=NOW)
    recompute_all_touched(acacia.pk)
    content = csv_of([10_000 + 40 * n for n in range(96 * 3)])

    job = stored(acacia, content, meter)

    with acting_for(acacia.pk):
        days = dict(DayTotal.objects.values_list("day", "energy_import_ws"))
    foretold = {date.fromisoformat(d["day"]): d["after"] for d in job.report["days"]}
    assert len(foretold) == 3
    assert foretold == {day: round(days[day] / 3_600) for day in foretold}


def test_an_import_adds_what_is_new_and_keeps_the_first_of_two_values(
    acacia: Tenant, meter: Meter
) -> None:
    keep_readings(meter, register_rows(START, [1_000, 1_100]), now=NOW)

    job = stored(acacia, csv_of([1_000, 7, 1_200]), meter)

    assert (job.state, counts(job)) == (ImportState.STORED, (3, 1, 1, 1, 0))
    with acting_for(acacia.pk):
        assert [row["code"] for row in exceptions_of(job)] == ["conflict"]
        assert Conflict.objects.get().reading["energy_import_wh"] == 7
        values = Reading.objects.order_by("measured_at").values_list("energy_import_wh", flat=True)
        assert list(values) == [1_000, 1_100, 1_200]


def test_importing_the_same_file_again_finds_only_duplicates(acacia: Tenant, meter: Meter) -> None:
    content = csv_of(list(range(0, 5_000, 50)))
    stored(acacia, content, meter)
    before = layers(acacia)

    again = checked(acacia, content, meter)

    assert counts(again) == (100, 0, 100, 0, 0)
    with acting_for(acacia.pk), pytest.raises(ImportBusy):
        run_import(again, now=NOW)
    assert layers(acacia) == before


def test_a_file_that_says_less_than_is_stored_is_no_conflict(acacia: Tenant, meter: Meter) -> None:
    keep_readings(meter, [{"measured_at": START, "energy_import_wh": 5, "power_w": 230.1}], now=NOW)

    assert counts(checked(acacia, csv_of([5]), meter)) == (1, 0, 1, 0, 0)
    power = f"measured_at,power_w\n{START.isoformat()},230.1\n".encode()
    assert counts(checked(acacia, power, meter)) == (1, 0, 1, 0, 0)


def test_undoing_takes_back_exactly_its_own_rows(acacia: Tenant, meter: Meter) -> None:
    keep_readings(meter, register_rows(START, [1_000, 1_100]), now=NOW)
    recompute_all_touched(acacia.pk)
    before = layers(acacia)
    job = stored(acacia, csv_of([1_000, 7, 1_200, 1_300, 1_450]), meter)
    assert layers(acacia) != before

    job = undone(acacia, job)

    assert layers(acacia) == before
    assert (job.state, job.undone_by) == (ImportState.UNDONE, "Ana")
    with acting_for(acacia.pk):
        assert Conflict.objects.count() == 0
        kept = RetractedReading.objects.order_by("measured_at")
        assert [row.reading for row in kept] == [
            {"energy_import_wh": 1_200}, {"energy_import_wh": 1_300}, {"energy_import_wh": 1_450},
        ]  # fmt: skip
        with pytest.raises(ImportBusy):
            undo_import(job, now=NOW)


def test_after_undoing_the_file_can_be_imported_again(acacia: Tenant, meter: Meter) -> None:
    content = csv_of([1, 2, 3])
    job = stored(acacia, content, meter)
    whole = layers(acacia)
    undone(acacia, job)

    assert counts(stored(acacia, content, meter)) == (3, 3, 0, 0, 0)
    assert layers(acacia) == whole


def test_a_killed_import_goes_on_where_it_was(
    acacia: Tenant, meter: Meter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("meters.services.import_rows.CHUNK_ROWS", 10)
    content = csv_of(list(range(35)))
    job = checked(acacia, content, meter)
    with acting_for(acacia.pk):
        run_import(job, now=NOW)
    store, calls = imports.store_readings, iter(range(100))

    class Killed(BaseException):
        pass

    def dies(*args: Any, **kwargs: Any) -> Any:
        answer = store(*args, **kwargs)
        if next(calls) == 1:  # stored and committed, but nobody hears of it
            raise Killed
        return answer

    monkeypatch.setattr(imports, "store_readings", dies)
    with pytest.raises(Killed):
        work_on_import(acacia.pk, job.pk, now=NOW)
    half = fresh(acacia, job)
    with acting_for(acacia.pk):
        stored_before = Reading.objects.count()
    work_on_import(acacia.pk, job.pk, now=NOW)

    assert (half.state, stored_before) == (ImportState.RUNNING, 20)
    job = fresh(acacia, job)
    assert (job.state, counts(job)) == (ImportState.STORED, (35, 35, 0, 0, 0))
    undone(acacia, job)
    assert layers(acacia)["readings"] == []


def test_two_workers_at_once_add_each_row_once(
    acacia: Tenant, meter: Meter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("meters.services.import_rows.CHUNK_ROWS", 10)
    job = checked(acacia, csv_of(list(range(25))), meter)
    with acting_for(acacia.pk):
        run_import(job, now=NOW)
    store, other = imports.store_readings, iter([True])

    def races(*args: Any, **kwargs: Any) -> Any:
        if next(other, False):
            monkeypatch.setattr(imports, "store_readings", store)
            work_on_import(acacia.pk, job.pk, now=NOW)  # the other one does it all
        return store(*args, **kwargs)

    monkeypatch.setattr(imports, "store_readings", races)
    work_on_import(acacia.pk, job.pk, now=NOW)

    assert counts(fresh(acacia, job)) == (25, 25, 0, 0, 0)
    with acting_for(acacia.pk):
        assert job.chunks.count() == 3


def test_a_lost_nudge_is_found_after_a_minute(acacia: Tenant, meter: Meter) -> None:
    with acting_for(acacia.pk):
        job = start_import("readings.csv", csv_of([1, 2]), meter=meter, now=NOW)
        check_import(job)
        assert open_imports() == []
        long_ago = NOW - timedelta(days=365)
        ReadingImport.objects.filter(pk=job.pk).update(worked_at=long_ago)

    assert open_imports() == [(acacia.pk, job.pk)]


def test_a_changed_mapping_must_be_checked_again(acacia: Tenant, meter: Meter) -> None:
    job = checked(acacia, csv_of([1, 2]), meter)
    mapping = job.mapping
    mapping["columns"][0]["factor"] = "1000"

    with acting_for(acacia.pk):
        set_mapping(job, mapping)
        with pytest.raises(ImportBusy):
            run_import(job, now=NOW)
        check_import(job)
    work_on_import(acacia.pk, job.pk, now=NOW)

    assert fresh(acacia, job).report["sample"][1]["values"] == {"energy_import_wh": 2_000}


def test_without_a_meter_nothing_is_checked(acacia: Tenant, meter: Meter) -> None:
    with acting_for(acacia.pk):
        job = start_import("readings.csv", csv_of([1, 2]), now=NOW)
        with pytest.raises(BadFile, match="meter"):
            check_import(job)
        assert job.notes == ["no_meter"]


def test_another_companys_meter_is_no_meter(acacia: Tenant, baobab: Tenant, meter: Meter) -> None:
    with acting_for(baobab.pk):
        job = start_import("readings.csv", csv_of([1, 2]), now=NOW)
        with pytest.raises(BadFile, match="no meter"):
            set_mapping(job, {**job.mapping, "meter": "M1"})


@pytest.fixture
def held(acacia: Tenant, meter: Meter) -> Iterator[list[Hold]]:
    holds: list[Hold] = []

    def near(period: Period, _meters: Any, _now: datetime) -> list[Hold]:
        return [h for h in holds if h.starts_at < period.end and h.ends_at > period.start]

    HOLDS["test"] = near
    yield holds
    del HOLDS["test"]


def test_what_an_invoice_rests_on_is_not_undone(
    acacia: Tenant, meter: Meter, held: list[Hold]
) -> None:
    job = stored(acacia, csv_of([1, 2, 3]), meter)
    whole = layers(acacia)
    since = NOW + timedelta(days=1)
    held.append(Hold(meter.pk, START, START + QUARTER, "Invoice 000007", since=since))

    with acting_for(acacia.pk), pytest.raises(ReadingsHeld, match="Invoice 000007 rests on"):
        undo_import(job, now=NOW)

    assert fresh(acacia, job).state == ImportState.STORED
    assert layers(acacia) == whole


def test_an_invoice_from_before_the_import_does_not_rest_on_it(
    acacia: Tenant, meter: Meter, held: list[Hold]
) -> None:
    job = stored(acacia, csv_of([1, 2, 3]), meter)
    held.append(
        Hold(meter.pk, START, START + QUARTER, "Invoice 000007", since=NOW - timedelta(days=1))
    )

    assert undone(acacia, job).state == ImportState.UNDONE


def test_a_file_that_cannot_be_checked_fails_with_its_reason(
    acacia: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_said: Any, **_how: Any) -> Any:
        raise KeyError("x")

    with acting_for(acacia.pk):
        meter = make_meter(tenant=acacia)
        text = f"meter;time;power_w\n{meter.serial};2026-03-10 00:00;5\n"
        job = start_import("x.csv", text.encode(), now=NOW)
        check_import(job)
    monkeypatch.setattr(imports, "chunks_of", broken)

    states = []
    for _ in range(imports.MOST_FAILURES):
        work_on_import(acacia.pk, job.pk, now=NOW)
        with acting_for(acacia.pk):
            job.refresh_from_db()
        states.append(str(job.state))

    assert states == ["checking"] * 4 + ["failed"]
    assert "KeyError" in job.error


def test_a_check_names_the_line_at_which_a_register_falls(acacia: Tenant, meter: Meter) -> None:
    quarters = [1_000 + 10 * n for n in range(96)]

    job = checked(acacia, csv_of([*quarters, 2_000, 3]), meter)

    assert job.report["falls"] == [
        {"register": "energy_import_wh", "line": 99, "meter": "M1", "before": 2_000, "after": 3}
    ]
    assert [(day["falls"], day["after"]) for day in job.report["days"]][-1] == (True, None)


def two_columns() -> bytes:
    rows = [f"{(START + QUARTER * n).isoformat()};{10 + n};{5 + n}" for n in range(3)]
    head = "instante;Medidor A leitura (kWh);Medidor B leitura (m3)"
    return "\n".join([head, *rows]).encode()


def test_each_column_may_have_a_meter_of_its_own(acacia: Tenant, meter: Meter) -> None:
    with acting_for(acacia.pk):
        water = make_meter(tenant=acacia, serial="A1", kind="water")
        content = two_columns()
        job = start_import("two.csv", content, meter=meter, now=NOW)
        mapping = job.mapping
        mapping["columns"][1]["meter"] = "A1"
        set_mapping(job, mapping)
        check_import(job)
    work_on_import(acacia.pk, job.pk, now=NOW)
    job = fresh(acacia, job)
    with acting_for(acacia.pk):
        run_import(job, now=NOW)
    work_on_import(acacia.pk, job.pk, now=NOW)

    assert counts(fresh(acacia, job)) == (6, 6, 0, 0, 0)
    assert {day["meter"]: day["after"] for day in job.report["days"]} == {"M1": 2_000, "A1": 2_000}
    with acting_for(acacia.pk):
        energy = Reading.objects.filter(meter_id=meter.pk).order_by("measured_at")
        volume = Reading.objects.filter(meter_id=water.pk).order_by("measured_at")
        assert list(energy.values_list("energy_import_wh", "volume_l")) == [
            (10_000, None), (11_000, None), (12_000, None),
        ]  # fmt: skip
        assert list(volume.values_list("energy_import_wh", "volume_l")) == [
            (None, 5_000), (None, 6_000), (None, 7_000),
        ]  # fmt: skip


def test_a_quantity_that_its_meter_does_not_measure_is_refused(
    acacia: Tenant, meter: Meter
) -> None:
    content = two_columns()
    with acting_for(acacia.pk):
        job = start_import("two.csv", content, meter=meter, now=NOW)
        with pytest.raises(BadFile, match="Medidor B") as refused:
            check_import(job)

    assert refused.value.error_code == "wrong_kind"
    assert fresh(acacia, job).state == ImportState.DETECTED


def test_a_note_goes_once_it_is_answered(acacia: Tenant, meter: Meter) -> None:
    with acting_for(acacia.pk):
        job = start_import("readings.csv", csv_of([1, 2]), now=NOW)
        assert job.notes == ["no_meter"]

        set_mapping(job, {**job.mapping, "meter": "M1"})

    assert fresh(acacia, job).notes == []
