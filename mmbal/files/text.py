"""Text as editors and spreadsheets of any system write it."""

import codecs
import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path

from mmbal.errors import DataFormatError, attempting

_ENCODINGS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",  # begins as that of UTF-16 does
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_QUOTED = re.compile(r'"[^"]*"')
_DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+(?:[eE][+-]?\d+)?")


def read_text(path: Path) -> str:
    """Return the text of a file; see `decode_text`.

    Raises:
        DataFormatError: it is no text.
        MmbalError: it cannot be read.
    """
    with attempting(f"read {path}"):
        data = path.read_bytes()
    return decode_text(data, path)


def decode_text(data: bytes, path: Path, *, lenient: bool = False) -> str:
    """Return text: UTF-8, or what a byte order mark says; lines end with a line feed.

    Args:
        data: all bytes of the file.
        path: named where it is no text.
        lenient: take what is no text for U+FFFD: only numbers and keywords matter.

    Raises:
        DataFormatError: it is neither; the message says where and what to do.
    """
    marked = (name for mark, name in _ENCODINGS.items() if data.startswith(mark))
    encoding = next(marked, "utf-8")
    try:
        text = data.decode(encoding, "replace" if lenient else "strict")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        name = encoding.removesuffix("-sig").upper()
        raise DataFormatError(
            f"{path}:{line}: no {name} text (byte 0x{data[error.start]:02x}, {error.reason}); "
            "save it as UTF-8"
        ) from error
    if "\0" in text and not lenient:
        raise DataFormatError(
            f"{path}: no text, it holds NUL bytes, as UTF-16 without a byte order mark does; "
            "save it as UTF-8"
        )
    return text.replace("\r\n", "\n").replace("\r", "\n")


def table_rows(text: str, path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield the line number and the stripped cells of each row of a CSV file.

    What parts the cells, and whether a comma is a decimal point, follows the country that a
    spreadsheet is set to: a semicolon or a tab in the first line parts them, else a comma does.

    Args:
        text: of the file, as `decode_text` returns it.
        path: named where it is no such table.

    Raises:
        DataFormatError: it is not valid CSV.
    """
    unquoted = _QUOTED.sub("", text.partition("\n")[0])
    delimiter = next((mark for mark in ";\t" if mark in unquoted), ",")
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        for row in rows:
            yield rows.line_num, [_with_point(cell.strip()) for cell in row]
    except csv.Error as error:
        raise DataFormatError(f"{path}: not valid CSV: {error}") from error


def _with_point(cell: str) -> str:
    return cell.replace(",", ".") if _DECIMAL_COMMA.fullmatch(cell) else cell
