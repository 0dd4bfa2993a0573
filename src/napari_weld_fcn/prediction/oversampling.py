"""Whether a film has more pixels than it shows.

A film scanned finer than its grain, or enlarged afterwards, has grain several pixels wide: each octave of
detail is weaker than the next coarser one, the finest ones nearly empty. Half its pixels show all of it, and
a network that looks a fixed number of pixels far sees twice as much of a faint flaw in them. White grain
halves from octave to octave instead, and a film scanned as its grain asks for keeps about the same.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: Each of the two finest octaves must have less than this share of the detail of the next.
SHARE = 0.6
#: Windows along each axis that are looked at, and their edge in pixels.
WINDOWS, EDGE = 3, 512
#: Strongest details, as a share, that count no more than the next: outlines are no grain.
_OUTLINES = 0.05


def oversampling(plane: Any) -> int:
    """Return by what a plane can be shrunk without losing detail: 2, or 1 where every pixel counts.

    Parameters
    ----------
    plane
        ``(rows, columns)``, any real dtype; of a lazy one only some windows are read.
    """
    octaves = np.mean([_octaves(window) for window in _windows(plane)], axis=0)
    return 2 if all(finer < SHARE * coarser for finer, coarser in pairwise(octaves)) else 1


def _windows(plane: Any) -> list[NDArray[np.float64]]:
    tops, lefts = (
        sorted({int(at) for at in np.linspace(0, max(size - EDGE, 0), WINDOWS)}) for size in plane.shape
    )
    return [
        np.asarray(plane[top : top + EDGE, left : left + EDGE], np.float64) for top in tops for left in lefts
    ]


def _octaves(pixels: NDArray[np.float64]) -> list[float]:
    """Root mean square of the diagonal Haar detail of three octaves, the finest first."""
    found = []
    for _ in range(3):
        rows, columns = (size // 2 for size in pixels.shape)
        if not rows or not columns:
            return [0.0] * 3
        cells = pixels[: 2 * rows, : 2 * columns].reshape(rows, 2, columns, 2)
        detail = np.abs(cells[:, 0, :, 0] - cells[:, 0, :, 1] - cells[:, 1, :, 0] + cells[:, 1, :, 1])
        strongest = np.quantile(detail, 1 - _OUTLINES)
        found.append(float(np.sqrt(np.mean(np.minimum(detail, strongest) ** 2))))
        pixels = cells.mean(axis=(1, 3))
    return found
