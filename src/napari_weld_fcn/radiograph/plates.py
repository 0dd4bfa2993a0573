"""The plates of a weld are film, though each may be of one grey and end as hard as a surround does.

A machined plate on a detector's image, or one that is thin enough, has nothing in it but grain, and a toe
without a radius is a few pixels wide. Cut off as a surround it takes half of the film along, and the bead
loses what it stands out from, which tells dark flaws from bright ones. What differs: a surround goes around
the film, or lacks its grain, or leaves plates and bead behind; plates leave a strip that has no bead.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from napari_weld_fcn.radiograph.strips import EXPLAINED_SURELY, strips
from napari_weld_fcn.radiograph.surround import Cells, Corners, Grid, Level, film_part, grain_of

#: A part has grain as film has from this share of it on.
_ALIKE = 0.7
#: Share of the variance that a bead explains which no dome between two hard toes comes up to: a parabola has
#: 0.77.
_PLAIN = 0.82


def without_plates(
    cells: Cells, outside: Grid, levels: list[Level], dtype: np.dtype[Any]
) -> tuple[Grid, list[Level]]:
    """Give back to the film what is a plate beside its bead.

    Parameters
    ----------
    cells
        Coarse picture, ``(rows, columns)``, of pixels of `dtype`.
    outside, levels
        As `cells_outside` finds them.

    Returns
    -------
    outside, levels
        Those that stay outside.
    """
    box = film_part(outside.copy())
    if box is None:
        return outside, levels
    top, left, bottom, right = box
    ends = (np.iinfo(dtype).min, np.iinfo(dtype).max) if dtype.kind in "ui" else (0, 1)
    plates = [
        *_plates(cells, outside, levels, box, ends),
        *_plates(cells.T, outside.T, levels, (left, top, right, bottom), ends),
    ]
    for plate in plates:
        outside = outside & ~plate.has(cells)
    return outside, [level for level in levels if level not in plates]


def _plates(
    cells: Cells, outside: Grid, levels: list[Level], box: Corners, ends: tuple[float, float]
) -> list[Level]:
    """The greys above and below a film, and not beside it, if they are its plates."""
    top, left, bottom, right = box
    parts = [(level, level.has(cells) & outside) for level in levels]
    parts = [
        (level, part)
        for level, part in parts
        if not (part[top:bottom, :left].any() or part[top:bottom, right:].any())
    ]
    grain = grain_of(cells, ~outside)
    alike = [(level, part) for level, part in parts if grain_of(cells, part) >= _ALIKE * grain > 0]
    found = [level for level, _ in alike or parts]
    part = np.logical_or.reduce([np.zeros_like(outside), *(part for _, part in alike or parts)])
    sides = sum(bool(part[rows, left:right].any()) for rows in (slice(top), slice(bottom, None)))
    if sides < (1 if alike else 2):
        return []
    if _bead(cells[top:bottom, left:right]) >= (_PLAIN if alike else EXPLAINED_SURELY):
        return []
    if alike and sides == 2:
        return found
    rows = np.flatnonzero((part | ~outside)[:, left:right].any(axis=1))
    loses = _bead(cells[rows[0] : rows[-1] + 1, left:right]) > 0
    saturated = all(level.reach == 0 and level.grey in ends for level in found)
    return found if loses and (alike or not saturated) else []


def _bead(cells: Cells) -> float:
    """Share of the variance that the clearest bead explains; 0 where none is sure."""
    return max((strip.explained for strip in strips(cells) if strip.is_sure), default=0.0)
