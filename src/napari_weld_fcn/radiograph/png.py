"""PNG of any depth and colour type.

Pillow halves 16-bit colour to 8 bits. A PNG of that kind is decoded twice, once for the high and once for
the low byte, so that its luminance keeps 16 bits.

Pillow decodes damaged pixels without a look at their check sums, and refuses a whole film for a wrong sum of
what does not touch its pixels, such as a gamma. Here the sums of the chunks are looked at first: damaged
pixels are told, and a damaged chunk beside them is left out.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from PIL import ExifTags, Image, ImageFile, PngImagePlugin

from napari_weld_fcn.errors import RadiographError
from napari_weld_fcn.radiograph.header import Header, orientation_notes
from napari_weld_fcn.radiograph.pixel_size import from_density
from napari_weld_fcn.radiograph.raster import claim_of, grey_of, luminance

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
#: How Pillow calls colours of 16 bits.
_DEEP_COLOUR = ("RGB;16B", "RGBA;16B", "LA;16B")
#: Bit of a chunk's first letter that is set where the pixels can be read without the chunk.
_ANCILLARY = 0x20


def read_png(path: Path) -> tuple[np.ndarray, Header]:
    """Read a PNG.

    Returns
    -------
    pixels
        ``(rows, columns)``: bool for 1 bit, uint8 up to 8 bits and palettes, uint16 for 16 bits; colour as
        luminance, transparency ignored.
    header
        As `png_header`.

    Raises
    ------
    RadiographError
        If the file is an animation.
    """
    chunks = _chunks(path, pixels_too=True)
    with _opened(path, chunks) as image:
        if getattr(image, "n_frames", 1) > 1:
            raise RadiographError(f"{path}: is an animation of {image.n_frames} images, not one radiograph.")
        header = _header(image, path, chunks)
        raw_mode = _raw_mode(image)
        if raw_mode not in _DEEP_COLOUR:
            return grey_of(image), header
    return _deep_colour(path, chunks, raw_mode), header


def png_header(path: Path) -> Header:
    """What is known of a PNG without decoding it; its pixel size is that of the chunk pHYs."""
    chunks = _chunks(path, pixels_too=False)
    with _opened(path, chunks) as image:
        return _header(image, path, chunks)


@dataclass(frozen=True)
class _Chunks:
    """Where the damaged chunks are that can be left out, and the camera's notes."""

    damaged: tuple[tuple[int, int], ...]
    exif: bytes


def _chunks(path: Path, *, pixels_too: bool) -> _Chunks:
    damaged, exif = [], b""
    with path.open("rb") as file:
        start = file.seek(len(_SIGNATURE))
        while len(head := file.read(8)) == 8:
            length, kind = struct.unpack(">I4s", head)
            end = start + 12 + length
            if kind[0] & _ANCILLARY or (pixels_too and kind == b"IDAT"):
                body = memoryview(file.read(length + 4))
                whole = zlib.crc32(body[:length], zlib.crc32(kind)) == int.from_bytes(body[length:], "big")
                if not whole and kind == b"IDAT":
                    raise ValueError("the check sum of its pixels is wrong")
                if not whole and len(body) == length + 4:
                    damaged.append((start, end))
                elif kind == b"eXIf":
                    exif = bytes(body[:length])
            start = file.seek(end)
    return _Chunks(tuple(damaged), exif)


@contextmanager
def _opened(path: Path, chunks: _Chunks) -> Iterator[PngImagePlugin.PngImageFile]:
    source: Path | BinaryIO = path
    if chunks.damaged:
        content = path.read_bytes()
        starts = [0, *(end for _, end in chunks.damaged)]
        ends = [*(start for start, _ in chunks.damaged), len(content)]
        source = BytesIO(b"".join(content[a:b] for a, b in zip(starts, ends, strict=True)))
    with PngImagePlugin.PngImageFile(source) as image:
        yield image


def _header(image: ImageFile.ImageFile, path: Path, chunks: _Chunks) -> Header:
    shape, dtype = claim_of(image, path)
    # Pillow gives pHYs as "dpi" where its unit is the metre.
    x_dpi, y_dpi = image.info.get("dpi", (0, 0))
    size = from_density(x_dpi, y_dpi, mm_per_unit=25.4)
    deep = _raw_mode(image) in _DEEP_COLOUR
    notes = (*orientation_notes(_orientation(chunks.exif)), *size.notes)
    return Header(shape, np.dtype(np.uint16) if deep else dtype, size.mm, notes)


def _orientation(exif: bytes) -> Any:
    tags = Image.Exif()
    with suppress(Exception):  # a film is none the worse for a camera's damaged notes
        tags.load(exif)
    return tags.get(ExifTags.Base.Orientation)


def _raw_mode(image: ImageFile.ImageFile) -> str:
    return str(image.tile[0].args) if image.tile else ""


def _deep_colour(path: Path, chunks: _Chunks, raw_mode: str) -> np.ndarray:
    if raw_mode == "LA;16B":
        halves = _decoded_as(path, chunks, "RGBA").astype(np.uint16)
        return halves[..., 0] << 8 | halves[..., 1]
    high = _decoded_as(path, chunks, raw_mode).astype(np.uint16)
    return luminance(high << 8 | _decoded_as(path, chunks, raw_mode.replace("16B", "16L")))


def _decoded_as(path: Path, chunks: _Chunks, raw_mode: str) -> np.ndarray:
    with _opened(path, chunks) as image:
        tile: Any = image.tile[0]
        image.tile = [tile._replace(args=raw_mode)]
        return np.asarray(image)
