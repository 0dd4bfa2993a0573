"""What is read off the pixels besides the prediction: their fingerprint, and what of them is useless.

A film digitised with too narrow a window has large areas at the ends of the scale, where no flaw can be
seen; the user should know before trusting an empty result. Both go over the plane some rows at a time, so
lazy pixels stay lazy.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_weld_fcn.radiograph.area.film_area import FilmArea
from napari_weld_fcn.radiograph.normalisation import Normalisation, full_scale

#: More grey levels than these are not counted.
MOST_LEVELS = 256
_BLOCK_PIXELS = 1 << 20
_STRETCH = 1 << 18


def pixels_sha256(pixels: Any) -> str:
    """Return the SHA-256 of dtype, shape and pixels in row-major, little-endian order.

    Parameters
    ----------
    pixels
        ``(rows, columns)`` or ``(planes, rows, columns)``; may be lazy.
    """
    digest = hashlib.sha256(f"{pixels.dtype.newbyteorder('<').str} {tuple(pixels.shape)}".encode())
    for block in blocks(pixels):
        digest.update(np.ascontiguousarray(block, dtype=block.dtype.newbyteorder("<")).data)
    return digest.hexdigest()


def file_sha256(path: str | Path) -> str | None:
    """Return the SHA-256 of a file's bytes, or None where there is no such file."""
    path = Path(path)
    if not path.is_file():
        return None
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def clipped_share(plane: Any, area: FilmArea, film: Normalisation) -> float:
    """Return which share of the film's pixels lies at an end of the scale.

    White is the smallest full scale that holds the film, hot pixels left out: a 12-bit film that lies in
    16 bits ends at 4095. Black is 0, or the lowest number of a signed dtype. One-bit images are not clipped.

    Parameters
    ----------
    plane
        ``(rows, columns)``; may be lazy.
    area
        Where the film is.
    film
        Its normalisation; what that cuts off are hot and dead pixels.
    """
    if plane.dtype.kind == "b":
        return 0.0
    ends, count = [_End(), _End()], 0
    for block in area.film_pixels(plane):
        count += block.size
        block = block[(block >= film.darkest) & (block <= film.brightest)]
        if block.size:
            ends = [
                end.with_block(block, extreme) for end, extreme in zip(ends, (np.min, np.max), strict=True)
            ]
    darkest, brightest = ends
    lowest = np.iinfo(plane.dtype).min if plane.dtype.kind == "i" else 0
    clipped = darkest.count if darkest.value in (0, lowest) else 0
    if brightest.value == full_scale(plane.dtype, brightest.value):
        clipped += brightest.count
    return float(clipped / max(count, 1))


def broken_share(plane: Any, area: FilmArea, film: Normalisation) -> float:
    """Return which share of the film's pixels is so far from all others that it is cut off.

    Parameters
    ----------
    plane, area, film
        As for `clipped_share`; of a large film every few pixels are looked at.
    """
    rows, columns = area.shape
    step = int(np.ceil((rows * columns / _BLOCK_PIXELS) ** 0.5))
    count = broken = 0
    for block in area.film_pixels(plane, step):
        count += block.size
        broken += int(np.count_nonzero((block < film.darkest) | (block > film.brightest)))
    return float(broken / max(count, 1))


def grey_levels(plane: Any, area: FilmArea) -> tuple[int, float]:
    """Count a film's grey levels, up to `MOST_LEVELS`; return also which share is as grey as the next pixel.

    Parameters
    ----------
    plane, area
        As for `clipped_share`; of a large film some stretches of rows are looked at.
    """
    levels: set[Any] = set()
    same = pairs = 0
    for block in area.film_pixels(plane):
        middle = max(0, (block.size - _STRETCH) // 2)
        stretch = block[middle : middle + _STRETCH]
        same += int(np.count_nonzero(stretch[1:] == stretch[:-1]))
        pairs += max(stretch.size - 1, 0)
        if len(levels) < MOST_LEVELS:  # a large film of floats may have as many as pixels
            levels.update(np.unique(stretch)[:MOST_LEVELS].tolist())
    return min(len(levels), MOST_LEVELS), same / max(pairs, 1)


@dataclass(frozen=True)
class _End:
    """The most extreme grey level so far, and how many pixels have it."""

    value: float = np.nan
    count: int = 0

    def with_block(self, block: NDArray[Any], extreme: Callable[..., Any]) -> _End:
        here = extreme(block)
        there = self.value if self.count else float(here)
        value = float(extreme([there, here]))
        count = int(np.count_nonzero(block == here)) if float(here) == value else 0
        return _End(value, count + (self.count if there == value else 0))


def blocks(pixels: Any) -> Iterator[NDArray[Any]]:
    """Hand out bands of rows, plane by plane, each of about a million pixels."""
    planes = pixels if len(pixels.shape) == 3 else [pixels]
    for plane in planes:
        rows, columns = plane.shape
        step = max(1, _BLOCK_PIXELS // columns)
        for first in range(0, rows, step):
            yield np.asarray(plane[first : first + step])
