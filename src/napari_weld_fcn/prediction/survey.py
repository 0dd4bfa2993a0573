"""What is read off the pixels besides the prediction: their fingerprint, and whether they are clipped.

A film digitised with too narrow a window has large areas at the ends of the scale, where no flaw can be
seen; the user should know before trusting an empty result. Both go over the plane some rows at a time, so
lazy pixels stay lazy.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_BLOCK_PIXELS = 1 << 20


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


def clipped_share(pixels: Any) -> float:
    """Return which share of the pixels lies at an end of the scale.

    The ends are those of the dtype for integers; for floats, which have none, 0 and 1. One-bit images are
    never clipped.

    Parameters
    ----------
    pixels
        ``(rows, columns)`` or ``(planes, rows, columns)``; may be lazy.
    """
    kind = pixels.dtype.kind
    if kind == "b":
        return 0.0
    low, high = (np.iinfo(pixels.dtype).min, np.iinfo(pixels.dtype).max) if kind in "ui" else (0.0, 1.0)
    count = sum(np.count_nonzero(block == low) + np.count_nonzero(block == high) for block in blocks(pixels))
    return float(count / np.prod(pixels.shape))


def blocks(pixels: Any) -> Iterator[NDArray[Any]]:
    """Hand out bands of rows, plane by plane, each of about a million pixels."""
    planes = pixels if len(pixels.shape) == 3 else [pixels]
    for plane in planes:
        rows, columns = plane.shape
        step = max(1, _BLOCK_PIXELS // columns)
        for first in range(0, rows, step):
            yield np.asarray(plane[first : first + step])
