"""TIFF: one plane or a stack, of any number type, packing and colour, as programs show it that know TIFF.

What a file holds is decided by its tags, never by guessing from the shape: an axis of samples is colour, at
most one other axis is a stack, a page that is marked as reduced or as a mask belongs to another one. Pages of
one size are a stack however they were appended; pages of several sizes are refused, since picking one would
be a guess.

tifffile fills what is missing from a damaged file with zeros and mentions it in a log. A film with a black
end is worse than an error, so every extent is checked against the file and the log is listened to. It unpacks
with `imagecodecs`: a second decoder for what the first lacks would need its own rules for white as zero,
orientation and planes of colour, and had them wrong.
"""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from napari_weld_fcn.errors import LabelError, RadiographError
from napari_weld_fcn.radiograph.formats.damage import check_claim, reason
from napari_weld_fcn.radiograph.formats.format import Header, Stored, orientation_notes, register
from napari_weld_fcn.radiograph.formats.photometric import (
    grey_as_seen,
    grey_dtype,
    is_mask,
    is_stored_as_seen,
)
from napari_weld_fcn.radiograph.formats.pixel_size import tiff_calibration
from napari_weld_fcn.radiograph.formats.raster import stored_samples

#: Plain TIFFs from this size on are mapped, so that a film larger than the memory can be opened.
MAPPED_FROM_BYTES = 64 * 2**20

#: Parts of the names of packings that are lossy or not, as it was asked for.
_EITHER = ("JPEG2000", "JP2000", "JPEGXL", "JPEGXR", "WEBP", "LERC")

Series = tifffile.TiffPageSeries


def tiff_header(path: Path) -> Header:
    """What is known of a TIFF from its tags alone; errors as `read_tiff`, but for pixels that are damaged."""
    with tiff_opened(path) as tif:
        return _header(tif, _images(tif, path), path)


def _shown(path: Path) -> Any:
    with tiff_opened(path) as tif:
        return tif.series[0].asarray()


def _software(path: Path) -> str:
    with tiff_opened(path) as tif:
        return str(tif.pages.first.software)


def _images(tif: tifffile.TiffFile, path: Path) -> list[Series]:
    """What is to be seen at full resolution: one image, or several of one size and number type."""
    every = [series for series in tif.series if 0 not in series.shape]
    if not every:
        raise RadiographError(f"{path}: has no pixels.")
    own = [each for each in every if not (each.keyframe.is_reduced or each.keyframe.is_mask)]
    images = own or every
    for image in images:
        _refuse_cut_file(image, path)
    kinds = {(_plane_shape(image), grey_dtype(image.keyframe)) for image in images}
    if len(kinds) > 1:
        sizes = ", ".join(" x ".join(map(str, _plane_shape(image))) for image in images[:4])
        raise RadiographError(
            f"{path}: holds {len(images)} images that differ in size or depth ({sizes}), which are no stack; "
            "save each of them as a file of its own."
        )
    return images


def _header(tif: tifffile.TiffFile, images: Sequence[Series], path: Path) -> Header:
    page = images[0].keyframe
    layouts = [_layout(image, path) for image in images]
    planes = sum(planes for _, planes, _ in layouts)
    shape = _plane_shape(images[0])
    size = tiff_calibration(tif, page)
    return Header(
        shape if planes == 1 else (planes, *shape),
        grey_dtype(page),
        size.mm,
        (*orientation_notes(page.tags.valueof("Orientation", 1)), *size.notes),
        all(is_stored_as_seen(image.keyframe) for image in images),
    )


def _plane_shape(image: Series) -> tuple[int, int]:
    edges = dict(zip(image.axes, image.shape, strict=True))
    return edges.get("Y", 1), edges.get("X", 1)


def _layout(image: Series, path: Path) -> tuple[list[int], int, bool]:
    """The order in which its axes are plane, row, column, sample; how many planes; whether it has samples."""
    sizes = list(zip(image.axes, image.shape, strict=True))
    planes = [index for index, (axis, size) in enumerate(sizes) if axis not in "YXS" and size > 1]
    names = [axis for axis, _ in sizes]
    if len(planes) > 1 or names.count("Y") != 1 or names.count("X") != 1:
        raise RadiographError(
            f"{path}: holds an array of axes {image.axes} (shape {image.shape}), but a radiograph is one "
            "plane or a stack of them."
        )
    single = [index for index, (axis, _) in enumerate(sizes) if axis not in "YXS" and index not in planes]
    samples = [index for index, axis in enumerate(names) if axis == "S"]
    order = [*single, *planes, names.index("Y"), names.index("X"), *samples]
    in_samples = any(image.shape[index] > 1 for index in samples)
    return order, image.shape[planes[0]] if planes else 1, in_samples


def _planes(tif: tifffile.TiffFile, image: Series, path: Path) -> Any:
    """``(planes, rows, columns)``, or with samples as a fourth axis, of one of the file's images."""
    order, planes, in_samples = _layout(image, path)
    pixels = _decoded(tif, image, path).transpose(order)
    shape = (planes, *_plane_shape(image))
    return pixels.reshape((*shape, pixels.shape[-1]) if in_samples else shape)


def _grey(tif: tifffile.TiffFile, image: Series, path: Path) -> Any:
    """``(planes, rows, columns)`` of one of the file's images, as seen."""
    pixels = _planes(tif, image, path)
    try:
        return grey_as_seen(pixels, image.keyframe, pixels.ndim == 4)
    except ValueError as fault:
        raise RadiographError(f"{path}: {fault}; save it as grey or as RGB.") from fault


def _decoded(tif: tifffile.TiffFile, image: Series, path: Path) -> Any:
    native = tif.byteorder == ("<" if sys.byteorder == "little" else ">")
    if image.dataoffset is not None and native and image.nbytes >= MAPPED_FROM_BYTES:
        return np.memmap(path, image.dtype, "r", image.dataoffset, image.shape)
    try:
        return image.asarray()
    except MemoryError:
        raise
    except Exception as fault:  # decoders raise whatever they like
        raise RadiographError(
            f"{path}: its pixels cannot be unpacked (packing {_packing(image.keyframe)}: {reason(fault)}); "
            "it is damaged, or packed in a way that is not known here, so save it again without packing."
        ) from fault


def _packing(page: Any) -> str:
    try:
        return str(tifffile.COMPRESSION(page.compression).name)
    except ValueError:
        return str(page.compression)


def _refuse_cut_file(image: Series, path: Path) -> None:
    size, number = path.stat().st_size, image.keyframe.dtype
    if number is None:
        raise RadiographError(f"{path}: its pixels of {image.keyframe.bitspersample} bits are not known.")
    check_claim(path, np.prod(image.shape, dtype=float) * number.itemsize)
    parts = [
        (offset, count)
        for page in image.pages
        if page is not None
        for offset, count in zip(page.dataoffsets, page.databytecounts, strict=False)
    ]
    ends = [offset + count for offset, count in parts]
    if image.dataoffset is not None:
        ends.append(image.dataoffset + image.nbytes)
    if max(ends, default=0) > size:
        raise RadiographError(f"{path}: is truncated ({size} bytes of at least {max(ends)}).")
    missing = sum(not (offset and count) for offset, count in parts)
    if missing and not image.keyframe.is_contiguous:
        raise RadiographError(f"{path}: lacks the pixels of {missing} of its {len(parts)} strips or tiles.")


@contextmanager
def tiff_opened(path: Path) -> Iterator[tifffile.TiffFile]:
    """Open a TIFF, and refuse it where tifffile's log tells of damage.

    OME metadata that tell no order of the planes, such as what an editor left of them, count for nothing: its
    pages are then a stack as in any TIFF.
    """
    with _damage_refused(path), tifffile.TiffFile(path) as tif:
        if not tif.is_ome or _in_order(tif):
            yield tif
            return
        with tifffile.TiffFile(path, is_ome=False) as plain:
            yield plain


def _in_order(tif: tifffile.TiffFile) -> bool:
    try:
        return bool(tif.series)
    except (LookupError, TypeError, ValueError):
        return False


@contextmanager
def _damage_refused(path: Path) -> Iterator[None]:
    """Listen to tifffile's log and refuse the file if it tells of damage."""
    complaints = _Complaints()
    log = logging.getLogger("tifffile")
    log.addHandler(complaints)
    try:
        yield
    finally:
        log.removeHandler(complaints)
    if complaints.heard:
        raise RadiographError(f"{path}: is a damaged TIFF.")


class _Complaints(logging.Handler):
    """Keeps whether the thread that made it logged damage; other threads read other files."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.heard = False
        self._thread = threading.get_ident()

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        grave = record.levelno >= logging.ERROR or "corrupted" in text or "zeroed" in text
        self.heard = self.heard or (grave and record.thread == self._thread)


def tiff_stored(path: Path) -> Stored:
    """Read the numbers of a mask.

    Raises
    ------
    LabelError
        If it has samples that no mask has.
    RadiographError
        As `read_tiff`.
    """
    with tiff_opened(path) as tif:
        images = _images(tif, path)
        page: Any = images[0].keyframe
        values = np.concatenate([_planes(tif, image, path) for image in images])
        values = values[0] if len(values) == 1 else values
        packing = _packing(page)
        either = any(part in packing for part in _EITHER)
        lossy = "JPEG" in packing and not either
        turned = page.tags.valueof("Orientation", 1) != 1
        of_samples = page.samplesperpixel > 1
        stored = (_of_samples if of_samples else _of_one_sample)(path, page, values, lossy, turned)
        return replace(stored, perhaps_lossy=either)


def _of_one_sample(path: Path, page: Any, values: NDArray[Any], lossy: bool, turned: bool) -> Stored:
    if page.photometric == tifffile.PHOTOMETRIC.PALETTE and page.colormap is not None:
        return Stored(values, palette=page.colormap.T, turned=turned)
    if page.photometric != tifffile.PHOTOMETRIC.MINISWHITE:
        return Stored(values, lossy=lossy, turned=turned)
    if values.dtype in (np.uint8, np.uint16):
        falling = np.arange(2**page.bitspersample)[::-1]
        return Stored(values, palette=np.stack([falling] * 3, axis=1), lossy=lossy, turned=turned)
    # In one bit there are no numbers, only what is seen.
    seen = values.dtype == np.bool_ and not is_mask(page)
    return Stored(~values if seen else values, lossy=lossy, turned=turned)


def _of_samples(path: Path, page: Any, samples: NDArray[Any], lossy: bool, turned: bool) -> Stored:
    has_alpha = bool(np.isin(page.extrasamples, (1, 2)).any()) or samples.shape[-1] == 2
    if samples.ndim != 3 or samples.shape[-1] - has_alpha not in (1, 3) or samples.dtype.kind != "u":
        raise LabelError(
            f"{path}: has {samples.shape[-1]} samples of {samples.dtype} a pixel, which no mask has; save it "
            "in grey or in RGB."
        )
    return stored_samples(samples, has_alpha=has_alpha, lossy=lossy, turned=turned)


@register(
    "TIFF",
    (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+"),
    ".tif .tiff .tf8 .btf",
    header=tiff_header,
    stored=tiff_stored,
    shown=_shown,
    software=_software,
)
def read_tiff(path: Path) -> tuple[Any, Header]:
    """Read a TIFF.

    Returns
    -------
    pixels
        ``(rows, columns)`` or ``(planes, rows, columns)`` in the file's own dtype; large uncompressed files
        are mapped, not loaded. Colour becomes luminance, and files in which 0 is white are negated, so that
        a film looks as it does on a light box.
    header
        As `tiff_header`.

    Raises
    ------
    RadiographError
        If the file is damaged or packed in an unknown way, or holds images of several sizes, colours that
        are not known, or over three dimensions.
    """
    with tiff_opened(path) as tif:
        images = _images(tif, path)
        parts = [_grey(tif, image, path) for image in images]
        header = _header(tif, images, path)
        pixels = parts[0] if len(parts) == 1 else np.concatenate(parts)
        return pixels.reshape(header.shape), header
