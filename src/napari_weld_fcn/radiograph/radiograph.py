"""A radiograph as a value: pixels as the file has them, and what is known of their size.

The pixels keep their file's dtype, because scaling them here would hide what the scanner gave; networks
see them through a model's own normalisation. Without a pixel size nothing is ever given in millimetres,
so the size travels with the place it came from.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from napari_weld_fcn.errors import RadiographError

PixelSizeSource = Literal["file", "GDXray", "user", "none"]

#: Weights of red, green and blue in luminance, ITU-R BT.709, as in `skimage.color.rgb2gray`.
LUMINANCE = (0.2125, 0.7154, 0.0721)


@dataclass(frozen=True)
class Radiograph:
    """One radiograph or a stack of planes.

    Attributes
    ----------
    pixels
        ``(rows, columns)`` or ``(planes, rows, columns)``, any real dtype; may be lazy (dask).
    name
        What outputs are named after, without a suffix.
    film
        Identifies the film for splits; equal to `name` unless several images show one film.
    source
        Path or origin, for records.
    pixel_size_mm
        Edge of one pixel in mm, or None where it is not known.
    pixel_size_source
        Where the pixel size comes from; ``"none"`` exactly where `pixel_size_mm` is None.
    notes
        Sentences for the user from reading, such as that other viewers turn the picture.
    """

    pixels: Any
    name: str = "radiograph"
    film: str = ""
    source: str = ""
    pixel_size_mm: float | None = None
    pixel_size_source: PixelSizeSource = "none"
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        shape = self.pixels.shape
        if len(shape) not in (2, 3):
            raise RadiographError(
                f"{self.name}: {len(shape)} dimensions, but a radiograph is one plane (rows, columns) "
                "or a stack of them (planes, rows, columns)."
            )
        if 0 in shape:
            raise RadiographError(f"{self.name}: no pixels (shape {shape}).")
        if self.pixels.dtype.kind not in "buif":
            raise RadiographError(f"{self.name}: pixels of dtype {self.pixels.dtype} are not real numbers.")
        if (self.pixel_size_mm is None) != (self.pixel_size_source == "none"):
            raise ValueError("pixel_size_mm and pixel_size_source must both be known or both be unknown")
        if not self.film:
            object.__setattr__(self, "film", self.name)

    @property
    def planes(self) -> int:
        """Number of planes; 1 for a single radiograph."""
        return int(self.pixels.shape[0]) if len(self.pixels.shape) == 3 else 1

    def plane(self, index: int) -> Any:
        """Plane `index` as ``(rows, columns)``, as lazy as the pixels are."""
        return self.pixels[index] if len(self.pixels.shape) == 3 else self.pixels


def to_luminance(colour: np.ndarray) -> np.ndarray:
    """Turn ``(..., 3 or 4)`` RGB(A) into ``(...)`` luminance of the same dtype; alpha is ignored.

    References
    ----------
    ITU-R Recommendation BT.709.
    """
    weights = np.asarray(LUMINANCE, dtype=np.float64)
    luminance = colour[..., :3] @ weights
    if colour.dtype.kind in "ui":
        return np.rint(luminance).astype(colour.dtype)
    return luminance.astype(colour.dtype)
