"""`dataset.csv`: where every pair comes from, one row each, for a spreadsheet, for pandas and for training.

The table is the dataset: a file that no row names is not part of it. How it is read again stands in
`table_reading`.

`dataset.csv` is read as people leave it: edited by hand, by a spreadsheet or by pandas (`spreadsheet`).

Whatever is wrong with a row is told with its line. Paths are relative and stay inside the folder: a dataset
that somebody sends must not name other files of the computer.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import NoReturn

from napari_weld_fcn.dataset.pair import Pair
from napari_weld_fcn.dataset.spreadsheet import TABLE_FAULTS, read_sheet
from napari_weld_fcn.errors import DatasetError
from napari_weld_fcn.radiograph.normalisation import Normalisation
from napari_weld_fcn.radiograph.polarity import FlawsAre

IMAGES, MASKS, TABLE = "images", "masks", "dataset.csv"

#: Every other column of numbers is a parameter of the transforms.
COLUMNS = (
    "image",
    "mask",
    "film",
    "row",
    "column",
    "rows",
    "columns",
    "variant",
    "film_mean",
    "film_spread",
    "film_low",
    "film_high",
    "film_white",
    "film_polarity",
    "pixel_size_mm",
    "flaw_pixels",
)


@dataclass(frozen=True)
class Row:
    """What a dataset says of one pair without opening its files.

    Attributes
    ----------
    image, mask
        Paths relative to the dataset folder, with forward slashes.
    film
        Identifies the film; splits are by film.
    row, column
        Place of the first pixel in the film.
    rows, columns
        Size in pixels; None in a folder without a table, until the pair is read.
    variant
        0 for the crop itself.
    normalisation
        Of the whole film; None in a folder without a table, where the image is the whole film.
    full_scale
        Grey level that stands for white in the whole film; None where it has to be guessed.
    polarity
        Of the whole film's flaws; None in a folder without a table, where the image decides.
    pixel_size_mm
        Edge of one pixel in mm, or None where it is not known.
    flaw_pixels
        Pixels of the mask that are flaw; None where nobody has counted.
    parameters
        What the variant's transforms drew, by name.
    """

    image: str
    mask: str
    film: str
    row: int = 0
    column: int = 0
    rows: int | None = None
    columns: int | None = None
    variant: int = 0
    normalisation: Normalisation | None = None
    full_scale: float | None = None
    polarity: FlawsAre | None = None
    pixel_size_mm: float | None = None
    flaw_pixels: int | None = None
    parameters: Mapping[str, float] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The pair's name: what its image is called, without the suffix."""
        return PurePosixPath(self.image).stem


def row_of(pair: Pair, image: str, mask: str, flaw_pixels: int) -> Row:
    """Describe a pair whose files are `image` and `mask`.

    Raises
    ------
    ValueError
        If a parameter is called as one of `COLUMNS`, or is no finite number.
    """
    wrong = [name for name, value in pair.parameters.items() if name in COLUMNS or not math.isfinite(value)]
    if wrong or "" in pair.parameters:
        raise ValueError(f"{pair.name}: {wrong} cannot be parameters in a table")
    rows, columns = pair.pixels.shape
    return Row(
        image=image,
        mask=mask,
        film=pair.film,
        row=pair.row,
        column=pair.column,
        rows=rows,
        columns=columns,
        variant=pair.variant,
        normalisation=pair.normalisation,
        full_scale=pair.full_scale,
        polarity=pair.polarity,
        pixel_size_mm=pair.pixel_size_mm,
        flaw_pixels=flaw_pixels,
        parameters=dict(pair.parameters),
    )


def dataset_table(rows: Iterable[Row]) -> str:
    """The text of `dataset.csv`: `COLUMNS`, then the parameters in the order in which they first occur.

    Numbers are written so that they are read back as they were; what is not known is empty.
    """
    lines = [_cells(row) for row in rows]
    names = dict.fromkeys(name for cells in lines for name in cells)
    text = io.StringIO()
    writer = csv.DictWriter(text, [*COLUMNS, *(n for n in names if n not in COLUMNS)], lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return text.getvalue()


def _cells(row: Row) -> dict[str, object]:
    assert row.normalisation is not None
    known = {
        "film_mean": float(row.normalisation.mean),
        "film_spread": float(row.normalisation.spread),
        "film_low": _if_finite(row.normalisation.low),
        "film_high": _if_finite(row.normalisation.high),
        "film_white": None if row.full_scale is None else float(row.full_scale),
        "film_polarity": row.polarity,
        "pixel_size_mm": None if row.pixel_size_mm is None else float(row.pixel_size_mm),
    }
    own = {name: known[name] if name in known else getattr(row, name) for name in COLUMNS}
    return own | {name: float(value) for name, value in row.parameters.items()}


def _if_finite(level: float) -> float | None:
    return float(level) if math.isfinite(level) else None


#: Columns that tables of earlier versions lack: white is then guessed, no pixel is cut off, and all flaws
#: were taken to be dark.
_OPTIONAL = ("film_low", "film_high", "film_white", "film_polarity")
_SHOWN_LETTERS = 20


def read_table(path: Path) -> tuple[Row, ...]:
    """Read `dataset.csv`.

    A further column is a parameter where all its cells are numbers or empty; other columns are the user's
    own and not read.

    Parameters
    ----------
    path
        The table.

    Returns
    -------
    tuple of Row
        At least one.

    Raises
    ------
    DatasetError
        If it is no table, lacks a column, has no row, or a row lacks a value, holds a number that is none,
        names a file outside the folder or a pair that another row names. The line is told.
    """
    lines = _lines(path)
    numbers = [name for name in lines[0].cells if name and name not in COLUMNS]
    parameters = [name for name in numbers if all(_is_number(line.cells[name] or "0") for line in lines)]
    rows = tuple(line.row(parameters) for line in lines)
    _refuse_repeated(path, rows)
    return rows


def files_named(path: Path) -> frozenset[str]:
    """The files, as ``images/NAME`` or ``masks/NAME``, that a table says are the dataset's own.

    Raises
    ------
    DatasetError
        If it is no table of a dataset.
    """
    named = {line.cells[kind] or "" for line in _parsed(path) for kind in ("image", "mask")}
    return frozenset(name for name in named if _is_own(name))


@dataclass(frozen=True)
class _Line:
    """One line of the table, as text."""

    path: Path
    number: int
    cells: Mapping[str, str | None]

    def row(self, parameters: Iterable[str]) -> Row:
        """Check and convert the line."""
        normalisation = self._normalisation()
        return Row(
            image=self._file("image"),
            mask=self._file("mask"),
            film=self._text("film"),
            row=self._whole("row"),
            column=self._whole("column"),
            rows=self._whole("rows", 1),
            columns=self._whole("columns", 1),
            variant=self._whole("variant", 0),
            normalisation=normalisation,
            full_scale=self._positive("film_white", "a number above 0"),
            polarity=self._polarity(),
            pixel_size_mm=self._positive("pixel_size_mm", "a length above 0 mm"),
            flaw_pixels=self._whole("flaw_pixels", 0) if self.cells["flaw_pixels"] else None,
            parameters={name: float(cell) for name in parameters if (cell := self.cells[name])},
        )

    def _normalisation(self) -> Normalisation:
        mean, spread = self._number("film_mean"), self._number("film_spread")
        if spread <= 0:
            self._refuse("film_spread", "a number above 0")
        known = [name for name in ("film_low", "film_high") if self.cells.get(name)]
        film = replace(Normalisation(mean, spread), **{name[5:]: self._number(name) for name in known})
        if film.low > film.high:
            self._refuse("film_low", "no more than film_high")
        return film

    def _refuse(self, column: str, wanted: str) -> NoReturn:
        given = self.cells[column]
        raise DatasetError(
            f"{self.path}, line {self.number}: {column} is {given!r}, but should be {wanted}."
            if given
            else f"{self.path}, line {self.number}: has no {column}."
        )

    def _text(self, column: str) -> str:
        return self.cells[column] or self._refuse(column, "a name")

    def _number(self, column: str) -> float:
        text = self._text(column)
        return float(text) if _is_number(text) else self._refuse(column, "a number")

    def _positive(self, column: str, wanted: str) -> float | None:
        """A number above 0; None where the cell is empty or the column not there."""
        if not self.cells.get(column):
            return None
        value = self._number(column)
        return value if value > 0 else self._refuse(column, wanted)

    def _polarity(self) -> FlawsAre:
        given = self.cells.get("film_polarity") or "dark"
        if given not in ("dark", "bright"):
            self._refuse("film_polarity", "dark or bright")
        return "bright" if given == "bright" else "dark"

    def _whole(self, column: str, least: int | None = None) -> int:
        value = self._number(column)
        if not value.is_integer() or (least is not None and value < least):
            self._refuse(column, "a whole number" if least is None else f"a whole number from {least}")
        return int(value)

    def _file(self, column: str) -> str:
        text = self._text(column)
        if not _stays_inside(text):
            self._refuse(column, "the path of a file inside the dataset folder")
        return text


def _lines(path: Path) -> list[_Line]:
    lines = _parsed(path, required=tuple(name for name in COLUMNS if name not in _OPTIONAL))
    if not lines:
        raise DatasetError(f"{path}: has no rows.")
    return lines


def _parsed(path: Path, required: tuple[str, ...] = ("image", "mask")) -> list[_Line]:
    try:
        sheet = read_sheet(path, COLUMNS, texts=("image", "mask", "film"))
    except OSError as fault:
        raise DatasetError(f"{path}: cannot be read ({fault.strerror}).") from fault
    except TABLE_FAULTS as fault:
        raise DatasetError(f"{path}: is no table that can be read ({fault}).") from fault
    _check_header(path, list(sheet.names), required)
    return [_Line(path, number, cells) for number, cells in sheet.lines]


def _check_header(path: Path, names: list[str], required: tuple[str, ...]) -> None:
    missing = [name for name in required if name not in names]
    if missing:
        raise DatasetError(
            f"{path}: is no table of a dataset, since it has no column {', '.join(missing)}; its columns are "
            f"{_shown(names)}."
        )
    twice = [name for name in names if name and names.count(name) > 1]
    if twice:
        raise DatasetError(f"{path}: has two columns that are called {twice[0]}.")


def _shown(names: list[str]) -> str:
    """Some names of columns; a first row without separators is one long name."""
    shown = ", ".join(name[:_SHOWN_LETTERS] for name in names[: len(COLUMNS)])
    return shown or "none"


def _refuse_repeated(path: Path, rows: tuple[Row, ...]) -> None:
    seen: set[str] = set()
    for row in rows:
        if row.name in seen:
            raise DatasetError(f"{path}: has two rows for the pair {row.name}.")
        seen.add(row.name)


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def _stays_inside(text: str) -> bool:
    path = PurePosixPath(text)
    return not (
        path.is_absolute() or PureWindowsPath(text).drive or ".." in path.parts or set(text) & {"\\", "\0"}
    )


def _is_own(text: str) -> bool:
    parts = PurePosixPath(text).parts
    return _stays_inside(text) and len(parts) == 2 and parts[0] in (IMAGES, MASKS)
