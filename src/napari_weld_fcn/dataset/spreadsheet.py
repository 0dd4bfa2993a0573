"""A table as people's programs save it.

A CSV is no format but a habit: a spreadsheet writes semicolons and decimal commas where the language has
them, UTF-16 with tabs where one asks for Unicode, a mark before the first name, and empty rows at the end.
What separates the cells is told by the names in the first row, which the reader knows.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

#: What a reader of tables raises where a file is none.
TABLE_FAULTS = (OSError, UnicodeError, csv.Error)
_SEPARATORS = (",", ";", "\t")
_DECIMAL_COMMA = re.compile(r"([-+]?\d*),(\d+(?:[eE][-+]?\d+)?)")

Cells = dict[str, str | None]


@dataclass(frozen=True)
class Sheet:
    """What a table holds.

    Attributes
    ----------
    names
        Of its columns.
    lines
        The number in the file and the cells by name of each row that is not empty.
    """

    names: tuple[str, ...]
    lines: tuple[tuple[int, Cells], ...]


def read_sheet(path: Path, wanted: Collection[str], texts: Collection[str] = ()) -> Sheet:
    """Read a table whose first row has the names of its columns.

    Parameters
    ----------
    path
        In UTF-8, UTF-16 or Windows' own letters; its cells apart by commas, semicolons or tabs.
    wanted
        Names by which the right separator is known.
    texts
        Columns in which a comma is none between digits of a number.

    Raises
    ------
    OSError, UnicodeError, csv.Error
        If it cannot be read, or is no table.
    """
    text = _decoded(path.read_bytes())
    first = next((line for line in text.splitlines() if line.strip()), "")
    separator = max(_SEPARATORS, key=lambda each: len(set(wanted) & set(_split(first, each))))
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    names = [name.strip() for name in reader.fieldnames or ()]
    reader.fieldnames = names
    lines = []
    for cells in reader:
        own = {name: cells[name] for name in names}
        if any((cell or "").strip() for cell in own.values()):
            if separator != ",":
                own = {name: cell if name in texts else _with_point(cell) for name, cell in own.items()}
            lines.append((reader.line_num, own))
    return Sheet(tuple(names), tuple(lines))


def _decoded(content: bytes) -> str:
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return content.decode("utf-16")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252")


def _split(line: str, separator: str) -> list[str]:
    return [cell.strip() for cell in next(csv.reader([line], delimiter=separator), [])]


def _with_point(cell: str | None) -> str | None:
    """A number with a decimal comma as one with a point; anything else as it is."""
    number = _DECIMAL_COMMA.fullmatch(cell.strip()) if cell else None
    return f"{number[1]}.{number[2]}" if number else cell
