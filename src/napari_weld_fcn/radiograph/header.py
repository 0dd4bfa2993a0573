"""What a file says of its image, before a pixel is decoded.

Pixels are taken in the order in which they are stored, in every format and packing. Turning them by their
orientation tag would seem kinder, but napari shows them as stored: masks painted there, and all that was
measured there, would then lie elsewhere. Other viewers do turn the picture, so a tag other than upright is
told.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

#: How viewers show a picture with this orientation tag (TIFF and EXIF), of those that are not upright.
_SHOWN = {
    2: "mirrored from left to right",
    3: "turned by half a turn",
    4: "mirrored from top to bottom",
    5: "mirrored and turned by a quarter",
    6: "turned by a quarter to the right",
    7: "mirrored and turned by a quarter",
    8: "turned by a quarter to the left",
}


@dataclass(frozen=True)
class Header:
    """What is known of an image without decoding it.

    Attributes
    ----------
    shape, dtype
        Of the pixels that reading gives.
    pixel_size_mm
        Edge of one pixel as the file states it, or None.
    notes
        What a user should know of how the file is read, each a sentence without the file's name.
    as_stored
        Whether reading gives the file's own numbers, or the luminance of its red, green and blue, as
        programs do that know of nothing else.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    pixel_size_mm: float | None = None
    notes: tuple[str, ...] = ()
    as_stored: bool = True


def orientation_notes(tag: Any) -> tuple[str, ...]:
    """Tell of an orientation tag that makes other viewers turn the picture; nothing where it is upright."""
    if tag not in _SHOWN:
        return ()
    return (
        f"its orientation tag makes some viewers show it {_SHOWN[tag]}; pixels and positions are those that "
        "are stored, as napari shows them, so a mask painted in such a viewer does not fit.",
    )
