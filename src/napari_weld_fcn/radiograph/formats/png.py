"""PNG of any depth and colour type.

Pillow halves 16-bit colour to 8 bits, so colour of that kind is decoded by imagecodecs.

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
from typing import Any

import imagecodecs
import numpy as np
from PIL import ExifTags, Image, ImageFile, PngImagePlugin

from napari_weld_fcn.errors import RadiographError
from napari_weld_fcn.radiograph.formats.format import Header, Stored, orientation_notes, register
from napari_weld_fcn.radiograph.formats.pixel_size import from_density
from napari_weld_fcn.radiograph.formats.raster import DEEP_COLOUR, claim_of, grey_of, luminance, stored_of

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
#: Bit of a chunk's first letter that is set where the pixels can be read without the chunk.
_ANCILLARY = 0x20


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
    with PngImagePlugin.PngImageFile(BytesIO(_content(path, chunks)) if chunks.damaged else path) as image:
        yield image


def _content(path: Path, chunks: _Chunks) -> bytes:
    """The file without its damaged chunks."""
    content = path.read_bytes()
    starts = [0, *(end for _, end in chunks.damaged)]
    ends = [*(start for start, _ in chunks.damaged), len(content)]
    return b"".join(content[a:b] for a, b in zip(starts, ends, strict=True))


def _header(image: ImageFile.ImageFile, path: Path, chunks: _Chunks) -> Header:
    shape, dtype = claim_of(image, path)
    # Pillow gives pHYs as "dpi" where its unit is the metre.
    x_dpi, y_dpi = image.info.get("dpi", (0, 0))
    size = from_density(x_dpi, y_dpi, mm_per_unit=25.4)
    deep = _raw_mode(image) in DEEP_COLOUR
    notes = (*orientation_notes(_orientation(chunks.exif)), *size.notes)
    return Header(shape, np.dtype(np.uint16) if deep else dtype, size.mm, notes)


def _orientation(exif: bytes) -> Any:
    tags = Image.Exif()
    with suppress(Exception):  # a film is none the worse for a camera's damaged notes
        tags.load(exif)
    return tags.get(ExifTags.Base.Orientation)


def _raw_mode(image: ImageFile.ImageFile) -> str:
    return str(image.tile[0].args) if image.tile else ""


def _stored(path: Path) -> Stored:
    with _opened(path, _chunks(path, pixels_too=True)) as image:
        return stored_of(image, path)


def _software(path: Path) -> str:
    with PngImagePlugin.PngImageFile(path) as image:
        return str(image.info.get("Software", ""))


@register("PNG", (_SIGNATURE,), ".png", header=png_header, stored=_stored, software=_software)
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
        if _raw_mode(image) not in DEEP_COLOUR:
            return grey_of(image), header
    samples = imagecodecs.png_decode(_content(path, chunks))
    return samples[..., 0] if samples.shape[-1] == 2 else luminance(samples[..., :3]), header
