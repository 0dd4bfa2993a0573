"""What fits best on a picture as a strip that is brighter, or darker, than what is beside it.

A bead is such a strip along a whole film, between two plates that need not be alike: one may be thicker, one
may end. So each short piece of the film is described by three levels, plate, bead and plate, and of all pairs
of places where they could change, those are taken that leave the least to be explained. A threshold over the
film, such as Otsu's, is simpler, and fails as soon as the thick plate is brighter than the bead is elsewhere.

How clear each strip is stands beside it: what is drawn from it needs more or less.

Between which grey levels a film lies, whatever a few of its pixels are.

Ranks alone do not tell: where more pixels are broken than a rank leaves out, or lead letters outshine a faint
film, the outer ranks are theirs. The inner greys are the film's own, for a bead covers more of a film than
letters do, and what is farther from them than they are wide is none of its greys.

The plates of a weld are film, though each may be of one grey and end as hard as a surround does.

A machined plate on a detector's image, or one that is thin enough, has nothing in it but grain, and a toe
without a radius is a few pixels wide. Cut off as a surround it takes half of the film along, and the bead
loses what it stands out from, which tells dark flaws from bright ones. What differs: a surround goes around
the film, or lacks its grain, or leaves plates and bead behind; plates leave a strip that has no bead.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_weld_fcn.radiograph.area.surround import Cells, Corners, Grid, Level, film_part, grain_of

Floats = NDArray[np.float64]

#: Pixels across a bead that are looked at, about; finer grain than that says nothing of it.
LOOKED_AT = 128

#: Shortest piece along the bead, in pixels looked at, and most pieces.
PIECE, PIECES = 16, 128

#: Fewest pixels across in which three levels mean anything.
LEAST = 8

#: Narrowest bead and plate, as a share of the film across.
NARROWEST = 0.05

#: What a strip must reach to be a bead: share of the variance explained, contrast over what is not explained,
#: and the most that an edge may jump from piece to piece, as a share of the film across.
EXPLAINED, CONTRAST, JUMP = 0.7, 1.5, 0.12
#: The same for what is drawn from it to be believed.
EXPLAINED_SURELY, CONTRAST_SURELY, JUMP_SURELY = 0.72, 2.8, 0.05
#: Widest sure bead, as a share of the film across: what is wider may be the film itself within its surround.
WIDEST = 0.6

#: A standard deviation that is none, as a share of the largest grey level: rounding makes as much.
_NOTHING = 1e-12

#: Pixels of the film that are read at once, and of these that tell its darkest and brightest.
READ_PIXELS, RANKED_PIXELS = 1 << 22, 1 << 16


@dataclass(frozen=True)
class Strip:
    """What fits best along one axis of a film as a strip that is brighter, or darker, than what is beside it.

    Attributes
    ----------
    bright
        Whether it is brighter than the plates on both of its sides; otherwise it is darker.
    vertical
        Whether it runs along the rows.
    explained
        Share of the variance across that three levels explain.
    contrast
        Its grey levels over the nearer plate's, in units of what is not explained.
    jump
        How far its edges jump from piece to piece, as a share of the film across.
    ends
        Whether it stands out at both ends of the film too; a film within a surround does not.
    edges
        ``(2, pieces)`` where it begins and ends, as shares of the film across.
    """

    bright: bool
    vertical: bool
    explained: float
    contrast: float
    jump: float
    ends: bool
    edges: Floats

    @property
    def width(self) -> float:
        """As a share of the film across."""
        return float(np.median(self.edges[1] - self.edges[0]))

    @property
    def is_bead(self) -> bool:
        """Whether it stands out as a bead does."""
        return self.explained >= EXPLAINED and self.contrast > CONTRAST and self.jump <= JUMP

    @property
    def is_sure(self) -> bool:
        """Whether what is drawn from it may be believed."""
        return (
            self.ends
            and self.explained >= EXPLAINED_SURELY
            and self.contrast >= CONTRAST_SURELY
            and self.jump <= JUMP_SURELY
            and self.width <= WIDEST
        )


def strips(pixels: Any) -> list[Strip]:
    """Fit a bright and a dark strip along the columns, and both along the rows.

    Parameters
    ----------
    pixels
        As for `find_bead`.

    Returns
    -------
    list of Strip
        Less than four where the film is too narrow for three levels.
    """
    coarse = _coarse(pixels, _block(min(pixels.shape)))
    return [
        strip
        for image, vertical in ((coarse, False), (coarse.T, True))
        for strip in _along_columns(_reduced(image, (_block(image.shape[0]), 1)), vertical)
    ]


def _block(edge: int) -> int:
    return max(1, round(edge / LOOKED_AT))


def _coarse(pixels: Any, step: int) -> Floats:
    """Return the means of blocks of `step` pixels, read in bands; where one is none, their median.

    One broken pixel of 65535 would be all of its block's mean, so those are drawn in.
    """
    rows, columns = pixels.shape[0] // step * step, pixels.shape[1]  # a last band of less has no block
    height = step * max(1, READ_PIXELS // (step * columns))
    bands = (np.asarray(pixels[top : min(top + height, rows)]) for top in range(0, rows, height))
    with np.errstate(invalid="ignore"):
        means = np.concatenate([_reduced(_drawn_in(band), (step, step)) for band in bands])
    there = np.isfinite(means)
    return means if there.all() else np.where(there, means, np.median(means[there]) if there.any() else 0)


def _drawn_in(band: NDArray[Any]) -> NDArray[Any]:
    some = band[:: max(1, round((band.size / RANKED_PIXELS) ** 0.5))]
    some = some[:, :: max(1, some.size // RANKED_PIXELS)]
    some = some[np.isfinite(some)]
    if band.dtype == np.bool_ or not some.size:
        return band
    low, high = grey_limits(some)
    return band.clip(low, high, dtype=np.result_type(band.dtype, np.float32))


def _reduced(image: NDArray[Any], block: tuple[int, int]) -> Floats:
    """Return the means of blocks; what is left over at the end is dropped."""
    rows, columns = (edge // step * step for edge, step in zip(image.shape, block, strict=True))
    in_rows = image[:rows, :columns].reshape(-1, block[0], columns)
    summed = np.add.reduce(in_rows, axis=1, dtype=np.float64).reshape(len(in_rows), -1, block[1])
    return np.asarray(summed.sum(axis=2) / (block[0] * block[1]))


def _along_columns(image: Floats, vertical: bool) -> list[Strip]:
    """Fit a bright and a dark strip along the columns of a coarse image."""
    across = image.shape[0]
    if across < LEAST:
        return []
    parts = min(max(1, round(image.shape[1] / PIECE)), PIECES)
    pieces = np.array_split(image, parts, axis=1)
    profiles = np.array([np.median(piece, axis=1) for piece in pieces], dtype=np.float64)
    nothing = max((_NOTHING * float(np.abs(profiles).max())) ** 2, float(np.finfo(np.float64).tiny))
    profiles -= np.median(profiles)  # squares of a high level would leave nothing of a small spread
    variance = max(float(np.median(profiles.var(axis=1))), nothing)
    found = []
    for sign in (1.0, -1.0):
        edges, contrast, left = _three_levels(sign * profiles)
        unexplained = float(np.median(left))
        clear = contrast > CONTRAST * np.sqrt(left)
        jump = sum(float(np.median(np.abs(np.diff(edge)))) if len(edge) > 1 else 0.0 for edge in edges)
        found.append(
            Strip(
                bright=sign > 0,
                vertical=vertical,
                explained=1 - unexplained / variance,
                contrast=float(np.median(contrast)) / max(unexplained, nothing) ** 0.5,
                jump=jump / across,
                ends=bool(clear[:2].any() and clear[-2:].any()),
                edges=edges / across,
            )
        )
    return found


def _three_levels(profiles: Floats) -> tuple[Floats, Floats, Floats]:
    """Fit plate, brighter bead and plate to each profile.

    Parameters
    ----------
    profiles
        ``(pieces, across)`` grey levels.

    Returns
    -------
    edges, contrast, left
        ``(2, pieces)`` places of the changes, ``(pieces,)`` grey levels of the bead over the brighter plate,
        and ``(pieces,)`` variance that the levels leave; infinite where no bead would be brighter.
    """
    across = profiles.shape[1]
    start, stop = _pairs(across)
    sums = np.concatenate([np.zeros((len(profiles), 1)), np.cumsum(profiles, axis=1)], axis=1)
    before = sums[:, start] / start
    bead = (sums[:, stop] - sums[:, start]) / (stop - start)
    after = (sums[:, [-1]] - sums[:, stop]) / (across - stop)
    explained = before**2 * start + bead**2 * (stop - start) + after**2 * (across - stop)
    contrast = bead - np.maximum(before, after)
    explained[contrast <= 0] = -np.inf
    best = explained.argmax(axis=1)
    each = np.arange(len(profiles))
    left = ((profiles**2).sum(axis=1) - explained[each, best]) / across
    edges = np.array([start[best], stop[best]], dtype=np.float64)
    return edges, contrast[each, best], np.maximum(left, 0)


def _pairs(across: int) -> tuple[NDArray[np.int_], NDArray[np.int_]]:
    """Return every pair of places that leaves bead and plates their least width."""
    least = max(1, round(NARROWEST * across))
    start, stop = np.triu_indices(across, least)
    wide_enough = (start >= least) & (across - stop >= least)
    return start[wide_enough], stop[wide_enough]


#: Share of the pixels, at either end, that is drawn in.
OUTER_SHARE = 0.001
#: Share of the pixels, at either end, beside the film's inner greys.
INNER_SHARE = 0.025


def grey_limits(values: NDArray[Any]) -> tuple[float, float]:
    """Return the darkest and the brightest grey level of a film.

    Parameters
    ----------
    values
        ``(pixels,)``, at least one; finite.
    """
    if values.dtype.kind == "b":
        values = values.view(np.uint8)
    outer, inner = (int(share * values.size) for share in (OUTER_SHARE, INNER_SHARE))
    places = (outer, inner, values.size - 1 - inner, values.size - 1 - outer)
    low, dark, bright, high = (float(each) for each in np.partition(values, places)[list(places)])
    width = bright - dark
    return (max(low, dark - width), min(high, bright + width)) if width else (low, high)


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
