"""What a mask or label image stores, before anybody says what it means.

Numbers stay as they lie in the file: no grey for a table of colours, no negative for a film in which 0 is
white, nothing laid over what is transparent. A decoder that meets damage raises whatever it likes, or fills
with zeros, which would be background; either becomes a sentence.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import BmpImagePlugin, ImageFile, JpegImagePlugin, PngImagePlugin

from napari_weld_fcn.errors import LabelError, RadiographError
from napari_weld_fcn.radiograph.damage import damage_told
from napari_weld_fcn.radiograph.formats import READ, kind_of
from napari_weld_fcn.radiograph.raster import check_claim
from napari_weld_fcn.radiograph.tiff import tiff_opened

_PLUGINS: dict[str, Callable[[Path], ImageFile.ImageFile]] = {
    "PNG": PngImagePlugin.PngImageFile,
    "JPEG": JpegImagePlugin.JpegImageFile,
    "BMP": BmpImagePlugin.BmpImageFile,
}
#: Pillow spreads 2 and 4 bits of grey over 8, and drops the lower half of colours of 16 bits.
_SPREAD_BY = {"L;2": 85, "L;4": 17}
_HALVED = ("RGB;16B", "RGBA;16B", "LA;16B")
_PNG_HEAD = 8
#: Parts of the names of packings that are lossy or not, as it was asked for.
_EITHER = ("JPEG2000", "JP2000", "JPEGXL", "JPEGXR", "WEBP", "LERC")
_ORIENTATION, _EXTRA_SAMPLES = 274, 338


@dataclass(frozen=True, eq=False)
class Stored:
    """Numbers as they lie in a file.

    Attributes
    ----------
    values
        ``(rows, columns)`` or ``(planes, rows, columns)``; colours are ``(rows, columns, 3)``.
    coloured
        Whether the last axis is red, green and blue.
    visible
        ``(rows, columns)`` bool, what is not transparent; None where all is to be seen.
    palette
        ``(n, 3)``, the colours of the places in a table that `values` are; None where there is no table.
    lossy
        Whether the packing changes numbers, as JPEG does.
    perhaps_lossy
        Whether it may, as JPEG 2000 and JPEG XL do; nothing in the file says so.
    turned
        Whether a tag says that other programs show it turned.
    """

    values: NDArray[Any]
    coloured: bool = False
    visible: NDArray[np.bool_] | None = None
    palette: NDArray[Any] | None = None
    lossy: bool = False
    perhaps_lossy: bool = False
    turned: bool = False


def read_stored(path: Path) -> Stored:
    """Read what a PNG, TIFF, JPEG or BMP stores.

    Raises
    ------
    RadiographError
        If there is no such file, or it is damaged or no image.
    LabelError
        If it has colours, or an order of its numbers, that no mask has.
    """
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "no such file" if not path.exists() else "is no plain file"
        raise RadiographError(f"{path}: {what}; give an image of labels.")
    try:
        kind = kind_of(path)
    except OSError as fault:
        raise RadiographError(f"{path}: cannot be read ({fault.strerror}).") from fault
    if kind not in READ.values():
        raise RadiographError(
            f"{path}: is {f'a {kind} image' if kind else 'no image'}; a mask is a PNG, TIFF, JPEG or BMP."
        )
    with damage_told(path, kind):
        return _of_tiff(path) if kind == "TIFF" else _of_raster(path, kind)


def _of_raster(path: Path, kind: str) -> Stored:
    if kind == "PNG":
        _check_sums(path)
    with _PLUGINS[kind](path) as image:
        bits = {"1": 1, "I;16": 16, "I": 16}.get(image.mode, 8 * len(image.getbands()))
        check_claim(path, image.width * image.height * bits / 8)
        if getattr(image, "n_frames", 1) > 1:
            raise LabelError(f"{path}: is an animation; a mask is one image, or a TIFF with a page a plane.")
        raw_mode = str(image.tile[0].args) if image.tile else ""
        if raw_mode in _HALVED:
            raise LabelError(f"{path}: has colours of 16 bits; save the mask with 8 bits, or in grey.")
        turned = image.getexif().get(_ORIENTATION, 1) != 1
        if image.mode == "1":
            return Stored(np.asarray(image).view(np.uint8).astype(np.bool_), turned=turned)
        if image.mode.startswith("I"):
            return Stored(np.asarray(image), turned=turned)
        if image.mode == "L" and "transparency" not in image.info:
            values = np.asarray(image) // np.uint8(_SPREAD_BY.get(raw_mode, 1))
            return Stored(values, lossy=kind == "JPEG", turned=turned)
        if image.mode == "P":
            return _of_places(image, turned)
        plain = image if image.mode in ("L", "LA", "RGB", "RGBA") else image.convert("RGB")
        return _of_samples(np.asarray(plain.convert("RGBA")), True, kind == "JPEG", turned)


def _check_sums(path: Path) -> None:
    """Refuse a PNG whose pixels are damaged: Pillow decodes them without a look at their check sums."""
    content = memoryview(path.read_bytes())
    at = _PNG_HEAD
    while at + 12 <= len(content):
        length, kind = struct.unpack_from(">I4s", content, at)
        body = content[at + 8 : at + 8 + length]
        if kind == b"IDAT" and zlib.crc32(body, zlib.crc32(kind)).to_bytes(4, "big") != bytes(
            content[at + 8 + length : at + 12 + length]
        ):
            raise ValueError("the check sum of its pixels is wrong")
        at += 12 + length


def _of_places(image: ImageFile.ImageFile, turned: bool) -> Stored:
    """Of a table of colours: places, their colours, and which pixels can be seen."""
    places, colours = np.asarray(image), np.asarray(image.convert("RGBA"))
    palette = np.zeros((256, 3), np.uint8)
    palette[places] = colours[..., :3]
    return Stored(places, visible=_seen(colours[..., 3]), palette=palette, turned=turned)


def _of_samples(samples: NDArray[Any], has_alpha: bool, lossy: bool, turned: bool) -> Stored:
    """Of ``(rows, columns, 2 to 4)``: grey or colour, and which pixels can be seen."""
    seen = _seen(samples[..., -1]) if has_alpha else None
    colours = samples[..., : samples.shape[2] - has_alpha]
    if colours.shape[2] == 1:
        return Stored(colours[..., 0], visible=seen, lossy=lossy, turned=turned)
    return Stored(colours, True, seen, lossy=lossy, turned=turned)


def _seen(alpha: NDArray[Any]) -> NDArray[np.bool_] | None:
    """What is more than half as opaque as the most opaque, which may be a glaze; None where all is."""
    seen = alpha > alpha.max(initial=0) // 2
    return None if seen.all() else seen


def _of_tiff(path: Path) -> Stored:
    with tiff_opened(path) as tif:
        images = _images(tif, path)
        page: Any = images[0].keyframe
        in_samples = page.samplesperpixel > 1
        values = np.concatenate([_planes(image, in_samples, path) for image in images])
        turned = page.tags.valueof(_ORIENTATION, default=1) != 1
        packing = tifffile.COMPRESSION(page.compression).name
        either = any(part in packing for part in _EITHER)
        lossy = "JPEG" in packing and not either
        values = values[0] if len(values) == 1 else values
        if in_samples:
            stored = _of_tiff_samples(path, page, values, lossy, turned)
        else:
            stored = _of_one_sample(page, values, lossy, turned)
        return replace(stored, perhaps_lossy=either)


def _of_one_sample(page: Any, values: NDArray[Any], lossy: bool, turned: bool) -> Stored:
    if page.photometric == tifffile.PHOTOMETRIC.PALETTE and page.colormap is not None:
        return Stored(values, palette=page.colormap.T, turned=turned)
    if page.photometric != tifffile.PHOTOMETRIC.MINISWHITE:
        return Stored(values, lossy=lossy, turned=turned)
    if values.dtype in (np.uint8, np.uint16):
        falling = np.arange(2**page.bitspersample)[::-1]
        return Stored(values, palette=np.stack([falling] * 3, axis=1), lossy=lossy, turned=turned)
    # In one bit there are no numbers, only what is seen; tifffile says of every bool array that 0 is white.
    seen = values.dtype == np.bool_ and not page.software.startswith("tifffile")
    return Stored(~values if seen else values, lossy=lossy, turned=turned)


def _images(tif: tifffile.TiffFile, path: Path) -> list[tifffile.TiffPageSeries]:
    """The images of full resolution, which are planes of one size."""
    every = [series for series in tif.series if 0 not in series.shape]
    images = [each for each in every if not each.keyframe.is_reduced] or every
    if not images:
        raise RadiographError(f"{path}: has no pixels.")
    kinds = {(image.keyframe.shape, image.keyframe.dtype) for image in images}
    if len(kinds) != 1:
        raise LabelError(f"{path}: holds {len(images)} images of several kinds; save the labels alone.")
    size = path.stat().st_size
    for image in images:
        check_claim(path, np.prod(image.shape, dtype=float) * image.keyframe.bitspersample / 8)
        pages = [page for page in image.pages if page is not None]
        ends = [sum(end) for page in pages for end in zip(page.dataoffsets, page.databytecounts, strict=True)]
        ends += [image.dataoffset + image.nbytes] if image.dataoffset is not None else []
        if max(ends, default=0) > size:
            raise LabelError(f"{path}: is truncated ({size} bytes of at least {max(ends)}).")
    return images


def _planes(image: tifffile.TiffPageSeries, in_samples: bool, path: Path) -> NDArray[Any]:
    """``(planes, rows, columns)``, or with samples as a fourth axis."""
    order = [image.axes.find(axis) for axis in ("YXS" if in_samples else "YX")]
    planes = [axis for axis in range(len(image.shape)) if axis not in order]
    if -1 in order or sum(image.shape[axis] > 1 for axis in planes) > (not in_samples):
        raise LabelError(
            f"{path}: holds an array of axes {image.axes} (shape {image.shape}), but labels are one plane or "
            "a stack of them."
        )
    pixels = np.asarray(image.asarray()).transpose(*planes, *order)
    return pixels.reshape(-1, *pixels.shape[len(planes) :])


def _of_tiff_samples(path: Path, page: Any, samples: NDArray[Any], lossy: bool, turned: bool) -> Stored:
    extra = page.tags.valueof(_EXTRA_SAMPLES, default=())
    has_alpha = bool(np.isin(extra, (1, 2)).any()) or samples.shape[-1] == 2
    if samples.ndim != 3 or samples.shape[-1] - has_alpha not in (1, 3) or samples.dtype.kind != "u":
        raise LabelError(
            f"{path}: has {samples.shape[-1]} samples of {samples.dtype} a pixel, which no mask has; save it "
            "in grey or in RGB."
        )
    return _of_samples(samples, has_alpha, lossy, turned)
