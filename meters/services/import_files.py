"""A file as lines of cells, whatever it is: CSV in any usual encoding, plain or gzip, or XLSX."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, Final

from django.utils.translation import gettext as _

from meters.errors import BadFile

MOST_TEXT: Final = 250_000_000  # bytes unpacked: a file of 20 MB that becomes more is no file
DELIMITERS: Final = "\t;|,"  # the first wins where two fit: a comma may be a decimal sign
SAMPLE: Final = 200
LOOKED_AT: Final = 10_000  # lines, most of them empty, among which those of the sample must be
MOST_ROWS: Final = 1_048_576  # of a sheet: Excel's own limit
_BOMS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# What the reader of workbooks raises for what is none: it believes every number and reference.
_NO_WORKBOOK: Final = (
    *(zipfile.BadZipFile, zlib.error, OSError, EOFError, SyntaxError, NotImplementedError),
    *(ValueError, ArithmeticError, LookupError, TypeError, AttributeError, RecursionError),
)
Line = tuple[int, Sequence[Any]]  # its number in the file, and its cells


def kind_of(content: bytes) -> str:
    """`csv` or `xlsx`. Raises BadFile for the older Excel format and for nothing at all."""
    if not content:
        raise BadFile(_("The file is empty."), "empty_file")
    if content.startswith(b"\xd0\xcf\x11\xe0"):
        raise BadFile(_("This is the old Excel format. Save it as .xlsx or .csv."), "old_excel")
    return "xlsx" if content.startswith(b"PK\x03\x04") else "csv"


def unpacked(content: bytes) -> bytes:
    """The bytes, out of gzip when they are in it. Raises BadFile."""
    if not content.startswith(b"\x1f\x8b"):
        return content
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(content)) as file:
            text = file.read(MOST_TEXT + 1)
    except (OSError, EOFError) as error:
        raise _unreadable(error) from error
    if len(text) > MOST_TEXT:
        raise BadFile(_("The file is too large when unpacked."), "file_too_large")
    return text


def encoding_of(content: bytes) -> str:
    """The encoding of the text: by its mark, UTF-8, or else Windows'. Raises BadFile for none."""
    for mark, name in _BOMS:
        if content.startswith(mark):
            return name
    if b"\0" in content:
        raise BadFile(_("The file cannot be read: %(why)s.") % {"why": "NUL"}, "unreadable_file")
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8"


def delimiter_of(content: bytes, encoding: str) -> str:
    """What parts the cells: what gives the most lines the same number of them."""
    sample = _text(content[:200_000], encoding).splitlines()[:SAMPLE]
    best, most = ",", 0.0
    for delimiter in DELIMITERS:
        try:
            widths = [len(row) for row in csv.reader(sample, delimiter=delimiter) if row]
        except csv.Error:
            continue
        wide = [width for width in widths if width > 1]
        if not wide:
            continue
        usual = max(set(wide), key=wide.count)
        share = wide.count(usual) / len(widths)
        if share > most + 0.1:
            best, most = delimiter, share
    return best


def _text(content: bytes, encoding: str) -> str:
    return content.decode(encoding, errors="replace")


def csv_lines(content: bytes, encoding: str, delimiter: str) -> Iterator[Line]:
    """The lines of a CSV text. Raises BadFile where it cannot be read."""
    file = io.TextIOWrapper(io.BytesIO(content), encoding=encoding, newline="")
    reader = csv.reader(file, delimiter=delimiter)
    try:
        for cells in reader:
            yield reader.line_num, cells
    except (UnicodeDecodeError, csv.Error, LookupError) as error:
        raise _unreadable(error) from error


def sheets_of(content: bytes) -> list[str]:
    """The names of a workbook's sheets."""
    book = _book(content)
    try:
        return list(book.sheetnames)
    finally:
        book.close()


def xlsx_lines(content: bytes, sheet: str) -> Iterator[Line]:
    """The lines of a sheet, read as they come. Raises BadFile."""
    book = _book(content)
    try:
        if sheet not in book.sheetnames:
            raise BadFile(_("There is no sheet “%(name)s”.") % {"name": sheet}, "bad_mapping")
        page = book[sheet]
        page.reset_dimensions()  # what the file claims may be wrong, and then rows are left out
        for number, cells in enumerate(page.iter_rows(values_only=True), start=1):
            if number > MOST_ROWS:  # a row may claim any number, and those before it would be empty
                raise BadFile(
                    _("A sheet of this file has more than %(limit)s rows.") % {"limit": MOST_ROWS},
                    "unreadable_file",
                )
            yield number, cells
    except _NO_WORKBOOK as error:
        raise _unreadable(error) from error
    finally:
        book.close()


def _book(content: bytes) -> Any:
    from openpyxl import load_workbook  # 20 MB of memory that few processes need

    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            size = sum(part.file_size for part in archive.infolist())
        if size > 2 * MOST_TEXT:
            raise BadFile(_("The file is too large when unpacked."), "file_too_large")
        return load_workbook(io.BytesIO(content), read_only=True, data_only=True)
    except _NO_WORKBOOK as error:
        raise _unreadable(error) from error


def lines_of(
    content: bytes, kind: str, *, encoding: str = "", delimiter: str = ",", sheet: str = ""
) -> Iterator[Line]:
    """The lines of a file that was described."""
    if kind == "xlsx":
        return xlsx_lines(content, sheet)
    return csv_lines(unpacked(content), encoding, delimiter)


def first_lines(lines: Iterator[Line], count: int = SAMPLE) -> list[Line]:
    """The first lines that say anything."""
    looked_at = islice(lines, LOOKED_AT)
    said = (line for line in looked_at if any(cell not in (None, "") for cell in line[1]))
    return list(islice(said, count))


def _unreadable(error: Exception) -> BadFile:
    return BadFile(_("The file cannot be read: %(why)s.") % {"why": error}, "unreadable_file")
