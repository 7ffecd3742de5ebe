from __future__ import annotations

import csv
import gzip
import io
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from openpyxl import load_workbook

from clients.kernel.files import content_of
from clients.kernel.periods import Period
from clients.kernel.tenancy import acting_for
from clients.models import StoredFile, Tenant
from meters.models import (
    DayTotal,
    ExportState,
    ImportState,
    Interval,
    Meter,
    Reading,
    ReadingExport,
)
from meters.services import export_files, exports
from meters.services.exports import ExportRefused, Wanted, start_export, work_on_export
from meters.services.imports import check_import, start_import, work_on_import
from meters.services.intervals import recompute_all_touched
from meters.testing import keep_readings, make_meter, make_metering_point, make_site, register_rows

pytestmark = pytest.mark.commits
NOW = datetime(2026, 4, 1, tzinfo=UTC)
START = datetime(2026, 3, 10, 3, tzinfo=UTC)
WHOLE = Period(START, START + timedelta(days=2))


@pytest.fixture
def meters(acacia: Tenant) -> list[Meter]:
    """One with registers and instants, one whose serial number a sheet would run."""
    with acting_for(acacia.pk):
        site = make_site(tenant=acacia, name="Padaria")
        found = [
            make_meter(
                tenant=acacia,
                metering_point=make_metering_point(tenant=acacia, site=site),
                serial=serial,
            )
            for serial in ("=1+1", "M1")
        ]
    rows = register_rows(START, [1_000 + 7 * n for n in range(60)])
    for place, row in enumerate(rows):
        row |= {"power_w": 100.1 + place, "voltage_l1_v": 127.3}
    keep_readings(found[1], rows, now=NOW)
    moment = {"measured_at": START + timedelta(milliseconds=250), "power_w": -5.5}
    keep_readings(found[0], [{**moment, "extra": {"note": "a;b", "ok": True}}], now=NOW)
    recompute_all_touched(acacia.pk)
    return found


def written(tenant: Tenant, **fields: Any) -> ReadingExport:
    with acting_for(tenant.pk):
        job = start_export(Wanted(**{"period": WHOLE, **fields}), by="Ana")
    work_on_export(tenant.pk, job.pk, now=NOW)
    with acting_for(tenant.pk):
        return ReadingExport.objects.get(pk=job.pk)


def contents(tenant: Tenant, job: ReadingExport) -> list[bytes]:
    with acting_for(tenant.pk):
        files = [part.file_id for part in job.parts.all()]
        return [content_of(StoredFile.objects.get(public_id=one)) for one in files]


def table(content: bytes, delimiter: str = ";") -> list[dict[str, str]]:
    text = io.StringIO(content.decode("utf-8-sig"))
    return list(csv.DictReader(text, delimiter=delimiter))


@pytest.mark.parametrize(
    "how",
    [
        {"decimal_sign": "comma"},
        {"decimal_sign": "point"},
        {"decimal_sign": "comma", "is_gzip": True},
        {"format": "xlsx"},
        {"format": "xlsx", "time_zone": "UTC"},
    ],
    ids=str,
)
def test_what_is_exported_is_imported_as_duplicates_only(
    acacia: Tenant, meters: list[Meter], how: dict[str, Any]
) -> None:
    job = written(acacia, **how)

    for content in contents(acacia, job):
        with acting_for(acacia.pk):
            back = start_import("back", content, now=NOW)
            check_import(back)
        work_on_import(acacia.pk, back.pk, now=NOW)
        with acting_for(acacia.pk):
            back.refresh_from_db()
        assert back.state == ImportState.CHECKED
        assert back.report["exceptions"] == []
        assert (back.row_count, back.duplicate_count) == (61, 61)


def test_a_formula_is_shown_and_never_run(acacia: Tenant, meters: list[Meter]) -> None:
    [text] = contents(acacia, written(acacia))
    [sheet] = contents(acacia, written(acacia, format="xlsx"))

    assert table(text)[0]["meter"] == "'=1+1"
    cell = load_workbook(io.BytesIO(sheet)).active["A2"]
    assert (cell.value, cell.data_type) == ("'=1+1", "s")


def test_readings_are_written_with_the_columns_that_were_said(
    acacia: Tenant, meters: list[Meter]
) -> None:
    job = written(acacia, meters=[meters[1]], decimal_sign="point")
    [content] = contents(acacia, job)

    rows = table(content, ",")
    assert (job.state, job.row_count, job.columns) == (
        ExportState.DONE,
        60,
        ["energy_import_wh", "power_w", "voltage_l1_v"],
    )
    assert rows[1] == {
        "meter": "M1",
        "measured_at": "2026-03-10T00:15:00-03:00",
        "energy_import_wh": "1007",
        "power_w": "101.1",
        "voltage_l1_v": "127.3",
    }


def test_quarter_hours_give_their_joules_back(acacia: Tenant, meters: list[Meter]) -> None:
    [content] = contents(acacia, written(acacia, what="intervals", meters=[meters[1]]))

    rows = table(content)
    with acting_for(acacia.pk):
        kept = list(
            Interval.objects.filter(meter=meters[1])
            .order_by("starts_at")
            .values_list("energy_import_ws", "quality")
        )
    said = [Decimal(row["energy_import_kwh"].replace(",", ".")) * 3_600_000 for row in rows]
    assert [(round(ws), row["quality"]) for ws, row in zip(said, rows, strict=True)] == kept


def test_days_are_written_by_their_local_date(acacia: Tenant, meters: list[Meter]) -> None:
    [content] = contents(acacia, written(acacia, what="days", meters=[meters[1]]))

    with acting_for(acacia.pk):
        total = DayTotal.objects.get(meter=meters[1])
    [row] = table(content)
    assert row["day"] == "2026-03-10"
    assert row["power_max_w"] == "159,1"  # and not 159,10000610351562
    assert round(Decimal(row["energy_import_kwh"].replace(",", ".")) * 3_600_000) == (
        total.energy_import_ws
    )


def test_parts_stand_alone_and_leave_nothing_out(
    acacia: Tenant, meters: list[Meter], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export_files, "LARGEST_PART", 1_000)
    monkeypatch.setattr(export_files, "CHECK_EVERY", 1)

    job = written(acacia)

    parts = [table(content) for content in contents(acacia, job)]
    assert len(parts) > 2
    assert [part.name[-8:] for part in parts_of(acacia, job)][:2] == ["-001.csv", "-002.csv"]
    instants = [(row["meter"], row["measured_at"]) for part in parts for row in part]
    assert len(instants) == len(set(instants)) == 61
    assert instants == sorted(instants)


def parts_of(tenant: Tenant, job: ReadingExport) -> list[Any]:
    with acting_for(tenant.pk):
        return list(job.parts.all())


def test_a_killed_export_goes_on_where_it_was(
    acacia: Tenant, meters: list[Meter], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export_files, "LARGEST_PART", 1_000)
    monkeypatch.setattr(export_files, "CHECK_EVERY", 1)
    whole = contents(acacia, written(acacia))
    keep, calls = exports._keep, iter(range(100))

    class Killed(BaseException):
        pass

    def dies(*args: Any) -> None:
        keep(*args)
        if next(calls) == 1:
            raise Killed

    monkeypatch.setattr(exports, "_keep", dies)
    with acting_for(acacia.pk):
        job = start_export(Wanted(period=WHOLE))
    with pytest.raises(Killed):
        work_on_export(acacia.pk, job.pk, now=NOW)
    assert len(parts_of(acacia, job)) == 1
    work_on_export(acacia.pk, job.pk, now=NOW)

    assert contents(acacia, job) == whole


def test_packed_files_are_smaller_and_say_so(acacia: Tenant, meters: list[Meter]) -> None:
    job = written(acacia, is_gzip=True)

    [part] = parts_of(acacia, job)
    [content] = contents(acacia, job)
    assert part.name.endswith("-001.csv.gz")
    assert gzip.decompress(content) == contents(acacia, written(acacia))[0]


def test_meters_are_chosen_by_site_or_client(acacia: Tenant, meters: list[Meter]) -> None:
    with acting_for(acacia.pk):
        other = make_site(tenant=acacia)
        site = meters[0].installations.get().metering_point.site
        with pytest.raises(ExportRefused, match="No meter"):
            start_export(Wanted(period=WHOLE, site=other))
        assert start_export(Wanted(period=WHOLE, client=site.client)).meter_ids == [
            meter.pk for meter in meters
        ]
        assert Reading.objects.count() == 61


def test_an_export_of_nothing_is_a_file_with_a_header(acacia: Tenant, meters: list[Meter]) -> None:
    empty = Period(NOW - timedelta(hours=1), NOW)

    job = written(acacia, period=empty)

    assert (job.state, job.row_count) == (ExportState.DONE, 0)
    [content] = contents(acacia, job)
    assert content.decode("utf-8-sig") == "meter;measured_at\r\n"


def test_what_a_workbook_cannot_hold_is_left_out_of_it(acacia: Tenant) -> None:
    with acting_for(acacia.pk):
        meter = make_meter(tenant=acacia, serial="A\x01\x0bB")
    keep_readings(meter, register_rows(START, [0, 1]), now=NOW)

    [sheet] = contents(acacia, written(acacia, format="xlsx", meters=[meter]))

    assert load_workbook(io.BytesIO(sheet)).active["A2"].value == "AB"


def test_an_export_that_cannot_be_written_fails_with_its_reason(
    acacia: Tenant, meters: list[Meter], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_said: Any) -> Any:
        raise KeyError("x")

    with acting_for(acacia.pk):
        job = start_export(Wanted(period=WHOLE), by="x")
    monkeypatch.setattr(exports, "_rows", broken)

    states = []
    for _ in range(exports.MOST_FAILURES + 1):
        work_on_export(acacia.pk, job.pk, now=NOW)
        with acting_for(acacia.pk):
            job.refresh_from_db()
        states.append(str(job.state))

    assert states == ["running"] * 4 + ["failed"] * 2
    assert "KeyError" in job.error
