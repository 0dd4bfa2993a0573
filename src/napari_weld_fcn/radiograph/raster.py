"""PNG, JPEG and BMP, read by Pillow as the file has them.

`Image.open` is not used, for two reasons. It refuses films beyond 179 megapixels as decompression bombs (a
40000 x 15000 film is 600), through a limit that is global to the process; and it tries every format that
Pillow knows, some of which start other programs. The format's own class does neither.

In that limit's place stands what a file of its length can hold: a few bytes that claim a billion pixels are
damaged, and believing them would fill the memory.

Pillow halves 16-bit colour to 8 bits. A PNG of that kind is decoded twice, once for the high and once for
the low byte, so that its luminance keeps 16 bits.
"""

from __future__ import annotations

import os
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from PIL import BmpImagePlugin, ImageFile, JpegImagePlugin, PngImagePlugin

from napari_weld_fcn.errors import RadiographError
from napari_weld_fcn.radiograph.pixel_size import from_density
from napari_weld_fcn.radiograph.radiograph import to_luminance

#: Deflate packs at most 1032 bytes into one; the other compressions of photographs do worse.
MOST_PACKED = 1100
#: Below this size a claim is tried whatever the file's length.
HARMLESS_BYTES = 2**28
_ROWS_AT_ONCE = 256
#: How Pillow calls colours of 16 bits in a PNG.
_DEEP_COLOUR = ("RGB;16B", "RGBA;16B", "LA;16B")


def read_png(path: Path) -> tuple[np.ndarray, float | None]:
    """Read a PNG of any depth and colour type.

    Returns
    -------
    pixels
        ``(rows, columns)``: bool for 1 bit, uint8 up to 8 bits and palettes, uint16 for 16 bits; colour as
        luminance, transparency ignored.
    pixel_size_mm
        From the file's pHYs chunk, or None; 72 and 96 dpi are what programs write by default and are not
        believed (see `pixel_size`).

    Raises
    ------
    RadiographError
        If the file is an animation.
    """
    _check_sums(path)
    with PngImagePlugin.PngImageFile(path) as image:
        _check_claim_of(image, path)
        if getattr(image, "n_frames", 1) > 1:
            raise RadiographError(f"{path}: is an animation of {image.n_frames} images, not one radiograph.")
        size = _png_size_mm(image)
        raw_mode = image.tile[0].args if image.tile else ""
        if raw_mode in _DEEP_COLOUR:
            return _deep_colour(path, raw_mode), size
        return _grey(image), size


def png_pixel_size(path: Path) -> float | None:
    """The pixel size that `read_png` gives, in mm, from the file's header alone."""
    with PngImagePlugin.PngImageFile(path) as image:
        return _png_size_mm(image)


def read_jpeg(path: Path) -> tuple[np.ndarray, float | None]:
    """Read a JPEG as ``(rows, columns)`` uint8; its density is a print size and never a pixel size."""
    with JpegImagePlugin.JpegImageFile(path) as image:
        _check_claim_of(image, path)
        return _grey(image), None


def read_bmp(path: Path) -> tuple[np.ndarray, float | None]:
    """Read a BMP as ``(rows, columns)`` bool or uint8; its density is a print size and never a pixel size."""
    with BmpImagePlugin.BmpImageFile(path) as image:
        _check_claim_of(image, path)
        return _grey(image), None


def png_shape(path: Path) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Shape and dtype that `read_png` gives, from the file's header alone."""
    with PngImagePlugin.PngImageFile(path) as image:
        return _claim_of(image, path)


def jpeg_shape(path: Path) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Shape and dtype that `read_jpeg` gives, from the file's header alone."""
    with JpegImagePlugin.JpegImageFile(path) as image:
        return _claim_of(image, path)


def bmp_shape(path: Path) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Shape and dtype that `read_bmp` gives, from the file's header alone."""
    with BmpImagePlugin.BmpImageFile(path) as image:
        return _claim_of(image, path)


def luminance(colour: np.ndarray) -> np.ndarray:
    """Apply `to_luminance` to ``(rows, columns, 3 or 4)`` some rows at a time, which bounds its memory."""
    grey = np.empty(colour.shape[:2], colour.dtype)
    for top in range(0, len(colour), _ROWS_AT_ONCE):
        rows = slice(top, top + _ROWS_AT_ONCE)
        grey[rows] = to_luminance(colour[rows])
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


def _png_size_mm(image: ImageFile.ImageFile) -> float | None:
    # Pillow gives pHYs as "dpi" where its unit is the metre.
    x_dpi, y_dpi = image.info.get("dpi", (0, 0))
    return from_density(x_dpi, y_dpi, mm_per_unit=25.4)


def _claim_of(image: ImageFile.ImageFile, path: Path) -> tuple[tuple[int, ...], np.dtype[Any]]:
    _check_claim_of(image, path)
    raw_mode = str(image.tile[0].args) if image.tile else ""
    deep = image.mode.startswith("I") or raw_mode in _DEEP_COLOUR
    return (image.height, image.width), np.dtype(
        np.bool_ if image.mode == "1" else np.uint16 if deep else np.uint8
    )


def _check_sums(path: Path) -> None:
    """Refuse a PNG whose pixels are damaged: Pillow decodes them without a look at their check sums."""
    with path.open("rb") as file:
        file.seek(len(b"\x89PNG\r\n\x1a\n"))
        while len(header := file.read(8)) == 8:
            length, kind = struct.unpack(">I4s", header)
            if kind != b"IDAT":
                file.seek(length + 4, os.SEEK_CUR)
                continue
            body = memoryview(file.read(length + 4))
            if zlib.crc32(body[:length], zlib.crc32(kind)) != int.from_bytes(body[length:], "big"):
                raise ValueError("the check sum of its pixels is wrong")


def _check_claim_of(image: ImageFile.ImageFile, path: Path) -> None:
    bits = {"1": 1, "I;16": 16}.get(image.mode, 8 * len(image.getbands()))
    check_claim(path, image.width * image.height * bits / 8)


def _grey(image: ImageFile.ImageFile) -> np.ndarray:
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


def _deep_colour(path: Path, raw_mode: str) -> np.ndarray:
    if raw_mode == "LA;16B":
        halves = _decoded_as(path, "RGBA").astype(np.uint16)
        return halves[..., 0] << 8 | halves[..., 1]
    high = _decoded_as(path, raw_mode).astype(np.uint16)
    return luminance(high << 8 | _decoded_as(path, raw_mode.replace("16B", "16L")))


def _decoded_as(path: Path, raw_mode: str) -> np.ndarray:
    with PngImagePlugin.PngImageFile(path) as image:
        tile: Any = image.tile[0]
        image.tile = [tile._replace(args=raw_mode)]
        return np.asarray(image)
