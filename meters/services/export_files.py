"""Rows as files: CSV or XLSX, in parts that each stand alone, with cells that no sheet runs."""

from __future__ import annotations

import csv
import gzip
import io
import re
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, Protocol

LARGEST_PART: Final = 19_000_000  # below a stored file's 20 MB, whatever the last row is
XLSX_ROWS: Final = 100_000  # a sheet of so many rows takes a few seconds
CHECK_EVERY: Final = 500
FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
UNPRINTABLE: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
CSV_TYPE, GZIP_TYPE = "text/csv; charset=utf-8", "application/gzip"
XLSX_TYPE: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def harmless(text: str) -> str:
    """Text that a sheet shows and never runs: `'=1+1` for `=1+1`."""
    return f"'{text}" if text.startswith(FORMULA) else text


def printable(text: str) -> str:
    """Text that XML can hold: a workbook refuses control characters."""
    return UNPRINTABLE.sub("", text)


class Writer(Protocol):
    """One part of an export."""

    content_type: str
    ending: str

    def write(self, row: Sequence[Any]) -> None: ...
    @property
    def is_full(self) -> bool: ...
    def content(self) -> bytes: ...


class CsvPart:
    """Semicolons with a decimal comma, commas with a decimal point; UTF-8 with its mark, which
    sheets need to read accents."""

    def __init__(self, header: Sequence[str], *, decimal_comma: bool, is_gzip: bool) -> None:
        self.decimal_comma, self.is_gzip = decimal_comma, is_gzip
        self.content_type = GZIP_TYPE if is_gzip else CSV_TYPE
        self.ending = "csv.gz" if is_gzip else "csv"
        self._bytes = io.BytesIO()
        # No clock in the file: the same export gives the same bytes.
        self._file: Any = (
            gzip.GzipFile(fileobj=self._bytes, mode="wb", compresslevel=6, mtime=0)
            if is_gzip
            else self._bytes
        )
        self._text = io.TextIOWrapper(self._file, encoding="utf-8-sig", newline="")
        self._out = csv.writer(self._text, delimiter=";" if decimal_comma else ",")
        self._out.writerow(header)
        self._rows = 0

    def write(self, row: Sequence[Any]) -> None:
        self._out.writerow([self._cell(value) for value in row])
        self._rows += 1
        if self._rows % CHECK_EVERY == 0:
            self._text.flush()

    def _cell(self, value: Any) -> str:
        if value is None:
            return ""
        if isinstance(value, str):
            return harmless(value)
        if isinstance(value, datetime):
            return value.isoformat()
        text = f"{value:f}" if isinstance(value, Decimal) else repr(value)
        return text.replace(".", ",") if self.decimal_comma else text

    @property
    def is_full(self) -> bool:
        return self._bytes.tell() >= LARGEST_PART

    def content(self) -> bytes:
        self._text.flush()
        if self.is_gzip:
            self._file.close()
        return self._bytes.getvalue()


class XlsxPart:
    """A sheet with real numbers and dates. Its times are local: their zone is in the header."""

    content_type = XLSX_TYPE
    ending = "xlsx"

    def __init__(self, header: Sequence[str]) -> None:
        from openpyxl import Workbook  # 20 MB of memory that few processes need

        self._book = Workbook(write_only=True)
        self._sheet = self._book.create_sheet("Pulso")
        self._sheet.freeze_panes = "A2"
        self._sheet.append(list(header))
        self._rows = 0

    def write(self, row: Sequence[Any]) -> None:
        self._sheet.append([self._cell(value) for value in row])
        self._rows += 1

    def _cell(self, value: Any) -> Any:
        if isinstance(value, str):
            return harmless(printable(value))
        if isinstance(value, datetime):
            return value.replace(tzinfo=None)
        return value

    @property
    def is_full(self) -> bool:
        return self._rows >= XLSX_ROWS

    def content(self) -> bytes:
        out = io.BytesIO()
        self._book.save(out)
        return out.getvalue()
