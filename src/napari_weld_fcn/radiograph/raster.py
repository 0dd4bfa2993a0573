"""JPEG and BMP, read by Pillow as the file has them, and what PNG shares with them.

`Image.open` is not used, for two reasons. It refuses films beyond 179 megapixels as decompression bombs (a
40000 x 15000 film is 600), through a limit that is global to the process; and it tries every format that
Pillow knows, some of which start other programs. The format's own class does neither.

In that limit's place stands what a file of its length can hold: a few bytes that claim a billion pixels are
damaged, and believing them would fill the memory.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from PIL import BmpImagePlugin, ExifTags, ImageFile, JpegImagePlugin

from napari_weld_fcn.errors import RadiographError
from napari_weld_fcn.radiograph.header import Header, orientation_notes
from napari_weld_fcn.radiograph.radiograph import to_luminance

#: Deflate packs at most 1032 bytes into one; the other compressions of photographs do worse.
MOST_PACKED = 1100
#: Below this size a claim is tried whatever the file's length.
HARMLESS_BYTES = 2**28
_ROWS_AT_ONCE = 256


def read_jpeg(path: Path) -> tuple[np.ndarray, Header]:
    """Read a JPEG as ``(rows, columns)`` uint8; its density is a print size and never a pixel size."""
    with JpegImagePlugin.JpegImageFile(path) as image:
        header = _jpeg_header(image, path)
        return grey_of(image), header


def jpeg_header(path: Path) -> Header:
    """What is known of a JPEG without decoding it."""
    with JpegImagePlugin.JpegImageFile(path) as image:
        return _jpeg_header(image, path)


def jpeg_as_stored(path: Path) -> np.ndarray:
    """The numbers of a JPEG, as programs show them that know nothing of their meaning."""
    with JpegImagePlugin.JpegImageFile(path) as image:
        return np.asarray(image)


def read_bmp(path: Path) -> tuple[np.ndarray, Header]:
    """Read a BMP as ``(rows, columns)`` bool or uint8; its density is a print size and never a pixel size."""
    with BmpImagePlugin.BmpImageFile(path) as image:
        header = Header(*claim_of(image, path))
        return grey_of(image), header


def bmp_header(path: Path) -> Header:
    """What is known of a BMP without decoding it."""
    with BmpImagePlugin.BmpImageFile(path) as image:
        return Header(*claim_of(image, path))


def luminance(colour: np.ndarray, convert: Callable[[np.ndarray], np.ndarray] = to_luminance) -> np.ndarray:
    """Apply `convert` to ``(..., rows, columns, samples)`` some rows at a time, which bounds its memory."""
    grey = np.empty(colour.shape[:-1], colour.dtype)
    for plane in np.ndindex(colour.shape[:-3]):
        for top in range(0, colour.shape[-3], _ROWS_AT_ONCE):
            rows = (*plane, slice(top, top + _ROWS_AT_ONCE))
            grey[rows] = convert(colour[rows])
    return grey


def check_claim(path: Path, claimed_bytes: float) -> None:
    """Refuse a file that claims more pixels than any compression could have packed into its length.

    Raises
    ------
    RadiographError
        If `claimed_bytes` of pixels are impossible for the file.
    """
    size = path.stat().st_size
    if claimed_bytes > max(HARMLESS_BYTES, MOST_PACKED * size):
        raise RadiographError(
            f"{path}: is damaged (it claims {claimed_bytes:.3g} bytes of pixels, but is {size} bytes long)."
        )


def claim_of(image: ImageFile.ImageFile, path: Path) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Shape and dtype that `grey_of` gives, by an image's header, if its file can hold as much."""
    bits = {"1": 1, "I;16": 16}.get(image.mode, 8 * len(image.getbands()))
    check_claim(path, image.width * image.height * bits / 8)
    deep = image.mode.startswith("I")
    dtype = np.bool_ if image.mode == "1" else np.uint16 if deep else np.uint8
    return (image.height, image.width), np.dtype(dtype)


def grey_of(image: ImageFile.ImageFile) -> np.ndarray:
    """Decode an image of up to 8 bits a sample, or grey of 16; transparency is ignored."""
    if image.mode == "1":  # Pillow's true is a byte of 255, which hashes and sums take for what it is
        return np.asarray(image).view(np.uint8).astype(np.bool_)
    if image.mode == "L":
        return np.asarray(image)
    if image.mode.startswith("I"):
        return np.asarray(image).astype(np.uint16)
    image.load()
    image.info.pop("transparency", None)
    if image.mode == "LA":
        return np.asarray(image.getchannel("L"))
    return luminance(np.asarray(image if image.mode in ("RGB", "RGBA") else image.convert("RGB")))


def _jpeg_header(image: JpegImagePlugin.JpegImageFile, path: Path) -> Header:
    orientation = None
    with suppress(Exception):  # a film is none the worse for a camera's damaged notes
        orientation = image.getexif().get(ExifTags.Base.Orientation)
    notes = orientation_notes(orientation)
    return Header(*claim_of(image, path), notes=notes, as_stored=image.mode in ("L", "RGB"))
