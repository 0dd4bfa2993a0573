"""From a file to a `Radiograph`.

The format is told by the first bytes, never by the suffix, which scanners and mail programs get wrong. The
file keeps its own dtype. Whatever a decoder finds wrong becomes one `RadiographError` with the file and the
reason, because the person at the screen can act on that and not on a traceback.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from napari_weld_fcn.errors import RadiographError
from napari_weld_fcn.radiograph.gdxray import parse_name
from napari_weld_fcn.radiograph.radiograph import PixelSizeSource, Radiograph
from napari_weld_fcn.radiograph.raster import (
    bmp_shape,
    jpeg_shape,
    png_pixel_size,
    png_shape,
    read_bmp,
    read_jpeg,
    read_png,
)
from napari_weld_fcn.radiograph.tiff import read_tiff, seen_otherwise, tiff_pixel_size, tiff_shape

_Reader = Callable[[Path], tuple[Any, float | None]]
_READERS: dict[bytes, tuple[str, _Reader]] = {
    b"\x89PNG\r\n\x1a\n": ("PNG", read_png),
    b"II*\x00": ("TIFF", read_tiff),
    b"MM\x00*": ("TIFF", read_tiff),
    b"II+\x00": ("TIFF", read_tiff),
    b"MM\x00+": ("TIFF", read_tiff),
    b"\xff\xd8\xff": ("JPEG", read_jpeg),
    b"BM": ("BMP", read_bmp),
}
#: Formats whose header may hold a pixel size, and what finds it there.
_SIZES: dict[str, Callable[[Path], float | None]] = {"PNG": png_pixel_size, "TIFF": tiff_pixel_size}
_SHAPES: dict[str, Callable[[Path], tuple[tuple[int, ...], np.dtype[Any]]]] = {
    "PNG": png_shape,
    "TIFF": tiff_shape,
    "JPEG": jpeg_shape,
    "BMP": bmp_shape,
}
#: What decoders raise on bytes that are not what they should be.
_DECODING = (OSError, SyntaxError, ValueError, TypeError, LookupError, ArithmeticError)
_FINITE_AT_ONCE = 2**22


def read(path: str | Path) -> Radiograph:
    """Read a radiograph from a PNG, TIFF, JPEG or BMP file.

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
        a measurement: 72 and 96 dpi, which programs write by default, are not. Else it is GDXray's for the
        names of its weld series (source ``"GDXray"``).

    Raises
    ------
    RadiographError
        If there is no such file or it is empty, truncated, damaged, no image, an animation, of several
        sizes, a volume of colour, of complex numbers, or has pixels that are NaN or infinite.
    """
    path = Path(path)
    kind, reader = _recognised(path)
    with _damage_told(path, kind):
        pixels, own_size_mm = reader(path)
    _check_numbers(pixels, path)
    pixel_size_mm, source = _size_and_source(path, own_size_mm)
    return Radiograph(
        pixels, path.stem, source=str(path), pixel_size_mm=pixel_size_mm, pixel_size_source=source
    )


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
    kind, _ = _recognised(path)
    with _damage_told(path, kind):
        size_mm = _SIZES[kind](path) if kind in _SIZES else None
    return _size_and_source(path, size_mm)


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
    path = Path(path)
    kind, _ = _recognised(path)
    with _damage_told(path, kind):
        return _SHAPES[kind](path)


def as_seen(path: str | Path, shown: np.ndarray) -> np.ndarray:
    """Undo what a program does that shows the numbers of a file as they are stored.

    A TIFF may store white as 0, or places in a palette; `read` gives grey as it is seen on a light box.

    Parameters
    ----------
    path
        The file that `shown` came from.
    shown
        ``(rows, columns)`` or ``(planes, rows, columns)`` as the program gives it, perhaps edited.

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
    kind, _ = _recognised(path)
    if kind != "TIFF":
        return shown
    with _damage_told(path, kind):
        seen = seen_otherwise(path, shown)
    return seen if seen is not None and np.array_equal(seen, read(path).pixels) else shown


@contextmanager
def _damage_told(path: Path, kind: str) -> Iterator[None]:
    """Turn whatever a decoder raises into the one sentence."""
    try:
        yield
    except MemoryError as fault:
        raise RadiographError(f"{path}: is too large for this computer's memory.") from fault
    except (*_DECODING, EOFError, struct.error, zlib.error) as fault:
        reason = " ".join(str(fault).split()) or type(fault).__name__
        raise RadiographError(f"{path}: is a damaged or truncated {kind} ({reason}).") from fault


def _size_and_source(path: Path, own_size_mm: float | None) -> tuple[float | None, PixelSizeSource]:
    """The file's own pixel size goes before the one of GDXray's series."""
    gdxray = parse_name(path.stem)
    if own_size_mm:
        return own_size_mm, "file"
    if gdxray is not None and gdxray.pixel_size_mm is not None:
        return gdxray.pixel_size_mm, "GDXray"
    return None, "none"


def _recognised(path: Path) -> tuple[str, _Reader]:
    if path.is_dir():
        raise RadiographError(f"{path}: is a folder, not an image file.")
    if not path.exists():
        raise RadiographError(f"{path}: no such file.")
    if not path.is_file():
        raise RadiographError(f"{path}: is no ordinary file.")
    try:
        with path.open("rb") as file:
            start = file.read(16)
    except OSError as fault:
        raise RadiographError(f"{path}: cannot be read ({fault.strerror}).") from fault
    if not start:
        raise RadiographError(f"{path}: is empty.")
    for magic, reader in _READERS.items():
        if start.startswith(magic):
            return reader
    raise RadiographError(f"{path}: is not a PNG, TIFF, JPEG or BMP image.")


def _check_numbers(pixels: Any, path: Path) -> None:
    if pixels.dtype.kind not in "buif":
        raise RadiographError(f"{path}: its pixels ({pixels.dtype}) are not real numbers.")
    if 0 in pixels.shape:
        raise RadiographError(f"{path}: has no pixels.")
    if pixels.dtype.kind != "f":
        return
    rows = pixels.reshape(-1, pixels.shape[-1])
    step = max(1, _FINITE_AT_ONCE // rows.shape[1])
    bad = sum(int((~np.isfinite(rows[top : top + step])).sum()) for top in range(0, len(rows), step))
    if bad:
        raise RadiographError(f"{path}: {bad} of its pixels are not finite numbers (NaN or infinity).")
