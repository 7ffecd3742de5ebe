from __future__ import annotations

import gzip
import io
import zipfile
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from openpyxl import Workbook

from meters.errors import BadFile
from meters.services.copying import from_us
from meters.services.import_cells import BadCell, Clock, number_reader
from meters.services.import_detection import detect
from meters.services.import_files import MOST_ROWS, xlsx_lines
from meters.services.import_mapping import Mapping, mapping_of, target
from meters.services.import_rows import KnownMeter, chunks_of
from meters.services.import_units import guess

NOW = datetime(2026, 6, 1, tzinfo=UTC)
SAO_PAULO = ZoneInfo("America/Sao_Paulo")
QUARTER = timedelta(minutes=15)


def meter(serial: str = "M1", **fields: Any) -> KnownMeter:
    known = {"id": 1, "zone": SAO_PAULO, "kind": "energy", "sample_seconds": 900}
    return KnownMeter(**{**known, "serial": serial, **fields})


def read(
    content: bytes, mapping: Mapping, *meters: KnownMeter
) -> tuple[list[tuple[datetime, dict[str, Any]]], list[tuple[int, str]]]:
    known = {m.serial: m for m in (meters or (meter(),))}
    rows, refused = [], []
    for chunk in chunks_of(content, mapping, known, now=NOW):
        width = len(chunk.spoken)
        for item, at in enumerate(chunk.instants_us):
            values = chunk.values[item * width : (item + 1) * width]
            said = dict(zip(chunk.spoken, values, strict=True))
            rows.append((from_us(at), {n: v for n, v in said.items() if v is not None}))
        refused += [(r.line, r.code) for r in chunk.refused]
    return rows, refused


def sheet(*rows: list[Any]) -> bytes:
    book, out = Workbook(), io.BytesIO()
    for row in rows:
        book.active.append(row)
    book.save(out)
    return out.getvalue()


BRAZILIAN = (
    "Relatório de medição;;\n"
    "Cliente: Padaria Trigo Bom;;\n"
    "Data;Hora;Energia ativa total (kWh);Tensão Fase A (V)\n"
    "01/03/2026;00:00;1.234,567;127,4\n"
    "01/03/2026;00:15;1.235,067;126,9\n"
    "01/03/2026;24:00;1.236,1;127\n"
).encode("cp1252")


def test_a_brazilian_report_is_understood_to_the_wh() -> None:
    found = detect(BRAZILIAN, meter="M1")
    rows, refused = read(BRAZILIAN, found.mapping)

    m = found.mapping
    assert (m.encoding, m.delimiter, m.decimal, m.header_line) == ("cp1252", ";", ",", 3)
    assert (m.time.columns, m.time.format) == ([0, 1], "dmy")
    assert [(c.quantity, c.says) for c in m.used] == [
        ("energy_import_wh", "register"),
        ("voltage_l1_v", "instant"),
    ]
    assert refused == []
    midnight = datetime(2026, 3, 1, 3, tzinfo=UTC)
    assert rows == [
        (midnight, {"energy_import_wh": 1_234_567, "voltage_l1_v": 127.4}),
        (midnight + QUARTER, {"energy_import_wh": 1_235_067, "voltage_l1_v": 126.9}),
        (midnight + 96 * QUARTER, {"energy_import_wh": 1_236_100, "voltage_l1_v": 127.0}),
    ]


def test_a_packed_file_is_read_as_it_is() -> None:
    packed = gzip.compress(BRAZILIAN)

    assert read(packed, detect(packed, meter="M1").mapping) == read(
        BRAZILIAN, detect(BRAZILIAN, meter="M1").mapping
    )


HEADERS = {
    "energy_import_wh": ("energy_import_wh", "1"),
    "Energia (kWh)": ("energy_import_wh", "1000"),
    "Energia injetada kWh": ("energy_export_wh", "1000"),
    "1.8.0": ("energy_import_wh", "1000"),
    "2.8.0 [Wh]": ("energy_export_wh", "1"),
    "Energia reativa (kvarh)": ("reactive_import_varh", "1000"),
    "Potência ativa (kW)": ("power_w", "1000"),
    "Potência L2 [W]": ("power_l2_w", "1"),
    "Tensão B (V)": ("voltage_l2_v", "1"),
    "V3": ("voltage_l3_v", "1"),
    "Corrente fase C (A)": ("current_l3_a", "1"),
    "Corrente neutro (mA)": ("current_n_a", "0.001"),
    "Fator de potência": ("power_factor", "1"),
    "Frequência (Hz)": ("frequency_hz", "1"),
    "Volume (m³)": ("volume_l", "1000"),
    "Leitura do hidrômetro m3": ("volume_l", "1000"),
    "Consumo (L)": ("volume_l", "1"),
    "Pressão (mca)": ("pressure_bar", "0.0980665"),
    "Temperatura °C": ("temperature_c", "1"),
    "voltage_l1_v": ("voltage_l1_v", "1"),
}


@pytest.mark.parametrize("header", HEADERS)
def test_a_header_names_quantity_and_unit(header: str) -> None:
    found = guess(header)

    if header == "V3":  # no unit: a guess, said to be one
        assert found is None or not found.is_sure
        return
    assert found is not None
    assert (found.quantity, str(found.factor)) == HEADERS[header]


@pytest.mark.parametrize("header", ["Observações", "submeter1_wh", "Status", "Cliente", ""])
def test_a_header_that_names_nothing_is_left_out(header: str) -> None:
    assert guess(header) is None


NUMBERS = [
    (",", "1.234,5", "1234.5"),
    (",", "1234,5", "1234.5"),
    (",", "-0,5", "-0.5"),
    (",", "1.234.567", "1234567"),
    (",", "1 234,5", "1234.5"),
    (".", "1,234.5", "1234.5"),
    (".", "1e3", "1e3"),
    (".", ".5", "0.5"),
    (".", "\u22121.5", "-1.5"),
]


@pytest.mark.parametrize(("decimal", "text", "value"), NUMBERS)
def test_numbers_are_read_as_people_write_them(decimal: str, text: str, value: str) -> None:
    assert number_reader(decimal)(text) == Decimal(value)


@pytest.mark.parametrize("text", ["1.23.4", "12.34,5", "1,2,3", "abc", "0x10", "inf", "1_000"])
def test_what_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(BadCell):
        number_reader(",")(text)


def test_decimal_signs_are_told_from_thousands() -> None:
    def decimal(*cells: str, delimiter: str = ";") -> tuple[str, bool]:
        lines = "\n".join(f"2026-01-01 00:0{n}{delimiter}{cell}" for n, cell in enumerate(cells))
        found = detect(f"data{delimiter}W\n{lines}\n".encode(), meter="M1")
        return found.mapping.decimal, "decimal_or_thousands" in found.notes

    assert decimal("1.234,5") == (",", False)
    assert decimal("1,5", "2") == (",", False)
    assert decimal("1.5", "22.25") == (".", False)
    assert decimal("1.234.567") == (",", False)
    assert decimal("1.234", "2.500") == (".", True)


def test_day_and_month_are_told_apart_by_value_order_or_said_to_be_unsure() -> None:
    def form(*days: str) -> tuple[str, bool]:
        lines = "\n".join(f"{day} 12:00;{n}" for n, day in enumerate(days))
        found = detect(f"data;W\n{lines}\n".encode(), meter="M1")
        return found.mapping.time.format, "day_or_month" in found.notes

    assert form("13/01/2026", "14/01/2026") == ("dmy", False)
    assert form("01/13/2026", "01/14/2026") == ("mdy", False)
    assert form("01/02/2026", "02/02/2026", "03/02/2026") == ("dmy", False)
    assert form("02/01/2026", "02/02/2026", "02/03/2026") == ("mdy", False)
    assert form("05/05/2026") == ("dmy", True)


CLOCKS = [
    ("iso", "2026-01-31T23:59:00-03:00", datetime(2026, 2, 1, 2, 59, tzinfo=UTC), True),
    ("iso", "2026-01-31 23:59:00.5Z", datetime(2026, 1, 31, 23, 59, 0, 500_000, UTC), True),
    ("iso", "2026-01-31 23:59", datetime(2026, 1, 31, 23, 59, tzinfo=UTC), False),
    ("iso", "20260131T2359", None, False),
    ("dmy", "31/01/26 7h05", datetime(2026, 1, 31, 7, 5, tzinfo=UTC), False),
    ("dmy", "31.01.2026 24:00", datetime(2026, 2, 1, tzinfo=UTC), False),
    ("dmy", "31/01/2026 24:01", None, False),
    ("mdy", "1/31/2026 11:59 PM", datetime(2026, 1, 31, 23, 59, tzinfo=UTC), False),
    ("mdy", "1/31/2026 12:05 am", datetime(2026, 1, 31, 0, 5, tzinfo=UTC), False),
    ("epoch_s", "1769904000", datetime(2026, 2, 1, tzinfo=UTC), True),
    ("epoch_ms", "1769904000250", datetime(2026, 2, 1, 0, 0, 0, 250_000, UTC), True),
    ("serial", "46054.5", datetime(2026, 2, 1, 12, tzinfo=UTC), False),
    ("dmy", "31/02/2026 10:00", None, False),
]


@pytest.mark.parametrize(("form", "text", "wanted", "is_exact"), CLOCKS)
def test_instants_in_every_format(
    form: str, text: str, wanted: datetime | None, is_exact: bool
) -> None:
    clock = Clock(form)
    if wanted is None:
        with pytest.raises(BadCell):
            clock.at(text)
        return

    at, exact = clock.at(text)

    assert (from_us(at), exact) == (wanted, is_exact)


def test_a_sheet_with_date_and_time_cells_and_a_meter_column() -> None:
    content = sheet(
        ["Medidor", "Data", "Hora", "Leitura (m³)"],
        [123, date(2026, 1, 5), time(6, 30), 10.5],
        [124.0, date(2026, 1, 5), time(6, 45), 11],
        [999, date(2026, 1, 5), time(7, 0), 12],
    )

    found = detect(content, serials={"123", "124"})
    rows, refused = read(
        content, found.mapping, meter("123", kind="water"), meter("124", id=2, kind="water")
    )

    assert found.mapping.kind == "xlsx"
    assert found.mapping.meter_column == 0
    assert rows == [
        (datetime(2026, 1, 5, 9, 30, tzinfo=UTC), {"volume_l": 10_500}),
        (datetime(2026, 1, 5, 9, 45, tzinfo=UTC), {"volume_l": 11_000}),
    ]
    assert refused == [(4, "unknown_meter")]


def test_serial_dates_and_epochs_count_only_where_the_header_says_so() -> None:
    serials = sheet(["Data/hora", "kWh"], [46054.5, 1], [46054.75, 2])
    epochs = b"timestamp,W\n1769904000,5\n1769904060,6\n"

    assert detect(serials, meter="M1").mapping.time.format == "serial"
    assert detect(epochs, meter="M1").mapping.time.format == "epoch_s"
    with pytest.raises(BadFile, match="no time column"):
        detect(b"id,W\n1769904000,5\n1769904060,6\n", meter="M1")


def test_use_per_interval_is_told_from_a_register_and_kept_as_mean_power() -> None:
    lines = [
        f"2026-01-01 00:{n * 15:02d};{kwh}" for n, kwh in enumerate(["0,25", "0,1", "0,5", "0"])
    ]
    content = ("data;Consumo (kWh)\n" + "\n".join(lines)).encode()

    found = detect(content, meter="M1")
    rows, _refused = read(content, found.mapping)

    column = found.mapping.used[0]
    assert (column.quantity, column.says, target(column)) == (
        "energy_import_wh",
        "interval",
        "power_w",
    )
    assert found.mapping.interval_seconds == 900
    assert "interval_energy" in found.notes
    assert [values["power_w"] for _at, values in rows] == [1_000, 400, 2_000, 0]


def test_an_interval_longer_than_a_sample_of_the_meter_is_refused_with_a_reason() -> None:
    content = b"data;Consumo (kWh)\n2026-01-01 00:00;1\n2026-01-01 01:00;0,5\n2026-01-01 02:00;2\n"

    rows, refused = read(content, detect(content, meter="M1").mapping)

    assert rows == []
    assert {code for _line, code in refused} == {"interval_too_long"}


def test_hours_that_clocks_show_twice_or_never_are_reported() -> None:
    zone = ZoneInfo("Europe/Paris")
    content = (
        b"data;W\n2025-10-26 01:59;1\n2025-10-26 02:30;2\n2025-10-26 02:30;3\n"
        b"2025-10-26 03:00;4\n2026-03-29 02:30;5\n"
    )
    mapping = detect(content, meter="M1").mapping

    _rows, refused = read(content, mapping, meter(zone=zone))
    mapping.time.repeated_hour = "second"
    second, _refused = read(content, mapping, meter(zone=zone))

    assert refused == [(3, "repeated_time"), (4, "repeated_time"), (6, "skipped_time")]
    assert [at for at, values in second if values["power_w"] == 2] == [
        datetime(2025, 10, 26, 1, 30, tzinfo=UTC)
    ]


def test_a_repeated_hour_in_the_order_of_the_file() -> None:
    zone = ZoneInfo("Europe/Paris")
    hours = ["01:30", "02:00", "02:30", "02:00", "02:30", "03:00"]
    content = ("data;W\n" + "\n".join(f"2025-10-26 {h};1" for h in hours)).encode()
    mapping = detect(content, meter="M1").mapping
    mapping.time.repeated_hour = "in_order"

    rows, refused = read(content, mapping, meter(zone=zone))

    assert refused == []
    steps = {b - a for (a, _v), (b, _w) in pairwise(rows)}
    assert [step.total_seconds() for step in steps] == [1_800]


def test_a_register_finer_than_a_wh_is_refused_or_rounded_as_the_mapping_says() -> None:
    content = b"data;Leitura (kWh)\n2026-01-01 00:00;1,2345\n2026-01-01 00:15;1,2355\n"
    mapping = detect(content, meter="M1").mapping

    rounded, _none = read(content, mapping)
    mapping.columns[0].rounds = False
    _none, refused = read(content, mapping)

    assert [values["energy_import_wh"] for _at, values in rounded] == [1_235, 1_236]
    assert refused == [(2, "not_whole"), (3, "not_whole")]


def test_impossible_lines_are_refused_each_with_its_number() -> None:
    content = (
        b"data;energy_import_wh\n2026-01-01 00:00;1\n2019-01-01 00:00;1\n2030-01-01 00:00;1\n"
        b"2026-01-01 00:15;-5\n2026-01-01 00:30;much\n;\n2026-01-01 00:45;99999999999999999\n"
    )

    rows, refused = read(content, detect(content, meter="M1").mapping)

    assert len(rows) == 1
    assert refused == [
        (3, "too_old"),
        (4, "in_future"),
        (5, "negative"),
        (6, "bad_value"),
        (8, "out_of_range"),
    ]


BAD_MAPPINGS: dict[str, Any] = {
    "no object": [],
    "unknown field": {"time": {"columns": [0]}, "columns": [], "colour": 1},
    "no time": {"columns": []},
    "no column": {"time": {"columns": [0]}, "columns": []},
    "zone": {
        "time": {"columns": [0], "zone": "Mars/Base"},
        "columns": [{"column": 1, "quantity": "power_w"}],
    },
    "quantity": {"time": {"columns": [0]}, "columns": [{"column": 1, "quantity": "colour"}]},
    "register as an instant": {
        "time": {"columns": [0]},
        "columns": [{"column": 1, "quantity": "energy_import_wh", "says": "instant"}],
    },
    "two for one": {
        "time": {"columns": [0]},
        "columns": [{"column": 1, "quantity": "power_w"}, {"column": 2, "quantity": "power_w"}],
    },
    "factor": {
        "time": {"columns": [0]},
        "columns": [{"column": 1, "quantity": "power_w", "factor": "x"}],
    },
    "no length": {
        "time": {"columns": [0]},
        "columns": [{"column": 1, "quantity": "volume_l", "says": "interval"}],
    },
}


@pytest.mark.parametrize("name", BAD_MAPPINGS)
def test_a_mapping_that_says_nothing_or_two_things_is_refused(name: str) -> None:
    with pytest.raises(BadFile):
        mapping_of(BAD_MAPPINGS[name])


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xd0\xcf\x11\xe0rest",
        b"PK\x03\x04no zip",
        b"\x1f\x8bno gzip",
        b"a,b\n\x00\n",
        b"a\nb\n",
    ],
)
def test_what_is_no_file_of_readings_is_refused_with_a_sentence(content: bytes) -> None:
    with pytest.raises(BadFile) as refused:
        detect(content, meter="M1")

    assert str(refused.value).endswith(".")


_HEAD = (
    '<row r="1"><c r="A1" t="inlineStr"><is><t>time</t></is></c>'
    '<c r="B1" t="inlineStr"><is><t>energy_wh</t></is></c></row>'
)


def _workbook(rows: str) -> bytes:
    """A workbook whose first sheet holds these rows, as somebody else's program may write it."""
    whole, out = sheet(["time"]), io.BytesIO()
    page = (
        '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
        f"<sheetData>{rows}</sheetData></worksheet>"
    )
    with zipfile.ZipFile(io.BytesIO(whole)) as read, zipfile.ZipFile(out, "w") as write:
        for name in read.namelist():
            is_page = name == "xl/worksheets/sheet1.xml"
            write.writestr(name, page if is_page else read.read(name))
    return out.getvalue()


@pytest.mark.parametrize(
    "rows",
    [
        _HEAD + '<row r="99999999999"><c r="A2"><v>1</v></c></row>',
        _HEAD + '<row r="2"><c r="A2" t="s"><v>999999</v></c></row>',
        _HEAD + '<row r="x"><c r="A2"><v>1</v></c></row>',
        _HEAD + '<row r="2"><c r="??"><v>1</v></c></row>',
    ],
    ids=["a row that is far away", "a text that is not there", "no row number", "no cell"],
)
def test_a_workbook_that_is_none_is_refused_at_once(rows: str) -> None:
    with pytest.raises(BadFile):
        detect(_workbook(rows))


def test_a_sheet_ends_where_excel_ends() -> None:
    far = _workbook(_HEAD + f'<row r="{MOST_ROWS + 1}"><c r="A2"><v>1</v></c></row>')

    with pytest.raises(BadFile, match="more than 1048576 rows"):
        list(xlsx_lines(far, "Sheet"))


SAYS = {
    "Consumo (kWh)": ("interval", "interval", ""),
    "Energia no período (kWh)": ("interval", "interval", ""),
    "Leitura (kWh)": ("register", "", "register"),
    "Energia ativa acumulada (kWh)": ("register", "", "register"),
    "Consumo total (kWh)": ("", "interval", "register"),
    "Energia (kWh)": ("", "interval", "register"),
}


@pytest.mark.parametrize("header", SAYS)
def test_the_words_of_a_header_decide_and_where_nothing_tells_it_is_asked(header: str) -> None:
    rises = ["10,14", "10,29", "10,43"]
    falls = ["10,14", "9,29", "10,43", "8,1"]
    counts_up = [f"{n},5" for n in range(30)]

    def says(numbers: list[str]) -> str:
        rows = [f"{date(2026, 4, 1) + timedelta(days=n)};{v}" for n, v in enumerate(numbers)]
        found = detect("\n".join([f"data;{header}", *rows]).encode(), meter="M1")
        column = found.mapping.used[0]
        assert ("register_or_interval" in found.notes) == (column.says == "")
        return column.says

    assert (says(rises), says(falls), says(counts_up)) == SAYS[header]


def test_what_is_not_said_is_asked_before_the_file_is_read() -> None:
    asked = detect(b"data;kWh\n2026-01-01 00:00;1\n2026-01-01 00:15;2\n", meter="M1").mapping

    with pytest.raises(BadFile, match="register or the use of each interval"):
        mapping_of(msgspec.to_builtins(asked))


def test_a_serial_number_in_a_header_is_the_meter_of_its_column() -> None:
    content = b"data;A1 leitura (kWh);B2 leitura (kWh)\n2026-01-01;1;2\n2026-01-02;3;4\n"

    found = detect(content, serials={"A1", "B2", "C3"})

    assert [(c.quantity, c.meter) for c in found.mapping.columns] == [
        ("energy_import_wh", "A1"),
        ("energy_import_wh", "B2"),
    ]
    assert "no_meter" not in found.notes
