"""Where the weld bead lies on a film.

A bead is a strip along the whole film that is brighter than the plate on both of its sides (darker, where
the film is shown as a positive): see `radiograph.strips`. Pieces of it that disagree with their neighbours
(a lead letter, the end of a plate) are outvoted by a median. Where no strip stands out of its own scatter, or
its edges jump about, there is no bead: castings and magnified patches have none.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.ndimage import median_filter

from napari_weld_fcn.dataset.rois import Band
from napari_weld_fcn.radiograph.strips import Floats, strips

#: Pieces that vote on an edge.
VOTES = 5

#: The edges found lie half way up the flank; the toes lie farther out, by this share of the bead.
TOE = 0.12


def find_bead(pixels: Any) -> Band | None:
    """Find the weld bead of a film.

    Parameters
    ----------
    pixels
        ``(rows, columns)``, any real dtype; a lazy array is read some rows at a time.

    Returns
    -------
    Band or None
        From toe to toe, in pixels of the film, along its columns or its rows; None where there is none.
    """
    beads = [strip for strip in strips(pixels) if strip.is_bead]
    best = max(beads, key=lambda strip: strip.explained, default=None)
    return _full_size(best.edges, pixels.shape, best.vertical) if best else None


def _full_size(edges: Floats, shape: tuple[int, ...], vertical: bool) -> Band:
    """Return the edges of pieces as those at every pixel along, in pixels, widened to the toes."""
    across, along = (shape[1], shape[0]) if vertical else (shape[0], shape[1])
    upper, lower = (median_filter(edge * across, VOTES, mode="nearest") for edge in edges)
    middles = (np.arange(len(upper)) + 0.5) * along / len(upper)
    margin = TOE * (lower - upper)
    places = np.arange(along) + 0.5
    upper, lower = np.interp(places, middles, upper - margin), np.interp(places, middles, lower + margin)
    return Band(np.clip(upper, 0, across), np.clip(lower, 0, across), vertical)
