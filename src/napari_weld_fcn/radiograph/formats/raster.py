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
from numpy.typing import NDArray
from PIL import BmpImagePlugin, ExifTags, ImageFile, JpegImagePlugin

from napari_weld_fcn.errors import LabelError
from napari_weld_fcn.radiograph.formats.damage import check_claim
from napari_weld_fcn.radiograph.formats.format import Header, Stored, orientation_notes, register
from napari_weld_fcn.radiograph.radiograph import to_luminance

_ROWS_AT_ONCE = 256
#: Pillow spreads 2 and 4 bits of grey over 8, and drops the lower half of colours of 16 bits.
_SPREAD_BY = {"L;2": 85, "L;4": 17}
DEEP_COLOUR = ("RGB;16B", "RGBA;16B", "LA;16B")
_BMP_RESERVED = slice(6, 10)


def jpeg_header(path: Path) -> Header:
    """What is known of a JPEG without decoding it; its density is a print size and never a pixel size."""
    with JpegImagePlugin.JpegImageFile(path) as image:
        orientation = None
        with suppress(Exception):  # a film is none the worse for a camera's damaged notes
            orientation = image.getexif().get(ExifTags.Base.Orientation)
        notes = orientation_notes(orientation)
        return Header(*claim_of(image, path), notes=notes, as_stored=image.mode in ("L", "RGB"))


def _jpeg_shown(path: Path) -> NDArray[Any]:
    with JpegImagePlugin.JpegImageFile(path) as image:
        return np.asarray(image)


def _jpeg_stored(path: Path) -> Stored:
    with JpegImagePlugin.JpegImageFile(path) as image:
        return stored_of(image, path, lossy=True)


@register(
    "JPEG",
    (b"\xff\xd8\xff",),
    ".jpg .jpeg .jpe .jfif",
    header=jpeg_header,
    stored=_jpeg_stored,
    shown=_jpeg_shown,
)
def read_jpeg(path: Path) -> tuple[NDArray[Any], Header]:
    """Read a JPEG as ``(rows, columns)`` uint8."""
    header = jpeg_header(path)
    with JpegImagePlugin.JpegImageFile(path) as image:
        return grey_of(image), header


def bmp_header(path: Path) -> Header:
    """What is known of a BMP without decoding it; its density is a print size and never a pixel size."""
    with BmpImagePlugin.BmpImageFile(path) as image:
        return Header(*claim_of(image, path))


def _bmp_stored(path: Path) -> Stored:
    with BmpImagePlugin.BmpImageFile(path) as image:
        return stored_of(image, path)


def _begins_bmp(start: bytes) -> bool:
    """Two letters alone would make a BMP of any text that begins with them."""
    return start.startswith(b"BM") and not any(start[_BMP_RESERVED])


@register("BMP", _begins_bmp, ".bmp", header=bmp_header, stored=_bmp_stored)
def read_bmp(path: Path) -> tuple[NDArray[Any], Header]:
    """Read a BMP as ``(rows, columns)`` bool or uint8."""
    header = bmp_header(path)
    with BmpImagePlugin.BmpImageFile(path) as image:
        return grey_of(image), header


def luminance(colour: np.ndarray, convert: Callable[[np.ndarray], np.ndarray] = to_luminance) -> np.ndarray:
    """Apply `convert` to ``(..., rows, columns, samples)`` some rows at a time, which bounds its memory."""
    grey = np.empty(colour.shape[:-1], colour.dtype)
    for plane in np.ndindex(colour.shape[:-3]):
        for top in range(0, colour.shape[-3], _ROWS_AT_ONCE):
            rows = (*plane, slice(top, top + _ROWS_AT_ONCE))
            grey[rows] = convert(colour[rows])
    return grey


def claim_of(image: ImageFile.ImageFile, path: Path) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Shape and dtype that `grey_of` gives, by an image's header, if its file can hold as much."""
    bits = {"1": 1, "I;16": 16, "I": 16}.get(image.mode, 8 * len(image.getbands()))
    check_claim(path, image.width * image.height * bits / 8)
    deep = image.mode.startswith("I")
    dtype = np.bool_ if image.mode == "1" else np.uint16 if deep else np.uint8
    return (image.height, image.width), np.dtype(dtype)


def grey_of(image: ImageFile.ImageFile) -> NDArray[Any]:
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


def stored_of(image: ImageFile.ImageFile, path: Path, *, lossy: bool = False) -> Stored:
    """Decode the numbers of a mask.

    Raises
    ------
    LabelError
        If it is an animation or has colours of 16 bits.
    """
    claim_of(image, path)
    if getattr(image, "n_frames", 1) > 1:
        raise LabelError(f"{path}: is an animation; a mask is one image, or a TIFF with a page a plane.")
    raw_mode = str(image.tile[0].args) if image.tile else ""
    if raw_mode in DEEP_COLOUR:
        raise LabelError(f"{path}: has colours of 16 bits; save the mask with 8 bits, or in grey.")
    turned = image.getexif().get(ExifTags.Base.Orientation, 1) != 1
    if image.mode == "1" or image.mode.startswith("I"):
        return Stored(grey_of(image) if image.mode == "1" else np.asarray(image), turned=turned)
    if image.mode == "L" and "transparency" not in image.info:
        return Stored(np.asarray(image) // np.uint8(_SPREAD_BY.get(raw_mode, 1)), lossy=lossy, turned=turned)
    if image.mode == "P":
        places, colours = np.asarray(image), np.asarray(image.convert("RGBA"))
        palette = np.zeros((256, 3), np.uint8)
        palette[places] = colours[..., :3]
        return Stored(places, visible=_visible(colours[..., 3]), palette=palette, turned=turned)
    plain = image if image.mode in ("L", "LA", "RGB", "RGBA") else image.convert("RGB")
    return stored_samples(np.asarray(plain.convert("RGBA")), has_alpha=True, lossy=lossy, turned=turned)


def stored_samples(samples: NDArray[Any], *, has_alpha: bool, lossy: bool, turned: bool) -> Stored:
    """Take ``(rows, columns, 2 to 4)`` apart into grey or colour, and which pixels can be seen."""
    seen = _visible(samples[..., -1]) if has_alpha else None
    colours = samples[..., : samples.shape[2] - has_alpha]
    if colours.shape[2] == 1:
        return Stored(colours[..., 0], visible=seen, lossy=lossy, turned=turned)
    return Stored(colours, coloured=True, visible=seen, lossy=lossy, turned=turned)


def _visible(alpha: NDArray[Any]) -> NDArray[np.bool_] | None:
    """What is more than half as opaque as the most opaque, which may be a glaze; None where all is."""
    seen = alpha > alpha.max(initial=0) // 2
    return None if seen.all() else seen
