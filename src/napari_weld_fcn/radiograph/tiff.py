"""TIFF: one plane or a stack, any number type, with the resolution tag as pixel size.

What a file holds is decided by its axes, never by guessing from the shape: an axis of samples is colour, at
most one other axis is a stack. Pages of several sizes are refused, since picking one would be a guess.

tifffile fills what is missing from a damaged file with zeros and mentions it in a log. A film with a black
end is worse than an error, so every extent is checked against the file and the log is listened to. Some
compressions (LZW, CCITT, JPEG) that tifffile leaves to a large optional library are decoded by Pillow.
"""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from PIL import TiffImagePlugin

from napari_weld_fcn.errors import RadiographError
from napari_weld_fcn.radiograph.pixel_size import MM_PER_UNIT, believable, from_density
from napari_weld_fcn.radiograph.raster import check_claim, luminance

#: Plain TIFFs from this size on are mapped, so that a film larger than the memory can be opened.
MAPPED_FROM_BYTES = 64 * 2**20


def read_tiff(path: Path) -> tuple[Any, float | None]:
    """Read a TIFF.

    Returns
    -------
    pixels
        ``(rows, columns)`` or ``(planes, rows, columns)`` in the file's own dtype; large uncompressed files
        are mapped, not loaded. Colour becomes luminance, and unsigned files in which 0 is white are negated,
        so that a film looks as it does on a light box.
    pixel_size_mm
        From ImageJ's or OME's metadata or the resolution tag, or None (see `pixel_size`).

    Raises
    ------
    RadiographError
        If the file is damaged, or holds pages of several sizes, a volume of colour or over three dimensions.
    """
    with _damage_refused(path), tifffile.TiffFile(path) as tif:
        series = _only_series(tif, path)
        _refuse_cut_file(tif, series, path)
        page = series.keyframe
        pixels, coloured = _in_order(_decoded(tif, series, path), series, path)
        grey = _grey_of_samples(pixels, path) if coloured else _grey_as_seen(pixels, page)
        return grey, _pixel_size_mm(tif, page)


def tiff_pixel_size(path: Path) -> float | None:
    """The pixel size that `read_tiff` gives, in mm, from the file's tags alone."""
    with _damage_refused(path), tifffile.TiffFile(path) as tif:
        return _pixel_size_mm(tif, _only_series(tif, path).keyframe)


def tiff_shape(path: Path) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Shape and dtype that `read_tiff` gives, from the file's tags alone."""
    with _damage_refused(path), tifffile.TiffFile(path) as tif:
        series = _only_series(tif, path)
        _refuse_cut_file(tif, series, path)
        sizes = list(zip(series.axes, series.shape, strict=True))
        planes = [size for axis, size in sizes if axis not in "YXS" and size > 1]
        palette = series.keyframe.photometric == tifffile.PHOTOMETRIC.PALETTE
        edges = dict(sizes)
        dtype = np.dtype(np.uint8 if palette else series.keyframe.dtype).newbyteorder("=")
        return (*planes, edges.get("Y", 1), edges.get("X", 1)), dtype


def seen_otherwise(path: Path, stored: np.ndarray) -> np.ndarray | None:
    """Grey as seen of the numbers that a TIFF stores, where the two differ.

    Programs that show the stored numbers, napari among them, show a film with 0 as white in negative.

    Parameters
    ----------
    path
        The TIFF.
    stored
        What such a program gives for it.

    Returns
    -------
    ndarray or None
        As `read_tiff` gives it; None where the file needs no such change, or `stored` cannot be its own.
    """
    with _damage_refused(path), tifffile.TiffFile(path) as tif:
        page = _only_series(tif, path).keyframe
        if page.photometric not in (tifffile.PHOTOMETRIC.MINISWHITE, tifffile.PHOTOMETRIC.PALETTE):
            return None
        return np.asarray(_grey_as_seen(stored, page)) if stored.dtype == page.dtype else None


def _only_series(tif: tifffile.TiffFile, path: Path) -> tifffile.TiffPageSeries:
    images = [level for series in tif.series for level in series.levels]
    if len(images) > 1:
        sizes = ", ".join(" x ".join(map(str, image.shape)) for image in images[:4])
        raise RadiographError(
            f"{path}: holds {len(images)} images of several kinds ({sizes}); save the right one alone."
        )
    if not images or 0 in images[0].shape:
        raise RadiographError(f"{path}: has no pixels.")
    return images[0]


def _refuse_cut_file(tif: tifffile.TiffFile, series: tifffile.TiffPageSeries, path: Path) -> None:
    size = path.stat().st_size
    check_claim(path, np.prod(series.shape, dtype=float) * series.keyframe.bitspersample / 8)
    ends = [
        offset + count
        for page in series.pages
        if page is not None
        for offset, count in zip(page.dataoffsets, page.databytecounts, strict=False)
    ]
    if series.dataoffset is not None:
        ends.append(series.dataoffset + series.nbytes)
    if max(ends, default=0) > size:
        raise RadiographError(f"{path}: is truncated ({size} bytes of at least {max(ends)}).")


def _decoded(tif: tifffile.TiffFile, series: tifffile.TiffPageSeries, path: Path) -> Any:
    native = tif.byteorder == ("<" if sys.byteorder == "little" else ">")
    if series.dataoffset is not None and native and series.nbytes >= MAPPED_FROM_BYTES:
        return np.memmap(path, series.dtype, "r", series.dataoffset, series.shape)
    try:
        return series.asarray()
    except (ValueError, KeyError) as fault:
        if "imagecodecs" not in str(fault):
            raise
        return _decoded_by_pillow(series, path)


def _decoded_by_pillow(series: tifffile.TiffPageSeries, path: Path) -> np.ndarray:
    planes = []
    with TiffImagePlugin.TiffImageFile(path) as image:
        for number in range(image.n_frames):
            image.seek(number)
            planes.append(np.asarray(image))
    pixels = np.stack(planes).astype(planes[0].dtype.newbyteorder("="))
    page = series.keyframe
    if pixels.dtype != page.dtype or pixels.size != np.prod(series.shape):
        compression = tifffile.COMPRESSION(page.compression).name
        raise RadiographError(
            f"{path}: {page.dtype} pixels packed by {compression} cannot be read; save it unpacked."
        )
    if page.photometric == tifffile.PHOTOMETRIC.MINISWHITE and pixels.dtype.itemsize == 1:
        pixels = _negated(pixels, page.bitspersample)  # Pillow has negated these already
    return pixels.reshape(series.shape)


def _in_order(pixels: Any, series: tifffile.TiffPageSeries, path: Path) -> tuple[Any, bool]:
    """Order the axes as plane, row, column, sample without those of length one; say if there are samples."""
    kept = [
        (axis, index) for index, axis in enumerate(series.axes) if axis in "YX" or pixels.shape[index] > 1
    ]
    names = "".join(axis for axis, _ in kept)
    planes = [axis for axis in names if axis not in "YXS"]
    if names.count("Y") != 1 or names.count("X") != 1 or len(planes) > 1 or (planes and "S" in names):
        what = "a volume of colour images" if "S" in names else f"an array of axes {series.axes}"
        raise RadiographError(
            f"{path}: holds {what} (shape {series.shape}), but a radiograph is one plane or a grey stack."
        )
    order = [index for wanted in (*planes, "Y", "X", "S") for axis, index in kept if axis == wanted]
    dropped = [index for index in range(len(pixels.shape)) if index not in order]
    ordered = pixels.transpose(dropped + order)
    return ordered.reshape(ordered.shape[len(dropped) :]), "S" in names


def _grey_of_samples(pixels: Any, path: Path) -> Any:
    samples = pixels.shape[2]
    if samples > 4:
        raise RadiographError(f"{path}: has {samples} samples a pixel, but grey has one and colour three.")
    return pixels[..., 0] if samples == 2 else luminance(pixels)


def _grey_as_seen(pixels: Any, page: Any) -> Any:
    if page.photometric == tifffile.PHOTOMETRIC.PALETTE and page.colormap is not None:
        colours = page.colormap.T
        greys = luminance((colours >> 8 if colours.max() > 255 else colours).astype(np.uint8)[np.newaxis])[0]
        return greys[pixels]
    white_is_zero = page.photometric == tifffile.PHOTOMETRIC.MINISWHITE
    # tifffile says so of every bool array that it writes, as it is: those are masks, in which True is True.
    mask = pixels.dtype == np.bool_ and page.software.startswith("tifffile")
    if white_is_zero and not mask and pixels.dtype.kind in "bu":
        return _negated(pixels, page.bitspersample)
    return pixels


def _negated(pixels: Any, bits: int) -> Any:
    return ~pixels if pixels.dtype == np.bool_ else pixels.dtype.type(2**bits - 1) - pixels


def _pixel_size_mm(tif: tifffile.TiffFile, page: Any) -> float | None:
    if tif.is_ome and tif.ome_metadata:
        return _ome_pixel_size_mm(tif.ome_metadata)
    x, y = (_ratio(page.tags.get(name)) for name in ("XResolution", "YResolution"))
    unit = page.tags.get("ResolutionUnit")
    if tif.is_imagej:
        mm = MM_PER_UNIT.get(str((tif.imagej_metadata or {}).get("unit", "")).replace("\\u00B5", "µ").lower())
        if mm:
            return believable(mm / x, mm / y) if x > 0 and y > 0 else None
    inch_or_cm = {tifffile.RESUNIT.INCH: 25.4, tifffile.RESUNIT.CENTIMETER: 10.0}
    # The standard's default unit is the inch.
    mm_per_unit = inch_or_cm.get(unit.value if unit else tifffile.RESUNIT.INCH)
    return from_density(x, y, mm_per_unit) if mm_per_unit else None


def _ratio(tag: Any) -> float:
    if tag is None:
        return 0.0
    numerator, denominator = tag.value if isinstance(tag.value, tuple) else (tag.value, 1)
    return float(numerator / denominator) if denominator else 0.0


def _ome_pixel_size_mm(xml: str) -> float | None:
    image = tifffile.xml2dict(xml).get("OME", {}).get("Image", {})
    grid = (image[0] if isinstance(image, list) else image).get("Pixels", {})
    x_mm, y_mm = (
        float(grid.get(f"PhysicalSize{axis}", 0))
        * MM_PER_UNIT.get(grid.get(f"PhysicalSize{axis}Unit", "µm"), 0)
        for axis in "XY"
    )
    return believable(x_mm, y_mm or x_mm)


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
