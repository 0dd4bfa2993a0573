"""A film on a finer grid, a window at a time.

Keeping the enlarged film would take twice its memory, and libraries' resizing of a part differs from the
same part of the resized whole. Here every new pixel is a weighted sum of a few old ones whose places and
weights follow from its own index alone, so a window equals the same window of the whole. New pixels are
`1 / scale` apart, and the corners of both grids coincide.

Enlarging is Keys's cubic convolution; reducing averages over the area that the new pixel covers, so no
probability is skipped. Beyond the border the last pixel is repeated.

References
----------
R. Keys, "Cubic convolution interpolation for digital image processing", IEEE Trans. ASSP 29 (1981).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

_SHARPNESS = -0.5  # of Keys's kernel: the only value that is exact for parabolas


@dataclass(frozen=True)
class Taps:
    """For each new pixel of one axis the old ones that it is summed from.

    Attributes
    ----------
    places
        ``(new, taps)`` int64: indices of old pixels.
    weights
        ``(new, taps)`` float32; each row sums to 1.
    """

    places: NDArray[np.int64]
    weights: NDArray[np.float32]

    @property
    def span(self) -> tuple[int, int]:
        """First old pixel and the one after the last."""
        return int(self.places.min()), int(self.places.max()) + 1

    @property
    def plain(self) -> bool:
        """Whether nothing is changed: neighbouring old pixels, one by one."""
        return self.places.shape[1] == 1 and bool(np.all(np.diff(self.places[:, 0]) == 1))


def enlarged(size: int, scale: float) -> int:
    """Return how many pixels of ``1 / scale`` cover `size` pixels."""
    return ceil(size * scale - 1e-9)


def taps(places: NDArray[np.int64], size: int, scale: float) -> Taps:
    """Return the taps of new pixels.

    Parameters
    ----------
    places
        ``(new,)`` indices on the new grid.
    size
        Pixels of the old grid.
    scale
        New pixels for each old one.
    """
    if scale == 1.0:
        return Taps(places[:, None], np.ones((places.size, 1), np.float32))
    old, weights = _cubic(places, scale) if scale > 1 else _area(places, scale)
    weights /= weights.sum(axis=1, keepdims=True)
    return Taps(np.clip(old, 0, size - 1), weights.astype(np.float32))


def resampled(image: torch.Tensor, rows: Taps, columns: Taps) -> torch.Tensor:
    """Sum `image` over the taps of rows and columns.

    Parameters
    ----------
    image
        ``(rows, columns)`` float32, whose pixel [0, 0] is the old pixel 0 of both taps.
    """
    return _along(_along(image, rows, 0), columns, 1)


def shifted(of: Taps, origin: int) -> Taps:
    """Count the old pixels from `origin`."""
    return Taps(of.places - origin, of.weights)


def _along(image: torch.Tensor, of: Taps, axis: int) -> torch.Tensor:
    if of.plain:
        return image.narrow(axis, int(of.places[0, 0]), len(of.places))
    shape = (-1, 1) if axis == 0 else (1, -1)
    places = torch.from_numpy(of.places).to(image.device)
    weights = torch.from_numpy(of.weights).to(image.device)
    result = image.index_select(axis, places[:, 0]).mul_(weights[:, 0].reshape(shape))
    for tap in range(1, places.shape[1]):
        result.addcmul_(image.index_select(axis, places[:, tap]), weights[:, tap].reshape(shape))
    return result


def _cubic(places: NDArray[np.int64], scale: float) -> tuple[NDArray[np.int64], NDArray[Any]]:
    centres = (places + 0.5) / scale - 0.5
    old = np.floor(centres).astype(np.int64)[:, None] + np.arange(-1, 3)
    distance = np.abs(centres[:, None] - old)
    near = (_SHARPNESS + 2) * distance**3 - (_SHARPNESS + 3) * distance**2 + 1
    far = _SHARPNESS * (distance**3 - 5 * distance**2 + 8 * distance - 4)
    return old, np.where(distance <= 1, near, np.where(distance < 2, far, 0.0))


def _area(places: NDArray[np.int64], scale: float) -> tuple[NDArray[np.int64], NDArray[Any]]:
    start, stop = places[:, None] / scale, (places[:, None] + 1) / scale
    old = np.floor(start + 1e-9).astype(np.int64) + np.arange(ceil(1 / scale - 1e-9) + 1)
    return old, np.clip(np.minimum(old + 1, stop) - np.maximum(old, start), 0, None)
