"""Rectangles from a file, for `weld-fcn crop --rois FILE`.

Two kinds of files are read. napari saves a Shapes layer as CSV: one line a vertex, with the columns
``index``, ``shape-type``, ``vertex-index``, ``axis-0`` and ``axis-1``, in pixels of the layer; each shape
counts by its bounding box. Such a file names no film, so its rectangles hold for every film; where it has a
third axis, as in a stack of films, the first one is the film's place in the series, from 0. GDXray's own
``ground_truth.txt`` and ``BoundingBox.mat`` hold boxes by the number of the image.

What will be cut from one plane of a film, before anything is cut.

Films differ: one has no bead that can be found, another no flaw or no truth, a third is smaller than a crop.
None of that ends a job over many films; each has its sentence in the plan, for the form, the command and the
log alike.
"""

from __future__ import annotations

import zlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_weld_fcn.dataset.pair import FLAW
from napari_weld_fcn.dataset.rois import (
    Band,
    Shape,
    around_flaws,
    find_bead,
    jittered,
    over_band,
    over_rectangles,
    spread_over_band,
    unique,
)
from napari_weld_fcn.dataset.settings import CropSettings
from napari_weld_fcn.dataset.spreadsheet import TABLE_FAULTS, read_sheet
from napari_weld_fcn.errors import SettingsError
from napari_weld_fcn.radiograph.gdxray.boxes import MATLAB_NAME, TEXT_NAME, read_marks
from napari_weld_fcn.radiograph.radiograph import Box

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


Mask = NDArray[np.uint8]

#: Of a place in pixels. A viewer keeps shapes in few digits and in millimetres, which must move no crop.
_DECIMALS = 3

NO_BEAD = "No weld bead was found; the crops cover the whole film."
NO_TRUTH = "There is no truth; the masks are ignored everywhere."
NO_FLAW = "There is no flaw in its truth to cut around."
NOTHING_TO_CUT_AROUND = "There is no truth, so there are no flaws to cut around."
NO_RECTANGLE = "None of the rectangles lies on it."


@dataclass(frozen=True)
class Plan:
    """Where the crops of one plane lie, and what the user ought to know of it, in sentences."""

    windows: tuple[Box, ...]
    notes: tuple[str, ...] = ()


def plan(
    pixels: Any,
    mask: Mask | None,
    settings: CropSettings,
    rectangles: Corners | None = None,
    rng: np.random.Generator | None = None,
) -> Plan:
    """Say where the crops of one plane lie.

    Parameters
    ----------
    pixels
        ``(rows, columns)``; computed only where the bead is to be found.
    mask
        Same shape, with the values of `dataset.pair`; None where there is no truth.
    settings
        Where to cut, and how many.
    rectangles
        ``(n, 4)``, as `over_rectangles` takes them.
    rng
        Draws the jitter; `jitter_of` gives that of a film.
    """
    shape = (int(pixels.shape[0]), int(pixels.shape[1]))
    notes = [] if mask is not None else [NO_TRUTH]
    if settings.rois in ("bead", "grid"):
        windows, note = _over_area(pixels, shape, settings)
    else:
        windows, note = _over_places(mask, shape, settings, rectangles)
    notes += [note] if note else []
    if windows and min(shape) < settings.size:
        notes.append(_too_small(shape, settings.size))
    repeated = len(windows) - len(unique(windows))
    if repeated:
        notes.append(f"It has too few places for {len(windows)} different crops; {repeated} are repeated.")
    if settings.jitter and rng is not None:
        windows = jittered(windows, shape, settings.jitter, rng)
    return Plan(tuple(windows), tuple(notes))


def jitter_of(film: str, seed: int) -> np.random.Generator:
    """Return what draws the jitter of a film, whatever other films there are."""
    return np.random.default_rng([seed, zlib.crc32(film.encode())])


def flaw_pixels(windows: Sequence[Box], mask: Mask | None) -> NDArray[np.int64]:
    """Count the flaw pixels in each window of a plane; zeros where there is no truth."""
    if mask is None:
        return np.zeros(len(windows), np.int64)
    shape = (mask.shape[0], mask.shape[1])
    return np.array([np.count_nonzero(mask[w.within(shape).slices] == FLAW) for w in windows], np.int64)


def corners(rectangles: ArrayLike | None, settings: CropSettings) -> Corners | None:
    """Check rectangles, and that there are some where they are needed.

    Parameters
    ----------
    rectangles
        ``(n, 4)``, or ``(n, 5)`` with the plane's number first; None for none.
    settings
        Say whether rectangles are needed.

    Raises
    ------
    SettingsError
        If they are needed and not given, or are of another shape or not finite.
    """
    if rectangles is None:
        if settings.rois == "rectangles":
            raise SettingsError(
                "There are no rectangles to crop: give some, or crop a grid, the bead or the flaws."
            )
        return None
    found = np.asarray(rectangles, dtype=float).round(_DECIMALS)
    if found.size == 0:
        return found.reshape(0, 4)
    if found.ndim != 2 or found.shape[1] not in (4, 5) or not np.isfinite(found).all():
        raise SettingsError(f"Rectangles of shape {found.shape} are not rows of four finite coordinates.")
    return found


def of_plane(rectangles: Corners | None, plane: int) -> Corners | None:
    """Return the ``(n, 4)`` rectangles of one plane; those without a plane's number belong to all."""
    if rectangles is None or rectangles.shape[1] == 4:
        return rectangles
    return np.asarray(rectangles[np.rint(rectangles[:, 0]) == plane, 1:])


def _over_area(pixels: Any, shape: Shape, settings: CropSettings) -> tuple[list[Box], str]:
    bead = find_bead(pixels) if settings.rois == "bead" else None
    band = bead or Band.whole(shape)
    note = NO_BEAD if settings.rois == "bead" and bead is None else ""
    if settings.crops_per_film:
        return spread_over_band(band, shape, settings.size, settings.crops_per_film), note
    return over_band(band, shape, settings.size, settings.overlap), note


def _over_places(
    mask: Mask | None, shape: Shape, settings: CropSettings, rectangles: Corners | None
) -> tuple[list[Box], str]:
    if settings.rois == "flaws" and mask is not None:
        windows = around_flaws(mask == FLAW, settings.size, settings.overlap)
        return windows, "" if windows else NO_FLAW
    if rectangles is None or (settings.rois == "flaws" and not len(rectangles)):
        return [], NOTHING_TO_CUT_AROUND
    windows = over_rectangles(rectangles, shape, settings.size, settings.overlap)
    return windows, "" if windows else NO_RECTANGLE


def _too_small(shape: Shape, size: int) -> str:
    return (
        f"Its {shape[1]} x {shape[0]} pixels are less than a crop of {size} x {size}; "
        "what is missing is reflected, and ignored in the mask."
    )
