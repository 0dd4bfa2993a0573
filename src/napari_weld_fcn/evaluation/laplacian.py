"""The other classical detector that a network must beat: the Laplacian of a Gaussian.

It answers most to a dark disc whose radius is sqrt(2) times the Gaussian's. One width would know one
size of pore, so the strongest of some widths counts, each scaled so that equal contrast answers equally.

References
----------
T. Lindeberg, "Feature detection with automatic scale selection", International Journal of Computer Vision 30
(1998), for the scaled Laplacian and its largest value over widths.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_weld_fcn.evaluation.top_hat import grey_levels, squashed

#: Widths of the Gaussians, pixels: dark discs of 6 to 23 pixels across.
WIDTHS = (2.0, 4.0, 8.0)


def laplacian(pixels: NDArray[Any], widths: Sequence[float] = WIDTHS) -> NDArray[np.float32]:
    """Strength of dark blobs, on a scale from 0 to 1.

    Parameters
    ----------
    pixels
        ``(rows, columns)``, any real dtype; flaws are darker than their surroundings.
    widths
        Standard deviations of the Gaussians, pixels.

    Returns
    -------
    numpy.ndarray
        Same shape, float32 in [0, 1), squashed as by `top_hat`; it is no probability.
    """
    grey = grey_levels(pixels)
    strength = np.zeros(grey.shape, np.float32)
    for width in widths:
        found = ndimage.gaussian_laplace(grey, width)
        np.maximum(strength, found * np.float32(width**2), out=strength)
    return squashed(strength)
