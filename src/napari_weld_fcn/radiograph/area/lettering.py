"""Text that a program wrote into a picture.

It is of the darkest or the brightest grey, to the last digit, has no grey next to that around it, ends from
one pixel to the next, and is drawn in strokes. A lead letter, an inclusion or a saturated part of the film is
blurred by the film, and stays; so does a compact piece, which may be a pore, unless it is as thin as the
strokes are: the dot of an i.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_weld_fcn.radiograph.area.surround import Cells, Corners, Grid, hard_step

#: Fewest pixels of a text, its largest share of the film, and the rank from either end that it must hold.
_PIXELS, _SHARE, _RANK = 30, 0.03, 1e-4
#: A stroke is at least so many times as long as wide.
_LONG = 4
#: Pictures up to this size are looked at in all their pixels.
_LARGE = 1 << 24


def lettering(plane: Any, box: Corners, cells: Cells, outside: Grid, step: int) -> Grid:
    """Return the cells of a box in which a program wrote.

    Parameters
    ----------
    plane
        The whole picture.
    box
        Where the film is.
    cells, outside
        Every `step`-th pixel of the box, and what of them is no film already.
    """
    found = np.zeros_like(outside)
    film = cells[~outside & np.isfinite(cells)]
    if film.size * _RANK < 1:
        return found
    rank = int(film.size * _RANK)
    ends = np.partition(film, (rank, film.size - 1 - rank))
    top, left, bottom, right = box
    pixels, edge = cells, 1
    if step > 1 and plane.size <= _LARGE:
        pixels, edge = np.asarray(plane[top:bottom, left:right]), step
    step_up = hard_step(cells, ~outside)
    for grey in (ends[rank], ends[film.size - 1 - rank]):
        near = np.abs(film - grey) <= step_up
        if np.count_nonzero(near) > 1.2 * np.count_nonzero(film == grey):
            continue
        rows, columns = _written(pixels, grey, step_up)
        found[rows // edge, columns // edge] = True
    return found


def _written(pixels: NDArray[Any], grey: float, step: float) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    nowhere = (np.zeros(0, np.intp), np.zeros(0, np.intp))
    same = np.pad(pixels == grey, 3)
    count = np.count_nonzero(same)
    if not _PIXELS <= count <= _SHARE * same.size:
        return nowhere
    rows, columns = np.nonzero(same)
    moves = ((0, 1), (1, 0), (0, -1), (-1, 0))
    joined = np.stack([same[rows + down, columns + right] for down, right in moves])
    if np.mean(joined.any(axis=0)) < 0.9:
        return nowhere
    around = slice(rows.min() - 1, rows.max() + 2), slice(columns.min() - 1, columns.max() + 2)
    same[around] = _strokes(same[around])
    rows, columns = np.nonzero(same)
    if rows.size < _PIXELS:
        return nowhere
    steps = [_steps(pixels, same, rows - 3, columns - 3, moves, by) for by in (1, 3)]
    if not all(len(each) for each in steps):
        return nowhere
    near, far = (np.abs(each - grey) for each in steps)
    if np.mean(near > step) < 0.9 or np.median(near) < 0.7 * np.median(far):
        return nowhere
    return rows - 3, columns - 3


def _strokes(same: Grid) -> Grid:
    """Of what is of one grey, the parts that are long for their width, and those as thin as these."""
    numbers, count = ndimage.label(same, np.ones((3, 3)))
    every = np.arange(1, count + 1)
    depth = ndimage.distance_transform_cdt(same, "chessboard")
    width = 2 * ndimage.maximum(depth, numbers, every) - 1
    long = ndimage.sum_labels(same, numbers, every) >= _LONG * width**2
    text = long | (width <= width[long].max(initial=0))
    return np.concatenate([[False], text])[numbers]


def _steps(
    pixels: NDArray[Any],
    same: Grid,
    rows: NDArray[np.intp],
    columns: NDArray[np.intp],
    moves: tuple[tuple[int, int], ...],
    by: int,
) -> Cells:
    """Greys `by` pixels beyond the edges of what is `same`, which has a margin of 3."""
    found = []
    for down, right in moves:
        edge = ~same[rows + 3 + down, columns + 3 + right]
        row, column = rows[edge] + by * down, columns[edge] + by * right
        inside = (row >= 0) & (column >= 0) & (row < pixels.shape[0]) & (column < pixels.shape[1])
        row, column = row[inside], column[inside]
        found.append(pixels[row, column][~same[row + 3, column + 3]].astype(np.float64))
    return np.concatenate(found)
