"""Rectangles from a file, for `weld-fcn crop --rois FILE`.

Two kinds of files are read. napari saves a Shapes layer as CSV: one line a vertex, with the columns
``index``, ``shape-type``, ``vertex-index``, ``axis-0`` and ``axis-1``, in pixels of the layer; each shape
counts by its bounding box. Such a file names no film, so its rectangles hold for every film; where it has a
third axis, as in a stack of films, the first one is the film's place in the series, from 0. GDXray's own
``ground_truth.txt`` and ``BoundingBox.mat`` hold boxes by the number of the image.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_weld_fcn.dataset.spreadsheet import TABLE_FAULTS, read_sheet
from napari_weld_fcn.errors import SettingsError
from napari_weld_fcn.radiograph.gdxray.boxes import MATLAB_NAME, TEXT_NAME, read_marks

_COLUMNS = {"index", "axis-0", "axis-1"}

#: A file of this size has no rectangles that a person drew any more.
MOST_BYTES = 2**26

Corners = NDArray[np.float64]


@dataclass(frozen=True)
class Rectangles:
    """Rectangles of a series of films.

    Attributes
    ----------
    everywhere
        ``(n, 4)``: row and column of one corner and of the opposite one, pixel centres from 0, of every film.
    by_place, by_number
        The same for single films, by their place in the series from 0, or by GDXray's number of the image.
    """

    everywhere: Corners
    by_place: dict[int, Corners]
    by_number: dict[int, Corners]

    def of(self, place: int, number: int) -> Corners:
        """Return the ``(n, 4)`` rectangles, none perhaps, of the film at `place` with GDXray's `number`."""
        nothing = np.zeros((0, 4))
        parts = (self.everywhere, self.by_place.get(place, nothing), self.by_number.get(number, nothing))
        return np.concatenate(parts)


def read_rectangles(path: str | Path) -> Rectangles:
    """Read rectangles from napari's CSV of a Shapes layer, or from GDXray's boxes.

    Parameters
    ----------
    path
        A CSV, or a file called ``ground_truth.txt`` or ``BoundingBox.mat``.

    Raises
    ------
    SettingsError
        If there is no such file, or it holds no rectangle.
    """
    path = Path(path)
    if not path.is_file():
        raise SettingsError(
            f"{path}: no such file; give grid, bead, flaws, or a CSV of rectangles as napari saves them."
        )
    if path.name.lower() in (TEXT_NAME.lower(), MATLAB_NAME.lower()):
        found = Rectangles(np.zeros((0, 4)), {}, _boxes(path))
    else:
        found = _shapes(path)
    if not (len(found.everywhere) or found.by_place or found.by_number):
        raise SettingsError(f"{path}: there is no rectangle in it.")
    return found


def _boxes(path: Path) -> dict[int, Corners]:
    marks, _ = read_marks(path.parent)
    boxes: defaultdict[int, list[tuple[float, float, float, float]]] = defaultdict(list)
    for mark in marks:
        if len(mark.corners) > 1:
            boxes[mark.number].append(mark.box)
    return {number: np.array(rows) for number, rows in boxes.items()}


def _shapes(path: Path) -> Rectangles:
    vertices = _vertices(path)
    boxes = [np.concatenate([points.min(axis=0), points.max(axis=0)]) for points in vertices.values()]
    if not boxes or len(boxes[0]) == 4:
        return Rectangles(np.array(boxes).reshape(-1, 4), {}, {})
    planes: defaultdict[int, list[Corners]] = defaultdict(list)
    for box in boxes:
        planes[round(float(box[0]))].append(box[[1, 2, 4, 5]])
    return Rectangles(np.zeros((0, 4)), {plane: np.array(rows) for plane, rows in planes.items()}, {})


def _vertices(path: Path) -> dict[str, Corners]:
    """Return ``(vertices, 2 or 3)`` places of each shape."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise SettingsError(f"{path}: is too large to be a list of rectangles.")
        sheet = read_sheet(path, _COLUMNS, texts=("index", "shape-type"))
    except OSError as fault:
        raise SettingsError(f"{path}: cannot be read ({fault.strerror}).") from fault
    except TABLE_FAULTS as fault:
        raise SettingsError(f"{path}: is no CSV of a napari Shapes layer ({fault}).") from fault
    if sheet.names and not set(sheet.names) >= _COLUMNS:
        raise SettingsError(
            f"{path}: is no CSV of a napari Shapes layer, whose columns are index, shape-type, vertex-index, "
            "axis-0 and axis-1."
        )
    axes = sorted(name for name in sheet.names if name.startswith("axis-"))
    if len(axes) > 3:
        raise SettingsError(
            f"{path}: its shapes have {len(axes)} axes; rectangles on films have two or three."
        )
    shapes: defaultdict[str, list[list[float]]] = defaultdict(list)
    for number, row in sheet.lines:
        shapes[str(row["index"])].append(_place([row[name] for name in axes], path, number))
    return {index: np.array(points) for index, points in shapes.items()}


def _place(values: list[str | None], path: Path, line: int) -> list[float]:
    try:
        place = [float(str(value)) for value in values]
    except ValueError as fault:
        raise SettingsError(f"{path}: line {line} has coordinates that are no numbers.") from fault
    if not np.isfinite(place).all():
        raise SettingsError(f"{path}: line {line} has coordinates that are not finite.")
    return place
