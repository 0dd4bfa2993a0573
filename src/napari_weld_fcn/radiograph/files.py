"""From a file to a `Radiograph`.

The format is told by the first bytes, never by the suffix, which scanners and mail programs get wrong. The
file keeps its own dtype. Whatever a decoder finds wrong becomes one `RadiographError` with the file and the
reason, because the person at the screen can act on that and not on a traceback.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from napari_weld_fcn.errors import RadiographError
from napari_weld_fcn.radiograph.formats.damage import damage_told
from napari_weld_fcn.radiograph.formats.format import Header, format_of
from napari_weld_fcn.radiograph.gdxray.folders import series_pixel_size_mm
from napari_weld_fcn.radiograph.radiograph import PixelSizeSource, Radiograph


def read(path: str | Path) -> Radiograph:
    """Read a radiograph from a PNG, TIFF, JPEG or BMP file, or any other of the registered formats.

    Parameters
    ----------
    path
        The file. Its name without the suffix becomes the radiograph's name and film.

    Returns
    -------
    Radiograph
        Pixels ``(rows, columns)`` or, from a TIFF, ``(planes, rows, columns)``, in the file's own dtype (bool
        for 1 bit); colour as luminance of the same depth. The pixel size is the file's own (source
        ``"file"``): a TIFF's resolution tag, ImageJ or OME metadata, a PNG's pHYs, each only where it can be
        a measurement: 72 and 96 dpi, which programs write by default, are not. Else it is GDXray's for a
        file in the folder of one of its weld series (source ``"GDXray"``). Pixels keep the order in which
        they are stored; an orientation tag that makes other viewers turn them is told in the radiograph's
        notes, and so are pixels that are not square.

    Raises
    ------
    RadiographError
        If there is no such file or it is empty, truncated, damaged, packed in an unknown way, no image, an
        animation, of images of several sizes, of over three dimensions, or of complex numbers.
    """
    path = Path(path)
    kind = format_of(path)
    with damage_told(path, kind.name):
        pixels, header = kind.read(path)
    _check_numbers(pixels, path)
    pixel_size_mm, source = _size_and_source(path, header.pixel_size_mm)
    return Radiograph(
        pixels,
        path.stem,
        source=str(path),
        pixel_size_mm=pixel_size_mm,
        pixel_size_source=source,
        notes=tuple(f"{path.name}: {note}" for note in header.notes),
    )


def notes_of(path: str | Path) -> tuple[str, ...]:
    """Find the notes that `read` gives, from the file's header alone; parameters and errors as there."""
    return tuple(f"{Path(path).name}: {note}" for note in _header(Path(path)).notes)


def pixel_size_of(path: str | Path) -> tuple[float | None, PixelSizeSource]:
    """Find the pixel size that `read` gives, and its source, from the file's header alone.

    Parameters
    ----------
    path
        The file.

    Raises
    ------
    RadiographError
        If there is no such file, or its header is damaged or no image's.
    """
    path = Path(path)
    return _size_and_source(path, _header(path).pixel_size_mm)


def shape_of(path: str | Path) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Find the shape and the dtype of the pixels that `read` gives, from the file's header alone.

    Parameters
    ----------
    path
        The file.

    Raises
    ------
    RadiographError
        If there is no such file, or its header is damaged or no image's.
    """
    header = _header(Path(path))
    return header.shape, header.dtype


def as_read(path: str | Path, shown: np.ndarray) -> np.ndarray:
    """Undo what a program does that shows the numbers of a file as they are stored.

    A file may store white as 0, places in a palette, or ink; `read` gives grey as it is seen on a light box.

    Parameters
    ----------
    path
        The file that `shown` came from.
    shown
        ``(rows, columns)`` or ``(planes, rows, columns)`` as the program gives it, perhaps edited; with a
        last axis of 3 or 4 samples where it takes them for colour.

    Returns
    -------
    ndarray
        What `read` gives, where `shown` is exactly what the file stores and that differs; else `shown`.

    Raises
    ------
    RadiographError
        As `read`.
    """
    path = Path(path)
    kind, header = format_of(path), _header(path)
    of_one_kind = header.shape == shown.shape or header.shape == shown.shape[:-1]
    if header.as_stored or kind.shown is None or not of_one_kind:
        return shown
    with damage_told(path, kind.name):
        stored = kind.shown(path)
    return np.asarray(read(path).pixels) if np.array_equal(stored, shown, equal_nan=True) else shown


def _header(path: Path) -> Header:
    kind = format_of(path)
    with damage_told(path, kind.name):
        return kind.header(path)


def _size_and_source(path: Path, own_size_mm: float | None) -> tuple[float | None, PixelSizeSource]:
    """The file's own pixel size goes before the one of GDXray's series."""
    if own_size_mm:
        return own_size_mm, "file"
    of_series = series_pixel_size_mm(path)
    return (of_series, "GDXray") if of_series else (None, "none")


def _check_numbers(pixels: Any, path: Path) -> None:
    if pixels.dtype.kind not in "buif":
        raise RadiographError(f"{path}: its pixels ({pixels.dtype}) are not real numbers.")
    if 0 in pixels.shape:
        raise RadiographError(f"{path}: has no pixels.")
