"""The text of a table that a spreadsheet has saved: encodings and separators, whichever it chose."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path

from selectdis._files import open_file
from selectdis.errors import SelectdisError

__all__ = ["SEPARATORS", "table_rows", "table_text"]

SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
SEP_LINE = re.compile(r"\s*\"?sep=(.)\"?[\t ]*(?:\r\n|\r|\n)", re.IGNORECASE)  # Excel's own first line
NO_TEXT = re.compile(r"[\x00-\x08\x0e-\x1f]")


def table_text(path: Path, largest: int | None = None) -> str:
    """Return the text of a CSV or TSV file: UTF-8 or UTF-16, with or without a byte order mark, or else Windows-1252.

    Parameters
    ----------
    path : Path
        Of the file.
    largest : int, optional
        Bytes, beyond which it is refused.

    Raises
    ------
    SelectdisError
        If it cannot be read, is too large, or is no text.
    """
    try:
        with open_file(path) as file:
            content = file.read() if largest is None else file.read(largest + 1)
    except OSError as error:
        raise SelectdisError(f"cannot read {path}: {error.strerror or error}") from None
    if largest is not None and len(content) > largest:
        raise SelectdisError(f"{path} is larger than {largest:,} bytes, which no such table is")
    for encoding in (_utf_16(content), "utf-8-sig", "cp1252"):
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if not NO_TEXT.search(text):
            return text
    raise SelectdisError(f"{path} is not a CSV file: it holds what is no text; save it as CSV in UTF-8")


def table_rows(text: str, separator: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows that are not empty, with their numbers as a spreadsheet counts them, the first one being 1.

    Raises
    ------
    csv.Error
        On what is no such table.
    """
    body = text[found.end() :] if (found := SEP_LINE.match(text)) else text
    lines = csv.reader(io.StringIO(body, newline=""), delimiter=separator)
    return ((number, row) for number, row in enumerate(lines, 1) if row)


def _utf_16(content: bytes) -> str:
    """Return which UTF-16 it is: by its mark, or by the zeros that ASCII has in it; else UTF-8."""
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    little, big = content[1:200:2].count(0), content[0:200:2].count(0)
    if max(little, big) <= len(content[:200]) // 4:
        return "utf-8-sig"
    return "utf-16-le" if little > big else "utf-16-be"
