"""A radiograph as a value: pixels as the file has them, and what is known of their size.

The pixels keep their file's dtype, because scaling them here would hide what the scanner gave; networks
see them through a model's own normalisation. Without a pixel size nothing is ever given in millimetres,
so the size travels with the place it came from.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from napari_weld_fcn.errors import RadiographError, SettingsError

PixelSizeSource = Literal["file", "GDXray", "user", "none"]

#: Weights of red, green and blue in luminance, ITU-R BT.709, as in `skimage.color.rgb2gray`.
LUMINANCE = (0.2125, 0.7154, 0.0721)


@dataclass(frozen=True)
class Box:
    """A rectangle of pixels: rows `top` to `bottom` and columns `left` to `right`, the last ones excluded.

    Raises
    ------
    SettingsError
        If it holds no pixel.
    """

    top: int
    left: int
    bottom: int
    right: int

    def __post_init__(self) -> None:
        if self.top >= self.bottom or self.left >= self.right:
            raise SettingsError(
                f"A region of rows {self.top} to {self.bottom} and columns {self.left} to {self.right} "
                "holds no pixel; draw a larger one."
            )

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.bottom - self.top, self.right - self.left

    @property
    def area(self) -> int:
        """Number of pixels."""
        rows, columns = self.shape
        return rows * columns

    @property
    def slices(self) -> tuple[slice, slice]:
        """What cuts the rectangle out of ``(rows, columns)``."""
        return slice(self.top, self.bottom), slice(self.left, self.right)

    def within(self, shape: tuple[int, int]) -> Box:
        """Return the part inside an image of `shape`; SettingsError where there is none."""
        rows, columns = shape
        return Box(max(self.top, 0), max(self.left, 0), min(self.bottom, rows), min(self.right, columns))

    def relative_to(self, other: Box) -> Box:
        """Return the same rectangle counted from the top left corner of `other`."""
        return Box(
            self.top - other.top, self.left - other.left, self.bottom - other.top, self.right - other.left
        )


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

    def each_plane(self) -> Iterator[Radiograph]:
        """Each plane as a film of its own, as lazy as the pixels are; a single one as it is."""
        if len(self.pixels.shape) == 2:
            yield self
            return
        for index in range(self.planes):
            name, film = plane_name(self.name, index), plane_name(self.film, index)
            yield replace(self, pixels=self.plane(index), name=name, film=film)


def plane_name(name: str, index: int) -> str:
    """Return what plane `index` of the stack `name` is called."""
    return f"{name}_p{index:03d}"


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
