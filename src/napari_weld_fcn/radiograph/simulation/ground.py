"""A real film as simulated flaws are put into it: what its grey levels are worth, how its grain hides flaws.

What a person would have drawn depends on the grain around a flaw, and a real film has another grain on the
plate than on the bead, and texture besides. So the grain is measured place by place, as what is left of it in
means over 4 to 64 pixels; a standard deviation of pixels would take a film that was scanned too finely for
nearly free of grain. Diagonal differences see neither the flank of a bead nor its shading; what they miss of
grain that is blurred over several pixels follows from that blur.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt, median_filter, uniform_filter

from napari_weld_fcn.errors import RadiographError
from napari_weld_fcn.radiograph.normalisation import measure, white_of
from napari_weld_fcn.radiograph.simulation.conditions import Array
from napari_weld_fcn.radiograph.simulation.exposure import Place

#: Edge of the cells in which the grain is known, pixels, and how many of them vote on each.
CELL, VOTES = 16, 5
#: Edges of the means in which the grain is measured, pixels, each with the standard deviation of normal
#: numbers over the median of the mean magnitudes in a cell: of sixteen, of four, of one.
_MEANS = {2: 1.256, 4: 1.275, 8: 1.4826}
#: No more than so much is added to what is measured.
_MOST_MISSED = 2.0
#: Edge of the window, in the middle of the film, that tells how far its grain is blurred, pixels.
_LOOKED_AT = 1024


@dataclass(frozen=True)
class Ground:
    """A film that flaws are put into; see `ground_of`.

    Attributes
    ----------
    pixels
        ``(rows, columns)``, the film's own dtype.
    unit
        The film's grey levels in one of 256.
    darkest, brightest
        What the film can show, in its own grey levels.
    grain
        ``(cells, cells)`` float32, one for each `CELL` x `CELL` pixels: the grain of a mean over A pixels
        times sqrt(A), in grey levels of 256 times pixels.
    blur
        Standard deviation of the blur that the grain shows, pixels: nothing on the film is sharper.
    area
        ``(rows, columns)`` bool: where flaws may lie, such as the weld; None where they may lie anywhere.
    forbidden
        ``(rows, columns)`` bool: where no flaw is put and nothing is told; None where there is no such place.
    """

    pixels: NDArray[Any]
    unit: float
    darkest: float
    brightest: float
    grain: Array
    blur: float
    area: NDArray[np.bool_] | None = None
    forbidden: NDArray[np.bool_] | None = None

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.pixels.shape[0], self.pixels.shape[1]

    def grain_in(self, box: Place) -> float:
        """Grain at the centre of a box of the film."""
        row, column = (
            min((part.start + part.stop) // 2 // CELL, cells - 1)
            for part, cells in zip(box, self.grain.shape, strict=True)
        )
        return float(self.grain[row, column])


def ground_of(
    pixels: NDArray[Any],
    *,
    area: NDArray[np.bool_] | None = None,
    forbidden: NDArray[np.bool_] | None = None,
    margin: int = 0,
    white: float | None = None,
) -> Ground:
    """Measure a film, once, for any number of `insert`.

    Parameters
    ----------
    pixels
        ``(rows, columns)``, any real dtype but bool, finite; flaws are darker than their surroundings.
    area
        Same shape: where flaws may lie.
    forbidden
        Same shape: what is or may be a flaw already.
    margin
        By how much the forbidden places are grown, pixels.
    white
        The grey level that stands for white; None tells it from dtype and pixels.

    Raises
    ------
    RadiographError
        If the pixels are no film, or `area` or `forbidden` are not of its shape.
    """
    if pixels.ndim != 2 or pixels.dtype.kind not in "uif" or not pixels.size:
        raise RadiographError(
            f"Flaws are put into one film of grey levels, (rows, columns); given was {pixels.dtype} "
            f"{pixels.shape}."
        )
    for name, mask in (("area", area), ("forbidden places", forbidden)):
        if mask is not None and mask.shape != pixels.shape:
            raise RadiographError(f"The {name} are {mask.shape} pixels, the film is {pixels.shape}.")
    low, high = float(pixels.min()), float(pixels.max())
    if not np.isfinite(high - low):
        raise RadiographError("The film has pixels that are not finite numbers (NaN or infinity).")
    white = white or white_of(pixels, measure(pixels))
    unit, blur = white / 255, grain_blur(pixels)
    return Ground(
        pixels,
        unit,
        darkest=min(0.0, low),
        brightest=max(white, high),
        grain=local_grain(pixels, blur) / np.float32(unit),
        blur=blur,
        area=area,
        forbidden=_grown(forbidden, margin),
    )


def local_grain(pixels: NDArray[Any], blur: float = 0.0) -> Array:
    """Grain of means times the root of their pixels, in the film's grey levels, for each cell.

    Parameters
    ----------
    pixels
        ``(rows, columns)``, any real dtype.
    blur
        Standard deviation of the grain's own blur, pixels.

    Returns
    -------
    numpy.ndarray
        ``(ceil(rows / CELL), ceil(columns / CELL))`` float32, the largest of the means' sizes.
    """
    rows, columns = (-size % CELL for size in pixels.shape)
    means = np.pad(pixels, ((0, rows), (0, columns)), mode="reflect" if min(pixels.shape) > CELL else "edge")
    means = means.astype(np.float32)
    cells = (means.shape[0] // CELL, means.shape[1] // CELL)
    found = np.zeros(cells, np.float32)
    edge = 1
    for size, normal in _MEANS.items():
        while edge < size:
            means = _halved(means)
            edge *= 2
        detail = np.abs(_diagonal(means)) * np.float32(normal * size / 2)
        each = detail.reshape(cells[0], detail.shape[0] // cells[0], cells[1], -1).mean(axis=(1, 3))
        found = np.maximum(found, median_filter(each, VOTES, mode="nearest"))
    return found * np.float32(min(_missed(blur, max(_MEANS)), _MOST_MISSED))


def _missed(blur: float, size: int) -> float:
    """Grain of a mean over many pixels, over what differences of neighbouring means of `size` pixels show."""
    if blur < 0.3:
        return 1.0
    apart = np.subtract.outer(np.arange(2 * size), np.arange(2 * size))
    signs = np.repeat([1.0, -1.0], size) / size
    shown = size / 2 * float(signs @ np.exp(-(apart**2) / (4 * blur**2)) @ signs)
    return float(np.sqrt(1 + 4 * np.pi * blur**2)) / shown


def _halved(image: Array) -> Array:
    return np.asarray(
        (image[::2, ::2] + image[1::2, ::2] + image[::2, 1::2] + image[1::2, 1::2]) * np.float32(0.25)
    )


def _diagonal(image: Array) -> Array:
    return np.asarray(image[::2, ::2] - image[1::2, ::2] - image[::2, 1::2] + image[1::2, 1::2])


def grain_blur(pixels: NDArray[Any]) -> float:
    """Standard deviation of the blur that makes neighbouring pixels of the grain alike, pixels."""
    rows, columns = (max(0, (size - _LOOKED_AT) // 2) for size in pixels.shape)
    part = pixels[rows : rows + _LOOKED_AT, columns : columns + _LOOKED_AT].astype(np.float32)
    if min(part.shape) < 2:
        return 0.0
    detail = part - uniform_filter(part, 17, mode="nearest")
    limit = 3 * float(np.median(np.abs(detail)))
    detail = np.clip(detail, -limit, limit)  # outlines are no grain
    own = float(np.mean(detail * detail))
    if own <= 0:
        return 0.0
    alike = float(np.mean(detail[1:] * detail[:-1]) + np.mean(detail[:, 1:] * detail[:, :-1])) / (2 * own)
    return float(np.sqrt(-1 / (4 * np.log(np.clip(alike, 1e-6, 0.98)))))


def _grown(mask: NDArray[np.bool_] | None, margin: int) -> NDArray[np.bool_] | None:
    if mask is None or not mask.any():
        return None
    return np.asarray(distance_transform_edt(~mask) <= margin)
