"""What in a picture is no film, by what only such parts have: one grey, and a hard edge.

A grey level is not enough: film has any, and its own saturated or flat parts are film. So a part counts as no
film only where it reaches the picture's border, has one grey but for noise that does not drift, and ends
within two cells by much more than the film's own grain. A noisy part must in addition have a grey that the
film beside it lacks, and none may lie within the outline of the rest: that is a hole in a casting, not what
surrounds a film.

All thresholds are in units of the grain or of the part's own noise, so gain, offset and depth do not matter.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import ConvexHull

Grid = NDArray[np.bool_]
Cells = NDArray[np.float64]
#: First row and column, and those behind the last.
Corners = tuple[int, int, int, int]

#: Edge of the blocks along the border whose grey is tried, cells.
_BLOCK = 4
#: How many standard deviations of its own noise belong to a part.
_NOISES = 5.0
#: A hard edge is so many times the film's grain high, but between these shares of its range of greys.
_GRAINS, _SHADES = 3.0, (0.05, 0.15)
#: Share of the edge that must be hard.
HARD = 0.5
#: Cells that tell the grain.
_GRAIN_CELLS = 20_000
#: Share of a part that may lie within the outline of the film.
_DENT = 0.2
#: Share of the other cells that may have a noisy part's grey.
_SHARED = 0.02
#: Smallest part, and least film beside all of them, as shares of the picture.
_SMALLEST, _LEAST_FILM = 0.002, 0.15
#: Parts of what is left that are smaller than this share of the largest are no film: dust, stickers.
_SPECK = 0.02


@dataclass(frozen=True)
class Level:
    """The grey of a part, and how far a pixel of it may lie from that."""

    grey: float
    reach: float

    def has(self, values: NDArray[Any]) -> Grid:
        """Return where values are of this grey."""
        return np.asarray(np.abs(values - self.grey) <= self.reach)


def grown(grid: Grid) -> Grid:
    """Return a grid with the eight neighbours of each of its cells."""
    return _spread(grid, np.logical_or, False)


def _shrunk(grid: Grid) -> Grid:
    return _spread(grid, np.logical_and, True)


def _spread(grid: Grid, join: np.ufunc, beyond: bool) -> Grid:
    for axis in (0, 1):
        wide = np.pad(grid, [(1, 1) if axis == each else (0, 0) for each in (0, 1)], constant_values=beyond)
        parts = [wide[start : start + len(grid)] for start in range(3)]
        if axis == 1:
            parts = [wide[:, start : start + grid.shape[1]] for start in range(3)]
        grid = join(join(parts[0], parts[1]), parts[2])
    return grid


def cells_outside(cells: Cells, known: list[Level] | None = None) -> tuple[Grid, list[Level]]:
    """Find the parts of a coarse picture that surround the film.

    Parameters
    ----------
    cells
        ``(rows, columns)`` grey levels.
    known
        Greys of parts that were found before; their rest need not be large.

    Returns
    -------
    outside, levels
        Which cells are no film, and the greys of the parts that they are.
    """
    finite = np.isfinite(cells)
    outside = grown(_shrunk(~finite))
    outside &= ~finite
    levels = []
    for level in _candidates(cells) if known is None else known:
        found = _parts(cells, level, outside, whole=known is None)
        if found.any():
            outside |= found
            levels.append(level)
    return outside, levels


def _candidates(cells: Cells) -> list[Level]:
    """The greys of blocks in the corners and the middles of the border, each once."""
    rows, columns = cells.shape
    found: list[Level] = []
    for top in (0, (rows - _BLOCK) // 2, rows - _BLOCK):
        for left in (0, (columns - _BLOCK) // 2, columns - _BLOCK):
            block = cells[max(top, 0) :, max(left, 0) :][:_BLOCK, :_BLOCK]
            if not np.isfinite(block).all():
                continue
            grey = float(np.median(block))
            level = Level(grey, _NOISES * float(np.sqrt(np.mean((block - grey) ** 2))))
            if not any(abs(each.grey - grey) <= max(each.reach, level.reach) for each in found):
                found.append(level)
    return sorted(found, key=lambda level: level.reach)


def _parts(cells: Cells, level: Level, outside: Grid, *, whole: bool) -> Grid:
    """Return the parts of one grey that reach the border and are no film."""
    same = level.has(cells) & ~outside
    nothing = np.zeros_like(same)
    if np.count_nonzero(same) < _SMALLEST * same.size and whole:
        return nothing
    opened = grown(_shrunk(same)) & same
    numbers, count = ndimage.label(opened)
    border = np.concatenate([numbers[0], numbers[-1], numbers[:, 0], numbers[:, -1]])
    sizes = np.bincount(numbers.ravel(), minlength=count + 1)
    least = _SMALLEST * same.size if whole else 9
    reaching = np.isin(np.arange(count + 1), border) & (sizes >= least)
    reaching[0] = False
    others = reaching[numbers]
    for number in np.flatnonzero(reaching):
        part = numbers == number
        if _is_no_film(cells, level, part, outside, others if whole else None):
            nothing |= part
    return nothing


def _is_no_film(cells: Cells, level: Level, part: Grid, outside: Grid, others: Grid | None) -> bool:
    """Whether a part is none, `others` of its grey being such parts too; None where the grey is known."""
    beside = ~(part | outside)
    if np.count_nonzero(beside) < _LEAST_FILM * part.size:
        return False
    near = grown(part)
    ring = grown(near) & ~near & beside
    values = cells[ring]
    values = values[np.isfinite(values)]
    step = max(hard_step(cells, beside), 2 * level.reach)
    if not values.size or np.mean(np.abs(values - level.grey) > step) < HARD:
        return False
    if level.reach and others is not None:
        wider = Level(level.grey, 2 * level.reach)
        shared = np.count_nonzero(wider.has(cells) & beside & ~near & ~grown(others))
        if shared > _SHARED * np.count_nonzero(beside) or _drifts(cells, level, part):
            return False
    return not _dents(part, beside)


def hard_step(cells: Cells, film: Grid) -> float:
    """How much a hard edge is at least: more than grain, and more than shades of one grey."""
    some = slice(None, None, max(1, cells.size // _GRAIN_CELLS))
    values = cells.T[some]
    greys = np.sort(values[film.T[some] & np.isfinite(values)])
    shades = float(greys[-1 - greys.size // 100] - greys[greys.size // 100]) if greys.size else 0.0
    least, most = (share * shades for share in _SHADES)
    return max(least, min(_GRAINS * grain_of(cells, film), most))


def grain_of(cells: Cells, film: Grid) -> float:
    """Return the grain of a part of a picture; a smooth one in few grey levels has none.

    It is the robust standard deviation of the differences between neighbours, along the axis with less.
    """
    grain = []
    for values, there in ((cells, film), (cells.T, film.T)):
        some = slice(None, None, max(1, values.size // _GRAIN_CELLS))
        values, there = values[some], there[some] & np.isfinite(values[some])
        both = there[:, 1:] & there[:, :-1]
        steps = np.abs(values[:, 1:][both] - values[:, :-1][both])
        grain.append(1.05 * float(np.median(steps)) if steps.size else 0.0)
    return min(grain)


def _dents(part: Grid, film: Grid) -> bool:
    """Whether a part lies within the outline of the film: a hole in a casting, not what surrounds a film."""
    numbers, count = ndimage.label(film)
    sizes = np.bincount(numbers.ravel(), minlength=count + 1)
    sizes[0] = 0
    film = (sizes >= _SPECK * sizes.max())[numbers]
    ends = [
        (row + down, column)
        for row, (first, last) in _spans(film)
        for down in (0, 1)
        for column in (first, last + 1)
    ]
    inside = ConvexHull(np.array(ends)).volume - np.count_nonzero(film)
    return bool(inside > _DENT * np.count_nonzero(part))


def _spans(film: Grid) -> Iterator[tuple[int, tuple[int, int]]]:
    last = film.shape[1] - 1
    for row in np.flatnonzero(film.any(axis=1)).tolist():
        yield row, (int(film[row].argmax()), last - int(film[row, ::-1].argmax()))


def _drifts(cells: Cells, level: Level, part: Grid) -> bool:
    """Whether the mean grey changes along the part by more than half its noise."""
    edge = 4 * _BLOCK
    rows, columns = (size // edge * edge for size in cells.shape)
    blocks = (rows // edge, edge, columns // edge, edge)
    inside = part[:rows, :columns]
    count = inside.reshape(blocks).sum((1, 3))
    total = np.where(inside, cells[:rows, :columns] - level.grey, 0.0).reshape(blocks).sum((1, 3))
    many = count >= edge
    if np.count_nonzero(many) < 3:
        return True
    return bool(np.std(total[many] / count[many]) > 0.5 * level.reach / _NOISES)


def film_part(outside: Grid) -> Corners | None:
    """Return the cells between which the film lies; None where there is hardly any."""
    if not outside.any():
        return 0, 0, *outside.shape
    numbers, count = ndimage.label(~outside)
    sizes = np.bincount(numbers.ravel(), minlength=count + 1)[1:]
    if not count or sizes.max() < _LEAST_FILM * outside.size:
        return None
    outside |= ~np.concatenate([[False], sizes >= _SPECK * sizes.max()])[numbers]
    rows, columns = (np.flatnonzero(~outside.all(axis)) for axis in (1, 0))
    return int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1
