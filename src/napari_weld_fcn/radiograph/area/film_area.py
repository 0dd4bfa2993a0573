"""Which part of a picture is exposed film.

A scan shows more than the film: the light box or the mask around it, a frame, text that a detector's program
wrote into the picture, margins of NaN where a film was registered. Taken for film, these move its mean and
spread, and their edges are long dark lines. A threshold on the grey level cannot tell them from film, which
may have any grey. What tells them is that film is never of *one* grey with a hard edge: the parts that are
not film are found as such (`surround`), and all that is not clearly one of them stays.

What lies around the film in whole rows and columns is cut off to the pixel, so that a film with a rectangular
surround is exactly the film without. What is left of it inside that box, beside a skewed or rounded film, is
kept as a coarse grid, since a film may have 600 million pixels, and is filled with the film's nearest grey.
A detector's dead lines are film that was not measured, and are filled too: see `dead_lines`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_weld_fcn.errors import RadiographError
from napari_weld_fcn.radiograph.area.dead_lines import DeadLines, Filled, find_dead_lines
from napari_weld_fcn.radiograph.area.film_edges import framed, refined, within_rim
from napari_weld_fcn.radiograph.area.lettering import lettering
from napari_weld_fcn.radiograph.area.strips import without_plates
from napari_weld_fcn.radiograph.area.surround import Corners, Grid, Level, cells_outside, film_part, grown

#: Cells of the coarse grid at most.
_CELLS = 250_000
#: Pixels along the edge of what is no film where nothing is said of the film either.
EDGE = 4
#: How far a pixel that is no number looks for one, pixels.
REACH = 8
#: Largest grey level whose square, summed, is a number.
_LARGEST = 1e140
_READ_PIXELS = 1 << 22


@dataclass(frozen=True, eq=False)
class FilmArea:
    """The film inside a picture.

    Attributes
    ----------
    box
        First row and column, and those behind the last; everything else is counted from its first corner.
    step
        Edge of a cell of the grids, pixels.
    outside
        The cells of the box that are no film, bool; None where all of it is.
    levels
        Grey level at the first pixel of each cell, in the picture's dtype; None as `outside`.
    dead
        The dead lines of the picture, counted from its own first pixel.
    """

    box: Corners
    step: int = 1
    outside: Grid | None = None
    levels: NDArray[Any] | None = None
    dead: DeadLines = field(default_factory=DeadLines)

    @classmethod
    def whole(cls, shape: tuple[int, ...]) -> FilmArea:
        """Return the area that holds every pixel of a picture of `shape`."""
        return cls((0, 0, int(shape[-2]), int(shape[-1])))

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the box."""
        top, left, bottom, right = self.box
        return bottom - top, right - left

    def excluded(self, shape: tuple[int, ...]) -> float:
        """Return which share of a picture of `shape` is no film."""
        rows, columns = self.shape
        kept = 1.0 if self.outside is None else 1 - float(self.outside.mean())
        return 1 - kept * rows * columns / (shape[-2] * shape[-1])

    def outside_of(self, shape: tuple[int, ...]) -> Grid:
        """Return what is no film in the whole picture of `shape`, bool."""
        top, left, bottom, right = self.box
        outside = np.ones(shape, bool)
        beside = self.beside(*(slice(0, size) for size in self.shape))
        outside[top:bottom, left:right] = False if beside is None else beside
        return outside

    def beside(self, rows: slice, columns: slice) -> Grid | None:
        """Return what is no film in a window of the box, bool; None where no pixel is so."""
        return self._window(self.outside, rows, columns)

    def silent(self, rows: slice, columns: slice) -> Grid | None:
        """Return the same with the `EDGE` pixels of film along it, where nothing is said."""
        return self._window(self._near, rows, columns)

    def read(self, plane: Any, rows: slice, columns: slice) -> NDArray[Any]:
        """Return a window of the box, ready to be normalised.

        What is no film has the grey of the film nearest to it, and so has a pixel that is no number, if there
        is one within `REACH`; a dead line has the greys between those beside it. A pixel's value does not
        depend on the window that it is read in.

        Parameters
        ----------
        plane
            The whole picture, ``(rows, columns)``; may be lazy.
        rows, columns
            Of the window, counted from the box.
        """
        values = self._cut(plane, rows, columns)
        if values.dtype.kind == "f" and not np.isfinite(values).all():
            values = self._mended(plane, rows, columns)
        outside = self._window(self._filled, rows, columns)
        if outside is None:
            return values
        assert self._fill is not None
        return np.where(outside, self._fill[self._cells(rows, columns)], values)

    def film_pixels(self, plane: Any, step: int = 1) -> Iterator[NDArray[Any]]:
        """Yield the finite pixels of film, every `step`-th in rows and columns, some rows at a time, flat.

        Those of dead lines are none of them.
        """
        height, width = self.shape
        band = max(1, _READ_PIXELS // width // step) * step
        for first in range(0, height, band):
            rows, columns = slice(first, min(first + band, height), step), slice(0, width, step)
            values = np.asarray(plane[self._placed(rows, columns)])
            film = self._film(rows, columns)
            if film is not None:
                values = values[film]
            values = values.reshape(-1)
            if values.dtype.kind == "f":
                finite = np.isfinite(values)
                values = values if finite.all() else values[finite]
            yield values

    def _cut(self, plane: Any, rows: slice, columns: slice) -> NDArray[Any]:
        return self.dead.read(plane, *self._placed(rows, columns))

    def _placed(self, rows: slice, columns: slice) -> tuple[slice, slice]:
        """The same window, counted from the picture."""
        return _moved(rows, self.box[0]), _moved(columns, self.box[1])

    def _film(self, rows: slice, columns: slice) -> Grid | None:
        """What of a window is film that was measured; None where all of it is."""
        outside = self._window(self._filled, rows, columns)
        alive = self.dead.alive(*self._placed(rows, columns))
        if alive is None:
            return None if outside is None else ~outside
        film = alive[0][:, None] & alive[1]
        return film if outside is None else film & ~outside

    def _mended(self, plane: Any, rows: slice, columns: slice) -> NDArray[Any]:
        """The window with pixels that are no numbers replaced by the nearest that is one."""
        wider = [
            slice(max(part.start - REACH, 0), min(part.stop + REACH, size))
            for part, size in zip((rows, columns), self.shape, strict=True)
        ]
        values = self._cut(plane, *wider)
        bad = ~np.isfinite(values)
        if bad.all():
            return self._cut(plane, rows, columns)
        distance, (row, column) = ndimage.distance_transform_edt(bad, return_indices=True)
        mended = np.where(distance <= REACH, values[row, column], values)
        return mended[_moved(rows, -wider[0].start), _moved(columns, -wider[1].start)]

    def _window(self, grid: Grid | None, rows: slice, columns: slice) -> Grid | None:
        if grid is None:
            return None
        cells = grid[self._cells(rows, columns)]
        return cells if cells.any() else None

    def _cells(self, rows: slice, columns: slice) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        row, column = (np.arange(part.start, part.stop, part.step) // self.step for part in (rows, columns))
        return row[:, None], column[None, :]

    @cached_property
    def _filled(self) -> Grid | None:
        """What is filled: the edges of cells do not follow those of the film."""
        return None if self.outside is None else grown(self.outside)

    @cached_property
    def _near(self) -> Grid | None:
        near = self._filled
        if near is not None:
            for _ in range(-(-EDGE // self.step)):
                near = grown(near)
        return near

    @cached_property
    def _fill(self) -> NDArray[Any] | None:
        if self._filled is None or self.levels is None:
            return None
        empty = self._filled | ~np.isfinite(self.levels)
        row, column = ndimage.distance_transform_edt(empty, return_distances=False, return_indices=True)
        return np.asarray(self.levels[row, column])


def film_area(plane: Any) -> FilmArea:
    """Find the exposed film inside a picture.

    Parameters
    ----------
    plane
        ``(rows, columns)``, any real dtype; may be lazy. Only every so many columns, and some lines, are
        looked at.

    Returns
    -------
    FilmArea
        All of the picture where nothing else is clearly no film.

    Raises
    ------
    RadiographError
        If grey levels are too large to compute with.
    """
    rows, columns = (int(size) for size in plane.shape)
    whole = FilmArea.whole((rows, columns))
    if plane.dtype.kind == "b" or min(rows, columns) < 8:
        return whole
    step = max(1, int(np.ceil((rows * columns / _CELLS) ** 0.5)))
    sample, dead = _looked_at(plane, whole.box, step)
    filled = Filled(plane, dead) if dead else plane
    cells = sample.astype(np.float64)
    refuse_too_large(float(np.abs(cells).max(where=np.isfinite(cells), initial=0)))
    outside, levels = without_plates(cells, *cells_outside(cells), sample.dtype)
    box = film_part(outside)
    if box is None:
        return replace(whole, dead=dead)
    corners = within_rim(filled, framed(filled, refined(filled, box, step, levels)))
    if corners != whole.box:
        sample, more = _looked_at(filled, corners, step)
        dead = dead.joined(more)
        filled = Filled(plane, dead) if dead else plane
    return replace(_masked(filled, sample, corners, step, levels), dead=dead)


def _looked_at(plane: Any, box: Corners, step: int) -> tuple[NDArray[Any], DeadLines]:
    """Return every `step`-th pixel of a box in rows and columns, dead lines filled, and these lines."""
    top, left, bottom, right = box
    all_rows = np.asarray(plane[top:bottom, left:right:step])
    dead = find_dead_lines(plane, box, all_rows, step)
    if dead:
        return dead.read(plane, slice(top, bottom, step), slice(left, right, step)), dead
    return all_rows[::step].copy(), dead


def refuse_too_large(grey: float) -> None:
    """Refuse a film that has a grey level of this size, if nothing can be computed with it.

    Raises
    ------
    RadiographError
        If so.
    """
    if grey > _LARGEST:
        raise RadiographError(
            f"The radiograph has grey levels up to {grey:.3g}, which are too large to compute with; divide "
            "them all by the same number."
        )


def _masked(plane: Any, sample: NDArray[Any], corners: Corners, step: int, levels: list[Level]) -> FilmArea:
    """What of the box is still no film; `sample` is every `step`-th pixel of it."""
    cells = sample.astype(np.float64)
    outside, _ = cells_outside(cells, levels)
    outside |= lettering(plane, corners, cells, outside, step)
    if not outside.any() or outside.mean() > 0.9:
        return FilmArea(corners)
    return FilmArea(corners, step, outside, sample)


def _moved(part: slice, by: int) -> slice:
    return slice(part.start + by, part.stop + by, part.step)
