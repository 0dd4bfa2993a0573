"""The classical detectors that a network must beat: a black top-hat, and the Laplacian of a Gaussian.

Closing fills every dark spot that is smaller than its window; what it filled is the spot's darkness. No
training, no model, one size. It stands beside every score of a model, at the threshold that suits it best.

The Laplacian answers most to a dark disc whose radius is sqrt(2) times the Gaussian's. One width would know
one size of pore, so the strongest of some widths counts, each scaled so that equal contrast answers equally.

References
----------
F. Meyer, "Iterative image transformations for an automatic screening of cervical smears", J. Histochem.
Cytochem. 27 (1979), for the top-hat.
T. Lindeberg, "Feature detection with automatic scale selection", International Journal of Computer Vision 30
(1998), for the scaled Laplacian and its largest value over widths.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_weld_fcn.radiograph.normalisation import measure, white_of

#: Depth that becomes 0.5, in grey levels of 255.
HALF_DEPTH = 10.0

#: Half the window, pixels; flaws of weld films at 0.04 mm a pixel are about 12 pixels across.
RADIUS = 12


def top_hat(pixels: NDArray[Any], radius: int = RADIUS, blur: float = 1.5) -> NDArray[np.float32]:
    """Depth of dark spots, on a scale from 0 to 1.

    Parameters
    ----------
    pixels
        ``(rows, columns)``, any real dtype; flaws are darker than their surroundings.
    radius
        Spots up to ``2 * radius`` pixels across are kept whole; the window is a square of
        ``2 * radius + 1`` pixels.
    blur
        Standard deviation of a Gaussian against grain that goes before, pixels; 0 for none.

    Returns
    -------
    numpy.ndarray
        Same shape, float32 in [0, 1): ``depth / (depth + 10)`` with the depth in grey levels of 255. It
        rises with the depth, so any threshold on one is a threshold on the other; it is no probability.
    """
    grey = scaled_to_255(pixels)
    if blur:
        grey = ndimage.gaussian_filter(grey, blur)
    depth = ndimage.grey_closing(grey, (2 * radius + 1, 2 * radius + 1)) - grey
    return squashed(np.maximum(depth, 0.0, out=depth))


def scaled_to_255(pixels: NDArray[Any]) -> NDArray[np.float32]:
    """Return pixels of any real dtype in grey levels of 255, float32."""
    return pixels.astype(np.float32) * np.float32(255 / white_level(pixels))


def white_level(pixels: NDArray[Any]) -> float:
    """Return the pixels' own grey level that becomes 255."""
    return white_of(pixels, measure(pixels))


def squashed(depth: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return a depth from 0 on, in grey levels of 255, in [0, 1): `HALF_DEPTH` becomes 0.5."""
    return np.asarray(depth / (depth + np.float32(HALF_DEPTH)), dtype=np.float32)


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
    grey = scaled_to_255(pixels)
    strength = np.zeros(grey.shape, np.float32)
    for width in widths:
        found = ndimage.gaussian_laplace(grey, width)
        np.maximum(strength, found * np.float32(width**2), out=strength)
    return squashed(strength)
