"""How pixels are brought to one scale before a network sees them.

``(x - mean) / (standard deviation + 4 grey units)`` over the *whole* radiograph: measured for each tile, the
same pore would look different in two tiles and their seam would show. The four grey units keep an almost
blank film from being blown up to noise. A grey unit is 1/255 of the full scale, which a file of more than
8 bits does not tell (a 12-bit film often lies in 16 bits), so it is taken from the brightest pixel.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_weld_fcn.errors import RadiographError

#: Added to the standard deviation, in grey units.
FLOOR_UNITS = 4.0
_READ_PIXELS = 1 << 22
_PART_PIXELS = 1 << 15


@dataclass(frozen=True)
class Normalisation:
    """What is subtracted and divided by, both in the radiograph's own grey levels.

    Attributes
    ----------
    mean
        Mean grey level of the radiograph.
    spread
        Its standard deviation plus `FLOOR_UNITS` grey units; above 0.
    """

    mean: float
    spread: float

    def apply(self, pixels: Any) -> NDArray[np.float32]:
        """Normalise pixels of the radiograph, or of a part of it.

        Parameters
        ----------
        pixels
            Any shape and real dtype; a lazy array is computed.

        Returns
        -------
        numpy.ndarray
            Same shape, float32: 0 is the radiograph's mean, 1 one spread brighter.
        """
        array = np.asarray(pixels)
        exact = np.result_type(array.dtype, np.float32).type
        centred: NDArray[Any] = np.subtract(array, exact(self.mean), dtype=exact)
        centred *= exact(1 / self.spread)
        return centred.astype(np.float32, copy=False)


def measure(pixels: Any) -> Normalisation:
    """Measure the normalisation of one radiograph, some rows at a time.

    Parameters
    ----------
    pixels
        ``(rows, columns)``, any real dtype, at least one pixel; may be lazy (dask), then it is computed
        chunk by chunk.

    Returns
    -------
    Normalisation
        In the grey levels of `pixels`.

    Raises
    ------
    RadiographError
        If a pixel is not a finite number.
    """
    brightest, origin = -np.inf, None
    count, total, squares = 0, 0.0, 0.0
    for part in _parts(pixels):
        if origin is None:
            origin = float(part[0])  # differences from it keep the sum of squares exact for large grey levels
        brightest = max(brightest, float(part.max()))
        with np.errstate(over="ignore", invalid="ignore"):
            values = np.subtract(part, origin, dtype=np.float64)
            total += float(values.sum())
            squares += float(np.square(values, out=values).sum())
        count += values.size
    if origin is None or not np.isfinite(squares):
        raise RadiographError("The radiograph has pixels that are not finite numbers (NaN or infinity).")
    offset = total / count
    deviation = max(squares / count - offset**2, 0.0) ** 0.5
    unit = full_scale(pixels.dtype, brightest) / 255
    return Normalisation(mean=origin + offset, spread=deviation + FLOOR_UNITS * unit)


def full_scale(dtype: np.dtype[Any], brightest: float) -> float:
    """Return the grey level that stands for white.

    Parameters
    ----------
    dtype
        Of the radiograph's pixels.
    brightest
        The largest pixel.

    Returns
    -------
    float
        1 for bool, 255 for 8 bits, 1 for floats up to 1, otherwise the smallest ``2**k - 1`` that is not
        under `brightest`.
    """
    if dtype.kind == "b":
        return 1.0
    if dtype.kind in "ui" and dtype.itemsize == 1:
        return 255.0
    if brightest <= 1:
        return 1.0
    return float(2 ** int(np.ceil(brightest)).bit_length() - 1)


def _parts(pixels: Any) -> Iterator[NDArray[Any]]:
    """Read blocks of rows, and hand out pieces of them that stay in the processor's cache."""
    rows, columns = pixels.shape
    step = max(1, _READ_PIXELS // columns)
    for first in range(0, rows, step):
        block = np.asarray(pixels[first : first + step]).ravel()
        for start in range(0, block.size, _PART_PIXELS):
            yield block[start : start + _PART_PIXELS]
