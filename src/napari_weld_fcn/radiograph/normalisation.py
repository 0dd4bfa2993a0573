"""How pixels are brought to one scale before a network sees them.

``(x - mean) / spread`` over the *whole* film: measured for each tile, the same pore would look different in
two tiles and their seam would show. Over the film, not the picture: see `film_area`. What a few pixels are
must not matter either, for one hot pixel of 65535 in a film of 8 bits would leave nothing of the rest, so all
figures are those of the film with its darkest and brightest thousandth drawn in, and more where many pixels
are broken or lead letters outshine a faint film: nothing counts as farther from the film's inner greys than
these are wide. Pixels far beyond are cut off. Nothing here knows of grey units or of white: the same film in
any dtype, range or gain has the same normalised pixels.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_weld_fcn.errors import RadiographError
from napari_weld_fcn.radiograph.area.film_area import FilmArea, film_area, refuse_too_large
from napari_weld_fcn.radiograph.area.strips import grey_limits

#: Spread over standard deviation; models of version 0.1 saw films so, by another rule.
SPREAD = 1.1
#: Pixels at most that tell the ranks.
_RANKED_PIXELS = 1 << 22
_PART_PIXELS = 1 << 15


@dataclass(frozen=True)
class Normalisation:
    """What is subtracted and divided by, in the radiograph's own grey levels.

    Attributes
    ----------
    mean
        Mean grey level of the film.
    spread
        `SPREAD` times its standard deviation; above 0.
    low, high
        Grey levels that all but the film's darkest and brightest thousandth lie between, or all but its
        letters and broken pixels; pixels more than a spread beyond are cut off. Infinite where they are not
        known: then none is.
    """

    mean: float
    spread: float
    low: float = -np.inf
    high: float = np.inf

    @property
    def darkest(self) -> float:
        """The grey level that darker pixels count as."""
        return self.low - self.spread

    @property
    def brightest(self) -> float:
        """The grey level that brighter pixels count as."""
        return self.high + self.spread

    def apply(self, pixels: Any) -> NDArray[np.float32]:
        """Normalise pixels of the radiograph, or of a part of it.

        Parameters
        ----------
        pixels
            Any shape and real dtype; a lazy array is computed.

        Returns
        -------
        numpy.ndarray
            Same shape, float32, finite: 0 is the film's mean and what is no finite number, 1 one spread
            brighter.
        """
        array = np.asarray(pixels)
        exact = np.result_type(array.dtype, np.float32).type
        extreme = not np.finfo(exact).tiny < self.spread < np.finfo(exact).max / 1e4
        exact = np.float64 if extreme else exact
        centred: NDArray[Any] = np.subtract(array, exact(self.mean), dtype=exact)
        np.clip(centred, exact(self.darkest - self.mean), exact(self.brightest - self.mean), out=centred)
        if array.dtype.kind == "f":
            centred[~np.isfinite(array)] = 0
        if extreme:  # its inverse may be infinite
            centred /= self.spread
        else:
            centred *= exact(1 / self.spread)
        return centred.astype(np.float32, copy=False)


def measure(pixels: Any, area: FilmArea | None = None) -> Normalisation:
    """Measure the normalisation of one radiograph, some rows at a time.

    Parameters
    ----------
    pixels
        ``(rows, columns)``, any real dtype, at least one pixel; may be lazy (dask), then it is computed
        chunk by chunk.
    area
        Where the film is; None finds it.

    Returns
    -------
    Normalisation
        In the grey levels of `pixels`.

    Raises
    ------
    RadiographError
        If no pixel is a finite number, or they are too large to compute with.
    """
    area = film_area(pixels) if area is None else area
    low, high = _ranks(pixels, area)
    refuse_too_large(max(-low, high))
    width = high - low
    if not width:
        return Normalisation(low, 1.0, low, high)
    count, total, squares = 0, 0.0, 0.0
    for part in _parts(pixels, area):
        values = np.clip(part, low, high).astype(np.float64)
        values -= low
        values /= width
        count, total = count + values.size, total + float(values.sum())
        squares += float(np.square(values, out=values).sum())
    offset = total / count
    deviation = max(squares / count - offset**2, 0.0) ** 0.5
    return Normalisation(low + offset * width, SPREAD * deviation * width or 1.0, low, high)


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
    bits = int(np.ceil(brightest)).bit_length()
    return float(2**bits - 1) if bits < np.finfo(np.float64).maxexp else float(np.finfo(np.float64).max)


def white_of(pixels: NDArray[Any], film: Normalisation) -> float:
    """Return the grey level that stands for white in a film, whatever its hot pixels are.

    Parameters
    ----------
    pixels
        ``(rows, columns)``, any real dtype.
    film
        What was measured on them, or on the film that they are cut from.
    """
    kept = pixels[pixels <= film.brightest]
    return full_scale(pixels.dtype, float(kept.max(initial=0)) if kept.dtype.kind != "b" else 1.0)


def _ranks(pixels: Any, area: FilmArea) -> tuple[float, float]:
    rows, columns = area.shape
    step = int(np.ceil((rows * columns / _RANKED_PIXELS) ** 0.5))
    values = np.concatenate(list(area.film_pixels(pixels, step)))
    if not values.size:
        raise RadiographError("The radiograph has no pixel that is a finite number: all are NaN or infinity.")
    return grey_limits(values)


def _parts(pixels: Any, area: FilmArea) -> Iterator[NDArray[Any]]:
    """Hand out pieces of the film that stay in the processor's cache."""
    for band in area.film_pixels(pixels):
        band = band.view(np.uint8) if band.dtype.kind == "b" else band
        for start in range(0, band.size, _PART_PIXELS):
            yield band[start : start + _PART_PIXELS]
