"""Where the weld bead lies on a film.

A bead is a strip along the whole film that is brighter than the plate on both of its sides (darker, where
the film is shown as a positive). The two plates need not be alike: one may be thicker, one may end. So each
short piece of the film is described by three levels, plate, bead and plate, and of all pairs of places where
they could change, those are taken that leave the least to be explained. A threshold over the film, such as
Otsu's, is simpler, and fails as soon as the thick plate is brighter than the bead is elsewhere.

Pieces that disagree with their neighbours (a lead letter, the end of a plate) are outvoted by a median. Where
no strip stands out of its own scatter, or its edges jump about, there is no bead: castings and magnified
patches have none.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import median_filter
from skimage.measure import block_reduce

from napari_weld_fcn.dataset.rois import Band

Floats = NDArray[np.float64]

#: Pixels across a bead that are looked at, about; finer grain than that says nothing of it.
LOOKED_AT = 128

#: Shortest piece along the bead, in pixels looked at; most pieces; and how many vote on an edge.
PIECE, PIECES, VOTES = 16, 128, 5

#: Fewest pixels across in which three levels mean anything.
LEAST = 8

#: Narrowest bead and plate, as a share of the film across.
NARROWEST = 0.05

#: The edges found lie half way up the flank; the toes lie farther out, by this share of the bead.
TOE = 0.12

#: What a strip must reach to be a bead: share of the variance explained, contrast over what is not explained,
#: and the most that an edge may jump from piece to piece, as a share of the film across.
EXPLAINED, CONTRAST, JUMP = 0.7, 1.5, 0.12


def find_bead(pixels: Any) -> Band | None:
    """Find the weld bead of a film.

    Parameters
    ----------
    pixels
        ``(rows, columns)``, any real dtype, finite; a lazy array is computed.

    Returns
    -------
    Band or None
        From toe to toe, in pixels of the film, along its columns or its rows; None where there is none.
    """
    plane = np.asarray(pixels)
    coarse = _reduced(plane, (_block(min(plane.shape)),) * 2)
    candidates = [
        (explained, vertical, edges)
        for image, vertical in ((coarse, False), (coarse.T, True))
        for explained, edges in _strips(_reduced(image, (_block(image.shape[0]), 1)))
    ]
    best = max(candidates, key=lambda strip: strip[0], default=None)
    return _full_size(best[2], plane.shape, best[1]) if best else None


def _block(edge: int) -> int:
    return max(1, round(edge / LOOKED_AT))


def _reduced(image: NDArray[Any], block: tuple[int, int]) -> NDArray[np.float32]:
    """Return the means of blocks; what is left over at the end is dropped."""
    rows, columns = (edge // step * step for edge, step in zip(image.shape, block, strict=True))
    means = block_reduce(image[:rows, :columns], block, np.mean, func_kwargs={"dtype": np.float32})
    return np.asarray(means, dtype=np.float32)


def _strips(image: NDArray[np.float32]) -> list[tuple[float, Floats]]:
    """Return explained share and edges, in shares of the film, of a bright and a dark strip along columns."""
    across = image.shape[0]
    if across < LEAST:
        return []
    parts = min(max(1, round(image.shape[1] / PIECE)), PIECES)
    pieces = np.array_split(image, parts, axis=1)
    profiles = np.array([np.median(piece, axis=1) for piece in pieces], dtype=np.float64)
    found = []
    for sign in (1.0, -1.0):
        edges, contrast, left = _three_levels(sign * profiles)
        scatter = float(np.sqrt(np.median(left)))
        explained = 1 - float(np.median(left)) / max(float(np.median(profiles.var(axis=1))), 1e-12)
        jump = sum(float(np.median(np.abs(np.diff(edge)))) if len(edge) > 1 else 0.0 for edge in edges)
        clear = float(np.median(contrast)) > CONTRAST * scatter
        if explained >= EXPLAINED and clear and jump <= JUMP * across:
            found.append((explained, edges / across))
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


def _full_size(edges: Floats, shape: tuple[int, ...], vertical: bool) -> Band:
    """Return the edges of pieces as those at every pixel along, in pixels, widened to the toes."""
    across, along = (shape[1], shape[0]) if vertical else (shape[0], shape[1])
    upper, lower = (median_filter(edge * across, VOTES, mode="nearest") for edge in edges)
    middles = (np.arange(len(upper)) + 0.5) * along / len(upper)
    margin = TOE * (lower - upper)
    places = np.arange(along) + 0.5
    upper, lower = np.interp(places, middles, upper - margin), np.interp(places, middles, lower + margin)
    return Band(np.clip(upper, 0, across), np.clip(lower, 0, across), vertical)
