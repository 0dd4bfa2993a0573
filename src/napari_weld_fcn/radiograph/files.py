"""From a file to a `Radiograph`.

The format is told by the first bytes, never by the suffix, which scanners and mail programs get wrong. The
file keeps its own dtype. Whatever a decoder finds wrong becomes one `RadiographError` with the file and the
reason, because the person at the screen can act on that and not on a traceback.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from napari_weld_fcn.errors import RadiographError
from napari_weld_fcn.radiograph.gdxray import parse_name
from napari_weld_fcn.radiograph.radiograph import PixelSizeSource, Radiograph
from napari_weld_fcn.radiograph.raster import read_bmp, read_jpeg, read_png
from napari_weld_fcn.radiograph.tiff import read_tiff

#: What counts as an image in a folder.
SUFFIXES = frozenset({".png", ".tif", ".tiff", ".jpg", ".jpeg", ".bmp"})
#: What `predict` writes itself; a folder that is read again does not give these as inputs.
OUTPUT_ENDINGS = ("_heatmap.tif", "_labels.tif", "_overlay.png")

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
    try:
        pixels, pixel_size_mm = reader(path)
    except MemoryError as fault:
        raise RadiographError(f"{path}: is too large for this computer's memory.") from fault
    except (*_DECODING, EOFError, struct.error, zlib.error) as fault:
        reason = " ".join(str(fault).split()) or type(fault).__name__
        raise RadiographError(f"{path}: is a damaged or truncated {kind} ({reason}).") from fault
    _check_numbers(pixels, path)
    source: PixelSizeSource = "file" if pixel_size_mm else "none"
    gdxray = parse_name(path.stem)
    if pixel_size_mm is None and gdxray is not None and gdxray.pixel_size_mm is not None:
        pixel_size_mm, source = gdxray.pixel_size_mm, "GDXray"
    return Radiograph(
        pixels, path.stem, source=str(path), pixel_size_mm=pixel_size_mm, pixel_size_source=source
    )


def image_paths(inputs: str | Path | Iterable[str | Path]) -> list[Path]:
    """List the image files that `inputs` stand for.

    Parameters
    ----------
    inputs
        Files, folders (GDXray series are ones), or one of them. A folder gives the images directly in it,
        sorted by name, without hidden files and without what `predict` wrote there; a file is passed
        through, so that whatever is wrong with it is told when it is read.

    Returns
    -------
    list of Path
        In the order given, each file once.

    Raises
    ------
    RadiographError
        If a folder holds no image or cannot be listed.
    """
    given = [inputs] if isinstance(inputs, str | Path) else inputs
    found: dict[Path, Path] = {}
    for path in map(Path, given):
        for image in _images_in(path) if path.is_dir() else [path]:
            found.setdefault(image.resolve(), image)
    return list(found.values())


def _images_in(folder: Path) -> list[Path]:
    try:
        entries = sorted(folder.iterdir())
    except OSError as fault:
        raise RadiographError(f"{folder}: cannot be listed ({fault.strerror}).") from fault
    images = [
        path
        for path in entries
        if path.suffix.lower() in SUFFIXES
        and not path.name.startswith(".")
        and not path.name.endswith(OUTPUT_ENDINGS)
        and path.is_file()
    ]
    if not images:
        raise RadiographError(f"{folder}: there is no PNG, TIFF, JPEG or BMP image in this folder.")
    return images


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
