"""Boxes and points of a series' side files: `ground_truth.txt` and `BoundingBox.mat`.

Both count images, rows and columns from 1, as MATLAB does; here everything counts from 0 and a whole number
is the centre of a pixel. People clicked these places with a mouse: they are fractional, their corners come in
any order, and some lie a little outside the film. A row that cannot be meant so (not numbers, no such length)
is left out and told; it is never guessed at, because a wrong box is worse than none.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_weld_fcn.errors import RadiographError

TEXT_NAME = "ground_truth.txt"
MATLAB_NAME = "BoundingBox.mat"

#: A text or MATLAB file of this size has no boxes of a radiograph any more.
MOST_BYTES = 2**26
_MATLAB_HDF5 = b"MATLAB 7.3 MAT-file"
_ROWS_TOLD = 2
#: No film has so many pixels along one edge.
_FARTHEST = 1e7


@dataclass(frozen=True)
class Mark:
    """What one row says.

    Attributes
    ----------
    number
        Number of the image, from 1.
    corners
        ``(4, 2)`` float: row and column of the corners, in order around the box, from 0 at the first pixel's
        centre; ``(1, 2)`` for a point.
    """

    number: int
    corners: NDArray[np.float64]

    @property
    def box(self) -> tuple[float, float, float, float]:
        """First row and column, last row and column of the upright box around it."""
        (top, left), (bottom, right) = self.corners.min(axis=0), self.corners.max(axis=0)
        return float(top), float(left), float(bottom), float(right)


def read_marks(folder: Path) -> tuple[list[Mark], list[str]]:
    """Read the boxes and points of a series.

    Parameters
    ----------
    folder
        Of the series. `ground_truth.txt` goes before `BoundingBox.mat`, which repeats it.

    Returns
    -------
    marks
        In the order of the file; empty where there is none.
    problems
        One sentence for each file of which something is left out.
    """
    problems: list[str] = []
    for name, read in ((TEXT_NAME, _text_rows), (MATLAB_NAME, _matlab_rows)):
        path = _present(folder, name)
        if path is None:
            continue
        try:
            marks, wrong, count = _marks(read(path))
        except RadiographError as fault:
            problems.append(str(fault))
            continue
        if wrong:
            problems.append(_left_out(path, wrong, count))
        if marks:
            return marks, problems
    return [], problems


def box_line(number: int, box: tuple[float, float, float, float]) -> str:
    """Write a box as a line of `ground_truth.txt`.

    Parameters
    ----------
    number
        Of the image, from 1.
    box
        First row and column, last row and column, from 0.
    """
    top, left, bottom, right = box
    return _line(number, left + 1, right + 1, top + 1, bottom + 1)


def point_line(number: int, row: float, column: float) -> str:
    """Write a point as a line of `ground_truth.txt`."""
    return _line(number, column + 1, row + 1)


def _line(*values: float) -> str:
    """Numbers as MATLAB's `save -ascii` writes them."""
    return "".join(f"{value:16.7e}" for value in values) + "\n"


def _present(folder: Path, name: str) -> Path | None:
    try:
        entries = sorted(folder.iterdir())
    except OSError:
        return None
    return next((path for path in entries if path.name.lower() == name.lower() and path.is_file()), None)


def _content(path: Path) -> bytes:
    try:
        if path.stat().st_size > MOST_BYTES:
            raise RadiographError(f"{path}: is too large to be a list of boxes.")
        return path.read_bytes()
    except OSError as fault:
        raise RadiographError(f"{path}: cannot be read ({fault.strerror}).") from fault


def _text_rows(path: Path) -> Iterator[list[float] | str]:
    """Each row as numbers, or as what is wrong with it."""
    for line in _content(path).decode("utf-8-sig", errors="replace").splitlines():
        words = line.split()
        if words:
            yield _numbers(words)


def _numbers(words: list[str]) -> list[float] | str:
    values = []
    for word in words:
        try:
            values.append(float(word))
        except ValueError:
            return f"{word[:20]!r} is not a number"
    return values


def _matlab_rows(path: Path) -> Iterable[list[float] | str]:
    from scipy.io import loadmat  # costs time that a text file does not need

    if _content(path)[: len(_MATLAB_HDF5)] == _MATLAB_HDF5:
        raise RadiographError(
            f"{path}: is a MATLAB file of version 7.3, which cannot be read; save it with -v7."
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            variables: dict[str, Any] = loadmat(path, variable_names=["bb"])
            table = np.asarray(variables["bb"], dtype=np.float64)
    except KeyError as fault:
        raise RadiographError(f"{path}: holds no variable bb, in which GDXray keeps its boxes.") from fault
    except MemoryError as fault:
        raise RadiographError(f"{path}: is damaged (it claims more than the memory holds).") from fault
    except (
        Exception
    ) as fault:  # what the reader of MATLAB's files raises on damage is not limited to a few types
        reason = " ".join(str(fault).split()) or type(fault).__name__
        raise RadiographError(f"{path}: is no MATLAB file or a damaged one ({reason[:80]}).") from fault
    if table.ndim != 2:
        raise RadiographError(f"{path}: its bb has {table.ndim} dimensions, but is a table of boxes.")
    return [[float(value) for value in row] for row in table]


def _marks(rows: Iterable[list[float] | str]) -> tuple[list[Mark], list[tuple[int, str]], int]:
    """The marks, the rows that are none with their numbers and reasons, and how many rows there were."""
    marks, wrong, count = [], [], 0
    for count, row in enumerate(rows, start=1):
        mark = row if isinstance(row, str) else _mark(row)
        if isinstance(mark, str):
            wrong.append((count, mark))
        else:
            marks.append(mark)
    return marks, wrong, count


def _mark(row: list[float]) -> Mark | str:
    if len(row) not in (3, 5, 9):
        return f"{len(row)} numbers instead of 3, 5 or 9"
    if not all(map(math.isfinite, row)):
        return "a number that is not finite"
    if max(map(abs, row)) > _FARTHEST:
        return f"the number {max(row, key=abs):g}, which is on no film"
    number = round(row[0])
    if number < 1:
        return f"image number {row[0]:g}"
    if len(row) == 5:
        left, right, top, bottom = row[1:]
        vertices = [(left, top), (right, top), (right, bottom), (left, bottom)]
    else:
        vertices = list(zip(row[1::2], row[2::2], strict=True))
    corners = np.array([(y, x) for x, y in vertices]) - 1
    return Mark(number, _around(corners))


def _around(corners: NDArray[np.float64]) -> NDArray[np.float64]:
    """Corners in the order in which they follow each other around their centre."""
    rows, columns = (corners - corners.mean(axis=0)).T
    return corners[np.argsort(np.arctan2(rows, columns), kind="stable")]


def _left_out(path: Path, wrong: list[tuple[int, str]], count: int) -> str:
    told = "; ".join(f"row {number}: {reason}" for number, reason in wrong[:_ROWS_TOLD])
    more = "; ..." if len(wrong) > _ROWS_TOLD else ""
    return f"{path}: {len(wrong)} of its {count} rows are left out ({told}{more})."
